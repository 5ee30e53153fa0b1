//! Formats for people: they hold at most the rows they show and count the others.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::EncoderOptions;
use headwater_common::Result;

use super::cell::{columns, is_numeric, visible};
use super::{Sink, Style, output_error};

/// The rows to show, as text.
pub(crate) struct Rows {
    /// Column names.
    pub(crate) names: Vec<String>,
    /// Columns that are aligned to the right.
    pub(crate) right: Vec<bool>,
    /// Values by row and column.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Draws rows.
pub(crate) trait Drawing: Send {
    /// Writes all rows into lines of at most `width` terminal cells; returns how many columns had no room.
    fn draw(&self, rows: &Rows, width: Option<usize>, out: &mut dyn Write) -> std::io::Result<usize>;
}

/// Collects rows for a drawing.
pub(crate) struct Shown<'a, D> {
    drawing: D,
    rows: Rows,
    null: String,
    most: usize,
    width: Option<usize>,
    total: u64,
    out: Box<dyn Write + Send + 'a>,
}

impl<'a, D: Drawing> Shown<'a, D> {
    pub(crate) fn new(drawing: D, schema: &SchemaRef, style: &Style, out: Box<dyn Write + Send + 'a>) -> Self {
        let names = schema.fields().iter().map(|f| visible(f.name()).replace('\n', "\\n")).collect();
        let right = schema.fields().iter().map(|f| is_numeric(f.data_type())).collect();
        let most = if style.max_rows == 0 { usize::MAX } else { usize::try_from(style.max_rows).unwrap_or(usize::MAX) };
        let null = style.null.clone().unwrap_or_else(|| "NULL".to_owned());
        Self { drawing, rows: Rows { names, right, rows: Vec::new() }, null, most, width: style.width, total: 0, out }
    }

    fn footer(&mut self, hidden_columns: usize) -> std::io::Result<()> {
        let word = if self.total == 1 { "row" } else { "rows" };
        write!(self.out, "({} {word}", self.total)?;
        match self.total - self.rows.rows.len() as u64 {
            0 => {}
            hidden => write!(self.out, "; {hidden} not shown, see --max-rows")?,
        }
        match hidden_columns {
            0 => {}
            hidden => write!(self.out, "; {hidden} of {} columns have no room, \\x shows all", self.rows.names.len())?,
        }
        writeln!(self.out, ")")
    }
}

impl<D: Drawing> Sink for Shown<'_, D> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.total += batch.num_rows() as u64;
        let room = self.most - self.rows.rows.len();
        let take = room.min(batch.num_rows());
        if take == 0 {
            return Ok(());
        }
        let options = EncoderOptions::default().with_explicit_nulls(true);
        let mut cells = columns(batch, &options).map_err(output_error)?;
        let mut text = String::new();
        for row in 0..take {
            let mut values = Vec::with_capacity(cells.len());
            for cell in &mut cells {
                let known = cell.write(row, &mut text).map_err(output_error)?;
                values.push(if known { visible(&text).into_owned() } else { self.null.clone() });
            }
            self.rows.rows.push(values);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let this = &mut *self;
        let hidden = this.drawing.draw(&this.rows, this.width, &mut this.out).map_err(output_error)?;
        this.footer(hidden).map_err(output_error)?;
        this.out.flush().map_err(output_error)
    }
}
