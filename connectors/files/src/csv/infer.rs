//! The columns of a CSV file from its header and its first records.

use headwater_common::{Error, Result};

use super::records::{Record, Records};
use crate::options::CsvOptions;
use crate::text::kind::Kind;

/// A column of a file: its name and what its texts look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvColumn {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Collects the columns of one file.
#[derive(Debug)]
pub(crate) struct CsvInference {
    options: CsvOptions,
    records: Records,
    record: Record,
    columns: Option<Vec<CsvColumn>>,
    rows: u64,
}

impl CsvInference {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        let records = Records::new(options);
        Self { options: options.clone(), records, record: Record::default(), columns: None, rows: 0 }
    }

    /// Reads bytes; `true` when enough rows were seen.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<bool> {
        self.records.push(bytes);
        self.take(false)
    }

    /// The columns; none when the file is empty.
    pub(crate) fn finish(mut self, whole: bool) -> Result<Vec<CsvColumn>> {
        if whole {
            self.take(true)?;
        }
        Ok(self.columns.unwrap_or_default())
    }

    fn take(&mut self, end: bool) -> Result<bool> {
        while (self.columns.is_none() || self.rows < self.options.sample_rows)
            && self.records.next(&mut self.record, end)?
        {
            match &mut self.columns {
                None => {
                    let first = header(&self.record, &self.options)?;
                    self.columns = Some(first);
                    if self.options.header {
                        continue;
                    }
                    self.rows += 1;
                    note(self.columns.as_mut(), &self.record, &self.options)?;
                }
                columns => {
                    self.rows += 1;
                    note(columns.as_mut(), &self.record, &self.options)?;
                }
            }
        }
        Ok(self.columns.is_some() && self.rows >= self.options.sample_rows)
    }
}

/// The names of the columns from the first record.
pub(crate) fn header(record: &Record, options: &CsvOptions) -> Result<Vec<CsvColumn>> {
    let mut columns: Vec<CsvColumn> = Vec::with_capacity(record.len());
    if let Some(names) = options.names.as_ref().filter(|_| !options.header) {
        check_width(record, names.len(), options)?;
        return Ok(names.iter().map(|name| CsvColumn { name: name.clone(), kind: Kind::Null }).collect());
    }
    for i in 0..record.len() {
        let text = record.text(i)?;
        let name = if options.header && !text.is_empty() { text.to_owned() } else { format!("column{i}") };
        if columns.iter().any(|c| c.name == name) {
            return Err(Error::invalid(format!(
                "line {}: column \"{name}\" is there twice; rename one, or set csv_header = false",
                record.line
            )));
        }
        columns.push(CsvColumn { name, kind: Kind::Null });
    }
    Ok(columns)
}

fn note(columns: Option<&mut Vec<CsvColumn>>, record: &Record, options: &CsvOptions) -> Result<()> {
    let columns = columns.map(Vec::as_mut_slice).unwrap_or_default();
    check_width(record, columns.len(), options)?;
    for (i, column) in columns.iter_mut().enumerate().take(record.len()) {
        let text = record.text(i)?;
        if !options.is_null(text) && !text.is_empty() && column.kind != Kind::Text {
            column.kind = column.kind.merge(Kind::of(text));
        }
    }
    Ok(())
}

/// A record with more or fewer fields than columns is an error.
pub(crate) fn check_width(record: &Record, width: usize, options: &CsvOptions) -> Result<()> {
    let found = record.len();
    if found == width || (found < width && options.null_padding) {
        return Ok(());
    }
    let remedy = if found < width { "; set csv_null_padding = true to fill short lines with nulls" } else { "" };
    Err(Error::invalid(format!("line {}: {found} fields, but there are {width} columns{remedy}", record.line)))
}
