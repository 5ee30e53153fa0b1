//! Comma- and tab-separated text.

use std::io::{BufWriter, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::EncoderOptions;
use headwater_common::Result;

use super::cell::columns;
use super::{Sink, output_error};

/// Writes a header and one line per row.
pub(crate) struct Delimited<'a> {
    tabs: bool,
    null: String,
    out: BufWriter<Box<dyn Write + Send + 'a>>,
}

impl<'a> Delimited<'a> {
    /// Commas, quotes as RFC 4180 has them. Empty texts and texts that look like NULL are quoted, NULL never is.
    pub(crate) fn csv(schema: &SchemaRef, null: String, out: Box<dyn Write + Send + 'a>) -> Result<Self> {
        Self::new(false, schema, null, out)
    }

    /// Tabs and backslash escapes, as Postgres' COPY text format.
    pub(crate) fn tsv(schema: &SchemaRef, null: String, out: Box<dyn Write + Send + 'a>) -> Result<Self> {
        Self::new(true, schema, null, out)
    }

    fn new(tabs: bool, schema: &SchemaRef, null: String, out: Box<dyn Write + Send + 'a>) -> Result<Self> {
        let mut this = Self { tabs, null, out: BufWriter::new(out) };
        for (at, field) in schema.fields().iter().enumerate() {
            this.separate(at).and_then(|()| this.value(field.name())).map_err(output_error)?;
        }
        this.out.write_all(b"\n").map_err(output_error)?;
        Ok(this)
    }

    fn separate(&mut self, at: usize) -> std::io::Result<()> {
        match at {
            0 => Ok(()),
            _ => self.out.write_all(if self.tabs { b"\t" } else { b"," }),
        }
    }

    fn value(&mut self, text: &str) -> std::io::Result<()> {
        if self.tabs {
            return self.escaped(text);
        }
        let quote = text.is_empty()
            || text == self.null
            || text.contains([',', '"', '\n', '\r'])
            || text.starts_with(char::is_whitespace)
            || text.ends_with(char::is_whitespace);
        if quote { write!(self.out, "\"{}\"", text.replace('"', "\"\"")) } else { self.out.write_all(text.as_bytes()) }
    }

    fn escaped(&mut self, text: &str) -> std::io::Result<()> {
        for c in text.chars() {
            match c {
                '\\' => self.out.write_all(b"\\\\")?,
                '\t' => self.out.write_all(b"\\t")?,
                '\n' => self.out.write_all(b"\\n")?,
                '\r' => self.out.write_all(b"\\r")?,
                c => write!(self.out, "{c}")?,
            }
        }
        Ok(())
    }
}

impl Sink for Delimited<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = EncoderOptions::default().with_explicit_nulls(true);
        let mut cells = columns(batch, &options).map_err(output_error)?;
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            for (at, cell) in cells.iter_mut().enumerate() {
                self.separate(at).map_err(output_error)?;
                match cell.write(row, &mut text).map_err(output_error)? {
                    true => self.value(&text).map_err(output_error)?,
                    false => self.out.write_all(self.null.as_bytes()).map_err(output_error)?,
                }
            }
            self.out.write_all(b"\n").map_err(output_error)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(output_error)
    }
}
