//! Primary and foreign keys, with the schemas that the Flight SQL specification gives them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys};
use headwater_source::{ForeignKey, SourceCatalog, TableMeta};
use tonic::Status;

use crate::status::defect;

/// A table's place, as a filter: what is `None` matches everything.
#[derive(Default)]
struct Place {
    catalog: Option<String>,
    schema: Option<String>,
    table: Option<String>,
}

impl Place {
    fn holds(&self, catalog: &str, schema: &str, table: &str) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        same(&self.catalog, catalog) && same(&self.schema, schema) && same(&self.table, table)
    }
}

fn each_table(sources: &[Arc<SourceCatalog>], mut visit: impl FnMut(&str, &TableMeta)) {
    for catalog in sources {
        for schema in catalog.discovery().schemas.values() {
            for table in schema.tables.values() {
                visit(catalog.source().name(), table);
            }
        }
    }
}

/// Catalog, schema, table, name of the key, number in the key, column.
type PrimaryRow = (String, String, String, String, i32, String);

pub(super) fn primary_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_name", DataType::Utf8, true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
}

/// Ordered by catalog, schema, table, name and number.
pub(super) fn primary(sources: &[Arc<SourceCatalog>], query: CommandGetPrimaryKeys) -> Result<RecordBatch, Status> {
    let place = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    let mut rows: Vec<PrimaryRow> = Vec::new();
    each_table(sources, |catalog, table| {
        let Some((name, columns)) = &table.primary_key else { return };
        if !place.holds(catalog, &table.name.schema, &table.name.table) {
            return;
        }
        for (i, column) in columns.iter().enumerate() {
            let column = table.columns.get(*column).map(|c| c.name().to_owned()).unwrap_or_default();
            let number = i32::try_from(i + 1).unwrap_or(i32::MAX);
            let TableMeta { name: at, .. } = table;
            rows.push((catalog.to_owned(), at.schema.clone(), at.table.clone(), name.clone(), number, column));
        }
    });
    rows.sort();
    let text = |f: fn(&PrimaryRow) -> &String| Arc::new(StringArray::from_iter_values(rows.iter().map(f))) as ArrayRef;
    let columns = vec![
        text(|r| &r.0),
        text(|r| &r.1),
        text(|r| &r.2),
        text(|r| &r.5),
        text(|r| &r.3),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.4))),
    ];
    RecordBatch::try_new(primary_schema(), columns).map_err(|e| defect("the list of keys", e))
}

/// Ordered by the table referred to.
pub(super) fn imported(sources: &[Arc<SourceCatalog>], query: CommandGetImportedKeys) -> Result<RecordBatch, Status> {
    let foreign = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    let mut rows = references(sources, &Place::default(), &foreign);
    rows.sort_by(|a, b| a.order(0).cmp(&b.order(0)));
    reference_batch(&rows)
}

/// Ordered by the table that refers.
pub(super) fn exported(sources: &[Arc<SourceCatalog>], query: CommandGetExportedKeys) -> Result<RecordBatch, Status> {
    let primary = Place { catalog: query.catalog, schema: query.db_schema, table: Some(query.table) };
    let mut rows = references(sources, &primary, &Place::default());
    rows.sort_by(|a, b| a.order(4).cmp(&b.order(4)));
    reference_batch(&rows)
}

/// Ordered by the table referred to.
pub(super) fn cross(sources: &[Arc<SourceCatalog>], query: CommandGetCrossReference) -> Result<RecordBatch, Status> {
    let primary = Place { catalog: query.pk_catalog, schema: query.pk_db_schema, table: Some(query.pk_table) };
    let foreign = Place { catalog: query.fk_catalog, schema: query.fk_db_schema, table: Some(query.fk_table) };
    let mut rows = references(sources, &primary, &foreign);
    rows.sort_by(|a, b| a.order(0).cmp(&b.order(0)));
    reference_batch(&rows)
}

/// One column of a foreign key: catalog, schema, table and column referred to, then those that refer.
struct Reference {
    texts: [String; 8],
    sequence: i32,
    /// Names of the foreign and of the primary key.
    names: [Option<String>; 2],
    /// On update, on delete.
    rules: [u8; 2],
}

