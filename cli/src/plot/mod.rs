//! Results as a picture: lines over time, bands between bounds, marked points, as SVG.

mod axis;
mod chart;
mod draw;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use headwater_common::{Error, Result};

use crate::format::{Sink, output_error};

/// Most rows of a picture; more points than a screen has show nothing more.
const ROWS_MAX: usize = 200_000;

/// Collects the rows of one result and draws them at its end.
pub(crate) struct Svg<'a> {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
    out: Box<dyn Write + Send + 'a>,
}

impl<'a> Svg<'a> {
    pub(crate) fn new(schema: &SchemaRef, out: Box<dyn Write + Send + 'a>) -> Self {
        Self { schema: SchemaRef::clone(schema), batches: Vec::new(), rows: 0, out }
    }
}

impl Sink for Svg<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        if self.rows > ROWS_MAX {
            return Err(Error::invalid(format!("a plot draws at most {ROWS_MAX} rows; aggregate them, as by date_bin")));
        }
        self.batches.push(batch.clone());
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let chart = chart::Chart::of(&self.schema, &self.batches)?;
        self.out.write_all(draw::svg(&chart).as_bytes()).and_then(|()| self.out.flush()).map_err(output_error)
    }
}
