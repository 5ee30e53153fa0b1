//! What a table's files hold together: columns by name, types that fit all files, statistics.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{ScalarValue, Statistics};
use datafusion_datasource::TableSchema;
use futures::{StreamExt, TryStreamExt};
use headwater_common::{Error, Limits, Result};
use headwater_source::{ErrorExt, TableName};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;

use crate::arrow_file::ArrowDecoder;
use crate::csv::infer::{CsvColumn, CsvInference};
use crate::error::read_error;
use crate::json::decode as json;
use crate::json::shape::Shape;
use crate::options::{CsvOptions, TableOptions};
use crate::parquet_file::{self, Footer};
use crate::partition;
use crate::store::pinned::{PinnedStore, same};
use crate::tables::{Candidate, FileFormat, TableFile};
use crate::text::compression::{Codec, Decompressor};
use crate::text::kind::Kind;
use crate::text::scan::TextFormat;

/// Files that are looked into at the same time.
const PARALLEL: usize = 8;
/// Decoded bytes of a file that are looked at for its types.
const SAMPLE_BYTES: usize = 32 << 20;
/// Bytes that are decoded before it is looked whether they are enough; compressed ones can become very many.
const SAMPLE_STEP: usize = 512;
/// The same for JSON once there are as many lines as rows are wanted.
const JSON_SAMPLE_BYTES: usize = 4 << 20;

/// What one file says about itself.
#[derive(Debug, Clone)]
pub(crate) enum Facts {
    Parquet(Footer, SchemaRef),
    Csv(Vec<CsvColumn>),
    Json(Shape),
    Arrow(SchemaRef),
}

/// What is known of files that have not changed since.
pub(crate) type Known = Mutex<HashMap<Path, (ObjectMeta, Facts)>>;

/// A file of a table, ready to be scanned.
#[derive(Debug, Clone)]
pub(crate) struct ReadyFile {
    pub(crate) meta: ObjectMeta,
    pub(crate) codec: Codec,
    pub(crate) values: Vec<ScalarValue>,
    pub(crate) footer: Option<Footer>,
    pub(crate) statistics: Option<Arc<Statistics>>,
}

/// A table, ready to be scanned.
#[derive(Debug, Clone)]
pub(crate) struct ReadyTable {
    pub(crate) name: TableName,
    pub(crate) under: String,
    pub(crate) format: FileFormat,
    /// How the bytes become rows; `None` for Parquet.
    pub(crate) text: Option<TextFormat>,
    pub(crate) schema: TableSchema,
    pub(crate) files: Vec<ReadyFile>,
}

/// What inference needs.
pub(crate) struct Inference<'a> {
    pub(crate) source: &'a str,
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) options: &'a TableOptions,
    pub(crate) limits: &'a Limits,
    pub(crate) known: &'a Known,
    pub(crate) stale: &'a Arc<AtomicBool>,
}

