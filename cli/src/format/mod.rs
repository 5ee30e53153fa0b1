//! Output formats: each one takes record batches and writes them as they come.

mod binary;
mod cell;
mod delimited;
mod json;
mod keys;
mod markdown;
mod rows;
mod table;
mod vertical;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clap::ValueEnum;
use headwater_common::{Error, ErrorKind, Origin, Result};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    Table,
    /// One line per column.
    Vertical,
    /// Comma-separated, RFC 4180; NULL is empty, an empty text is "".
    Csv,
    /// Tab-separated as Postgres' COPY text: backslash escapes, NULL is \N.
    Tsv,
    /// One array of objects.
    Json,
    /// One object per line.
    Ndjson,
    /// Markdown table.
    Markdown,
    /// Arrow IPC stream.
    Arrow,
    /// Parquet file.
    Parquet,
    /// Picture of lines, bands and marked points.
    Svg,
}

impl Format {
    /// The name users type.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it is for people, so that footers and messages may stand beside it.
    pub(crate) fn is_display(self) -> bool {
        matches!(self, Self::Table | Self::Vertical | Self::Markdown)
    }

    /// Whether it is not for a terminal.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet | Self::Svg)
    }
}

/// What the formats need to know.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// Format.
    pub(crate) format: Format,
    /// Text for NULL; each format has its own when unset.
    pub(crate) null: Option<String>,
    /// Rows shown by the formats for people; 0 is all.
    pub(crate) max_rows: u64,
    /// Width of the terminal that shows the result, when one does.
    pub(crate) width: Option<usize>,
}

/// Takes the batches of one result.
pub(crate) trait Sink: Send {
    /// Writes a batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Ends the result.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A sink for one result with this schema.
pub(crate) fn sink<'a>(style: &Style, schema: &SchemaRef, out: Box<dyn Write + Send + 'a>) -> Result<Box<dyn Sink + 'a>> {
    let null = |default: &str| style.null.clone().unwrap_or_else(|| default.to_owned());
    let sink: Box<dyn Sink + 'a> = match style.format {
        Format::Table => Box::new(rows::Shown::new(table::Table, schema, style, out)),
        Format::Vertical => Box::new(rows::Shown::new(vertical::Vertical, schema, style, out)),
        Format::Markdown => Box::new(rows::Shown::new(markdown::Markdown, schema, style, out)),
        Format::Csv => Box::new(delimited::Delimited::csv(schema, null(""), out)?),
        Format::Tsv => Box::new(delimited::Delimited::tsv(schema, null("\\N"), out)?),
        Format::Json => Box::new(json::Array::new(schema, out)?),
        Format::Ndjson => Box::new(json::Lines::new(schema, out)?),
        Format::Arrow => Box::new(binary::Ipc::new(schema, out)?),
        Format::Parquet => Box::new(binary::Parquet::new(schema, out)?),
        Format::Svg => Box::new(crate::plot::Svg::new(schema, out)),
    };
    Ok(if style.format.is_binary() { sink } else { Box::new(keys::TextKeys(sink)) })
}

/// An error of writing output.
pub(crate) fn output_error(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, Origin::Client, format!("cannot write the output: {error}")).with_cause(error)
}

/// Whether the reader of the output went away, which is not an error of ours.
pub(crate) fn is_broken_pipe(error: &Error) -> bool {
    let mut current = std::error::Error::source(error);
    while let Some(e) = current {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::BrokenPipe;
        }
        if let Some(arrow::error::ArrowError::IoError(_, io)) = e.downcast_ref::<arrow::error::ArrowError>() {
            return io.kind() == std::io::ErrorKind::BrokenPipe;
        }
        current = e.source();
    }
    false
}

#[cfg(test)]
mod tests;
