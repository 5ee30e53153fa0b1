//! Arrow IPC streams and Parquet files.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use headwater_common::Result;

use super::{Sink, output_error};

type Out<'a> = Box<dyn Write + Send + 'a>;

/// An Arrow IPC stream.
pub(crate) struct Ipc<'a>(StreamWriter<Out<'a>>);

impl<'a> Ipc<'a> {
    pub(crate) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        StreamWriter::try_new(out, schema).map(Self).map_err(output_error)
    }
}

impl Sink for Ipc<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(output_error)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.finish().map_err(output_error)?;
        self.0.get_mut().flush().map_err(output_error)
    }
}

/// A Parquet file.
pub(crate) struct Parquet<'a>(ArrowWriter<Out<'a>>);

impl<'a> Parquet<'a> {
    pub(crate) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        ArrowWriter::try_new(out, SchemaRef::clone(schema), None).map(Self).map_err(output_error)
    }
}

impl Sink for Parquet<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(output_error)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut out = self.0.into_inner().map_err(output_error)?;
        out.flush().map_err(output_error)
    }
}