impl Inference<'_> {
    /// The table that a candidate's files make.
    pub(crate) async fn table(&self, name: &TableName, candidate: &Candidate) -> Result<ReadyTable> {
        if let Some(problem) = &candidate.problem {
            return Err(Error::source_failed(self.source, problem.clone()));
        }
        let first = candidate.files.first().ok_or_else(|| Error::source_failed(self.source, "there are no files"))?;
        let format = first.format;
        let declared = self.options.declared(&name.schema, &name.table);
        let csv = self.csv_options(format, declared);
        let facts: Vec<Option<Facts>> = match (format, declared) {
            (FileFormat::Json, Some(_)) => vec![None; candidate.files.len()],
            _ => self.all_facts(&candidate.files, &csv).await?,
        };
        let (fields, values) = partition::columns(&candidate.files, self.options.hive_types)?;
        let (file_fields, text) = self.columns(format, candidate, &facts, declared, csv)?;
        let overlaps = |f: &FieldRef| fields.iter().any(|p| p.name() == f.name());
        if let Some(field) = file_fields.iter().find(|f| overlaps(f) && format == FileFormat::Json) {
            return Err(Error::invalid(format!("field \"{}\" is also the name of its folders", field.name())));
        }
        let file_fields: Vec<FieldRef> = file_fields.into_iter().filter(|f| !overlaps(f)).collect();
        let file_schema: SchemaRef = Arc::new(Schema::new(file_fields));
        let files = candidate.files.iter().zip(facts).zip(values);
        let files = files.map(|((file, facts), values)| ready(file, facts, values, &file_schema));
        let files = files.collect::<Result<Vec<_>>>().map_err(|e| e.from_source(self.source))?;
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(fields).build();
        Ok(ReadyTable { name: name.clone(), under: candidate.under.clone(), format, text, schema, files })
    }

    fn csv_options(&self, format: FileFormat, declared: Option<&Arc<Vec<FieldRef>>>) -> CsvOptions {
        let mut csv = self.options.csv.clone();
        if format == FileFormat::Tsv {
            csv.delimiter = b'\t';
        }
        if !csv.header {
            csv.names = declared.map(|fields| fields.iter().map(|f| f.name().clone()).collect());
        }
        csv
    }

    async fn all_facts(&self, files: &[TableFile], csv: &CsvOptions) -> Result<Vec<Option<Facts>>> {
        let reads = files.iter().map(|file| self.facts(file, csv));
        // The first failure in the order of files is the one that is told.
        futures::stream::iter(reads.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await
    }

    /// What a file says; `None` when it is empty.
    async fn facts(&self, file: &TableFile, csv: &CsvOptions) -> Result<Option<Facts>> {
        let location = &file.meta.location;
        if let Some((meta, facts)) = self.known.lock().get(location)
            && same(meta, &file.meta)
        {
            return Ok(Some(facts.clone()));
        }
        let one = std::iter::once(file.meta.clone());
        let store = PinnedStore::new(Arc::clone(self.store), one, Arc::clone(self.stale));
        let failed = |e: Error| read_error(self.source, location.as_ref(), &e.into_datafusion());
        let facts = match file.format {
            FileFormat::Parquet => {
                let read = parquet_file::footer(
                    &store,
                    &file.meta,
                    self.options.binary_as_string,
                    self.limits.decompression_ratio,
                );
                let (footer, schema) = read.await.map_err(|e| read_error(self.source, location.as_ref(), &e))?;
                Some(Facts::Parquet(footer, schema))
            }
            FileFormat::Csv | FileFormat::Tsv => {
                let mut inference = CsvInference::new(csv);
                let whole = self.sample(&store, file, &mut |bytes| inference.push(bytes)).await?;
                let columns = inference.finish(whole).map_err(failed)?;
                (!columns.is_empty()).then_some(Facts::Csv(columns))
            }
            FileFormat::Json => {
                let (mut sample, mut lines) = (Vec::new(), 0);
                let mut keep = |bytes: &[u8]| {
                    sample.extend_from_slice(bytes);
                    lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
                    Ok(lines >= self.options.json.sample_rows && sample.len() >= JSON_SAMPLE_BYTES)
                };
                let whole = self.sample(&store, file, &mut keep).await?;
                let shape = json::infer(&sample, whole, self.options.json.sample_rows).map_err(failed)?;
                (shape != Shape::Null).then_some(Facts::Json(shape))
            }
            FileFormat::Arrow => {
                let mut schema = None;
                let mut start = Vec::new();
                let mut keep = |bytes: &[u8]| {
                    start.extend_from_slice(bytes);
                    schema = ArrowDecoder::schema(&start)?;
                    Ok(schema.is_some())
                };
                self.sample(&store, file, &mut keep).await?;
                let schema = schema.ok_or_else(|| failed(Error::invalid("the file holds no Arrow schema")))?;
                Some(Facts::Arrow(schema))
            }
        };
        if let Some(facts) = &facts {
            self.known.lock().insert(location.clone(), (file.meta.clone(), facts.clone()));
        }
        Ok(facts)
    }

    /// Passes the first decoded bytes of a file on until `enough`; returns whether that was the whole file.
    async fn sample(
        &self,
        store: &PinnedStore,
        file: &TableFile,
        enough: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<bool> {
        let location = &file.meta.location;
        let failed = |e: Error| read_error(self.source, location.as_ref(), &e.into_datafusion());
        let got = store.get(location).await;
        let lost = |e: object_store::Error| read_error(self.source, location.as_ref(), &e.into());
        let mut bytes = got.map_err(lost)?.into_stream();
        let mut decompressor = Decompressor::new(file.codec, self.limits.decompression_ratio)?;
        let (mut done, mut seen) = (false, 0);
        while let Some(piece) = bytes.try_next().await.map_err(lost)? {
            for part in piece.chunks(SAMPLE_STEP) {
                let mut sink = |decoded: &[u8]| {
                    seen += decoded.len();
                    done = done || enough(decoded)? || seen >= SAMPLE_BYTES;
                    Ok(())
                };
                decompressor.push(part, &mut sink).map_err(failed)?;
                if done {
                    return Ok(false);
                }
            }
        }
        let mut sink = |decoded: &[u8]| enough(decoded).map(drop);
        decompressor.finish(&mut sink).map_err(failed)?;
        Ok(true)
    }

    /// The columns that files hold, and how their bytes become rows.
    fn columns(
        &self,
        format: FileFormat,
        candidate: &Candidate,
        facts: &[Option<Facts>],
        declared: Option<&Arc<Vec<FieldRef>>>,
        csv: CsvOptions,
    ) -> Result<(Vec<FieldRef>, Option<TextFormat>)> {
        let path = |i: usize| candidate.files.get(i).map_or("", |f| f.meta.location.as_ref());
        let said = facts.iter().enumerate().filter_map(|(i, f)| f.as_ref().map(|f| (path(i), f)));
        match format {
            FileFormat::Parquet | FileFormat::Arrow => {
                if declared.is_some() {
                    return Err(Error::invalid(
                        "option columns is for CSV and JSON tables; the types of others are in the files",
                    ));
                }
                let schemas = said.filter_map(|(path, f)| match f {
                    Facts::Parquet(_, schema) | Facts::Arrow(schema) => Some((path, schema)),
                    _ => None,
                });
                let fields = union(schemas, format == FileFormat::Parquet)?;
                Ok((fields, (format == FileFormat::Arrow).then_some(TextFormat::Arrow)))
            }
            FileFormat::Csv | FileFormat::Tsv => {
                let columns = said.filter_map(|(path, f)| match f {
                    Facts::Csv(columns) => Some((path, columns)),
                    _ => None,
                });
                let fields = csv_fields(columns, declared, &csv)?;
                let names = declared.map(|d| d.iter().map(|f| f.name().clone()).collect()).unwrap_or_default();
                Ok((fields, Some(TextFormat::Csv(csv, Arc::new(names)))))
            }
            FileFormat::Json => {
                if let Some(declared) = declared {
                    return Ok((declared.to_vec(), Some(TextFormat::Json(self.options.json, true, true))));
                }
                let shapes = said.filter_map(|(_, f)| if let Facts::Json(shape) = f { Some(shape) } else { None });
                let (fields, nested_texts) = json_fields(shapes)?;
                Ok((fields, Some(TextFormat::Json(self.options.json, false, nested_texts))))
            }
        }
    }
}

fn ready(file: &TableFile, facts: Option<Facts>, values: Vec<ScalarValue>, schema: &SchemaRef) -> Result<ReadyFile> {
    let footer = match facts {
        Some(Facts::Parquet(footer, _)) => Some(footer),
        _ => None,
    };
    let statistics = match &footer {
        Some(footer) => Some(Arc::new(
            parquet_file::statistics(footer, schema)
                .map_err(|e| Error::invalid(format!("{}: {}", file.meta.location, e.strip_backtrace())))?,
        )),
        None => None,
    };
    Ok(ReadyFile { meta: file.meta.clone(), codec: file.codec, values, footer, statistics })
}

/// All columns by name, in the order of their first appearance; a column that some file lacks may be null.
fn union<'a>(schemas: impl Iterator<Item = (&'a str, &'a SchemaRef)>, widen: bool) -> Result<Vec<FieldRef>> {
    let mut all: Vec<(FieldRef, &str, usize)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut files = 0;
    for (path, schema) in schemas {
        files += 1;
        for field in schema.fields() {
            let Some(place) = places.get(field.name()).copied() else {
                places.insert(field.name().clone(), all.len());
                all.push((Arc::new(Field::clone(field).with_metadata(HashMap::new())), path, 1));
                continue;
            };
            let (known, first, count) = &mut all[place];
            if *first == path {
                return Err(Error::invalid(format!("{path}: column \"{}\" is there twice", field.name())));
            }
            let wider = common_type(known.data_type(), field.data_type(), widen).ok_or_else(|| {
                let (name, a, b) = (field.name(), known.data_type(), field.data_type());
                Error::invalid(format!(
                    "column \"{name}\" is {a} in {first} but {b} in {path}; the types do not fit together"
                ))
            })?;
            *known = Arc::new(Field::new(field.name(), wider, known.is_nullable() || field.is_nullable()));
            *count += 1;
        }
    }
    let fields = all.into_iter().map(|(field, _, count)| match count == files {
        true => field,
        false => Arc::new(Field::clone(&field).with_nullable(true)),
    });
    Ok(fields.collect())
}

