//! JSON: one array, or one object per line.

use std::collections::HashSet;
use std::io::{BufWriter, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer, WriterBuilder};
use headwater_common::{Error, Result};

use super::{Sink, output_error};

type Out<'a> = BufWriter<Box<dyn Write + Send + 'a>>;

/// One object per row; NULL is `null`.
pub(crate) struct Objects<'a, F: JsonFormat>(Writer<Out<'a>, F>);

/// One array of objects.
pub(crate) type Array<'a> = Objects<'a, JsonArray>;

/// One object per line.
pub(crate) type Lines<'a> = Objects<'a, LineDelimited>;

impl<'a, F: JsonFormat> Objects<'a, F> {
    pub(crate) fn new(schema: &SchemaRef, out: Box<dyn Write + Send + 'a>) -> Result<Self> {
        let mut seen = HashSet::new();
        if let Some(twice) = schema.fields().iter().find(|f| !seen.insert(f.name().as_str())) {
            let name = twice.name();
            return Err(Error::invalid(format!("two columns are named \"{name}\"; JSON needs names of their own, use AS")));
        }
        Ok(Self(WriterBuilder::new().with_explicit_nulls(true).build(BufWriter::new(out))))
    }
}

impl<F: JsonFormat + Send> Sink for Objects<'_, F> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(output_error)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut writer = self.0;
        writer.finish().map_err(output_error)?;
        let mut out = writer.into_inner();
        if is_array::<F>() {
            out.write_all(b"\n").map_err(output_error)?;
        }
        out.flush().map_err(output_error)
    }
}

/// Whether the format is one array, which arrow leaves without a final line break.
fn is_array<F: JsonFormat>() -> bool {
    let mut start = Vec::new();
    F::default().start_stream(&mut start).is_ok() && start == b"["
}