impl Reference {
    /// What listings are ordered by, beginning with the names from `first`.
    fn order(&self, first: usize) -> (&[String], &Option<String>, i32) {
        (self.texts.get(first..first + 3).unwrap_or_default(), &self.names[0], self.sequence)
    }
}

fn references(sources: &[Arc<SourceCatalog>], primary: &Place, foreign: &Place) -> Vec<Reference> {
    let mut rows: Vec<Reference> = Vec::new();
    for source in sources {
        let (catalog, found) = (source.source().name(), source.discovery());
        for table in found.schemas.values().flat_map(|s| s.tables.values()) {
            for key in &table.foreign_keys {
                let to = &key.references;
                if foreign.holds(catalog, &table.name.schema, &table.name.table)
                    && primary.holds(catalog, &to.schema, &to.table)
                {
                    rows.extend(columns_of(catalog, table, key, found.table(to).map(AsRef::as_ref)));
                }
            }
        }
    }
    rows
}

pub(super) fn reference_schema() -> SchemaRef {
    let names = ["catalog_name", "db_schema_name", "table_name", "column_name"];
    let side = |side: &'static str| {
        names.map(|n| Field::new(format!("{side}_{n}"), DataType::Utf8, matches!(n, "catalog_name" | "db_schema_name")))
    };
    let mut fields: Vec<Field> = side("pk").into_iter().chain(side("fk")).collect();
    fields.push(Field::new("key_sequence", DataType::Int32, false));
    fields.push(Field::new("fk_key_name", DataType::Utf8, true));
    fields.push(Field::new("pk_key_name", DataType::Utf8, true));
    fields.push(Field::new("update_rule", DataType::UInt8, false));
    fields.push(Field::new("delete_rule", DataType::UInt8, false));
    Arc::new(Schema::new(fields))
}

fn reference_batch(rows: &[Reference]) -> Result<RecordBatch, Status> {
    let mut columns: Vec<ArrayRef> =
        (0..8).map(|i| Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.texts[i]))) as ArrayRef).collect();
    columns.push(Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.sequence))));
    for i in 0..2 {
        columns.push(Arc::new(rows.iter().map(|r| r.names[i].clone()).collect::<StringArray>()));
    }
    for i in 0..2 {
        columns.push(Arc::new(UInt8Array::from_iter_values(rows.iter().map(|r| r.rules[i]))));
    }
    RecordBatch::try_new(reference_schema(), columns).map_err(|e| defect("the list of keys", e))
}

fn columns_of(catalog: &str, table: &TableMeta, key: &ForeignKey, referred: Option<&TableMeta>) -> Vec<Reference> {
    // A foreign key may also refer to a unique key, whose name is not known.
    let primary = referred.and_then(|t| {
        let (name, columns) = t.primary_key.as_ref()?;
        let names = columns.iter().filter_map(|i| t.columns.get(*i)).map(|c| c.name());
        let mut names: Vec<&str> = names.collect();
        let mut referenced: Vec<&str> = key.referenced_columns.iter().map(String::as_str).collect();
        names.sort_unstable();
        referenced.sort_unstable();
        (names == referenced).then(|| name.clone())
    });
    let pairs = key.columns.iter().zip(&key.referenced_columns).enumerate();
    let reference = |(i, (column, referenced)): (usize, (&String, &String))| Reference {
        texts: [
            catalog.to_owned(),
            key.references.schema.clone(),
            key.references.table.clone(),
            referenced.clone(),
            catalog.to_owned(),
            table.name.schema.clone(),
            table.name.table.clone(),
            column.clone(),
        ],
        sequence: i32::try_from(i + 1).unwrap_or(i32::MAX),
        names: [Some(key.name.clone()), primary.clone()],
        rules: [rule(&key.on_update), rule(&key.on_delete)],
    };
    pairs.map(reference).collect()
}

/// Rules as the specification numbers them.
fn rule(name: &str) -> u8 {
    match name {
        "CASCADE" => 0,
        "RESTRICT" => 1,
        "SET NULL" => 2,
        "SET DEFAULT" => 4,
        _ => 3,
    }
}