/// A type that holds all values of both.
fn common_type(a: &DataType, b: &DataType, widen: bool) -> Option<DataType> {
    use DataType::{Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View};
    if a == b {
        return Some(a.clone());
    }
    let families: [&[DataType]; 4] =
        [&[Int8, Int16, Int32, Int64], &[UInt8, UInt16, UInt32, UInt64], &[Float32, Float64], &[Utf8View, Utf8, LargeUtf8]];
    let family = families.iter().find(|family| family.contains(a) && family.contains(b)).filter(|_| widen)?;
    family.iter().rfind(|t| *t == a || *t == b).cloned()
}

fn csv_fields<'a>(
    files: impl Iterator<Item = (&'a str, &'a Vec<CsvColumn>)>,
    declared: Option<&Arc<Vec<FieldRef>>>,
    csv: &CsvOptions,
) -> Result<Vec<FieldRef>> {
    let mut all: Vec<CsvColumn> = Vec::new();
    let mut first: Option<(&str, usize)> = None;
    for (path, columns) in files {
        if let Some((other, width)) = first.filter(|(_, width)| !csv.header && *width != columns.len()) {
            let message =
                format!("{other} has {width} columns but {path} has {}; without headers they must agree", columns.len());
            return Err(Error::invalid(message));
        }
        first.get_or_insert((path, columns.len()));
        for column in columns {
            match all.iter_mut().find(|c| c.name == column.name) {
                Some(known) => known.kind = known.kind.merge(column.kind),
                None => all.push(column.clone()),
            }
        }
    }
    let declared = declared.map(|d| d.as_slice()).unwrap_or_default();
    if all.is_empty() && declared.is_empty() {
        return Err(Error::invalid(
            "the file is empty; declare its columns in option columns to read it as a table without rows",
        ));
    }
    if all.is_empty() {
        return Ok(declared.to_vec());
    }
    if let Some(unknown) = declared.iter().find(|d| !all.iter().any(|c| c.name == *d.name())) {
        return Err(Error::invalid(format!("the declared column \"{}\" is in no file", unknown.name())));
    }
    let text_only = csv.sample_rows == 0;
    let field = |column: &CsvColumn| match declared.iter().find(|d| *d.name() == column.name) {
        Some(declared) => Arc::clone(declared),
        None => {
            let kind = if text_only { Kind::Text } else { column.kind };
            Arc::new(Field::new(&column.name, kind.data_type(), true))
        }
    };
    Ok(all.iter().map(field).collect())
}

/// The columns, and whether texts among them hold objects and lists.
fn json_fields<'a>(shapes: impl Iterator<Item = &'a Shape>) -> Result<(Vec<FieldRef>, bool)> {
    let all = shapes.cloned().fold(Shape::Null, Shape::merge);
    let nested_texts = all.has_json();
    let Shape::Object(fields) = all else {
        return Err(Error::invalid(
            "the file is empty; declare its columns in option columns to read it as a table without rows",
        ));
    };
    let field = |(name, shape): (String, Shape)| Arc::new(Field::new(name, shape.data_type(), true));
    Ok((fields.into_iter().map(field).collect(), nested_texts))
}
