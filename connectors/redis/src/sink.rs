//! Where the rows of a scan go: into batches, or into a number.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use headwater_common::{Error, Result};

use crate::elements::{Read, each};
use crate::program::{Fetch, Found};
use crate::request::Request;
use crate::rows::{Element, KeyCells, Rows, changed};

/// The rows of a scan.
#[derive(Debug)]
pub(crate) struct Sink {
    source: String,
    schema: SchemaRef,
    rows: Rows,
    ready: VecDeque<RecordBatch>,
    /// Rows that are still wanted; `None` for all.
    left: Option<u64>,
    /// The number of rows, when only that is wanted.
    count: Option<u64>,
    /// Keys whose value is not of their table's format.
    malformed: u64,
    mismatch_is_null: bool,
}

impl Sink {
    pub(crate) fn new(
        source: &str,
        request: &Request,
        schema: SchemaRef,
        batch_rows: usize,
        mismatch_is_null: bool,
    ) -> Self {
        Self {
            source: source.to_owned(),
            schema,
            rows: Rows::new(request.table.kind, &request.columns, batch_rows, mismatch_is_null),
            ready: VecDeque::new(),
            left: request.fetch,
            count: request.count.then_some(0),
            malformed: 0,
            mismatch_is_null,
        }
    }

    /// Whether no more rows are wanted.
    pub(crate) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// At most so many rows are still wanted.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next batch that is full.
    pub(crate) fn next(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }

    /// Values that became null, and keys whose value is not of their table's format.
    pub(crate) fn replaced(&self) -> u64 {
        self.rows.replaced + self.malformed
    }

    /// Takes all elements of a key.
    pub(crate) fn take(&mut self, request: &Request, fetch: &Fetch, key: &[u8], found: &mut Found) -> Result<Read> {
        let Some(parts) = request.table.parts(key) else { return Ok(Read::default()) };
        let source = self.source.clone();
        let mut failure = None;
        let read = each(&source, request, fetch, found, &mut |found, element| {
            if failure.is_none() {
                failure = self.append(&KeyCells { key, parts: &parts, found }, element).err();
            }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        if read.malformed {
            if !self.mismatch_is_null {
                return Err(malformed(&source, request));
            }
            self.malformed += 1;
        }
        Ok(read)
    }

    /// A key without anything of its value.
    pub(crate) fn take_key(&mut self, key: &[u8], parts: &[&[u8]]) -> Result<()> {
        self.append(&KeyCells { key, parts, found: &Found::default() }, Element::Nothing)
    }

    fn append(&mut self, key: &KeyCells<'_>, element: Element<'_>) -> Result<()> {
        match &mut self.left {
            Some(0) => return Ok(()),
            Some(left) => *left -= 1,
            None => {}
        }
        if let Some(count) = &mut self.count {
            *count += 1;
            return Ok(());
        }
        self.rows.append(key, element);
        if self.rows.is_full() {
            self.ready.push_back(self.rows.take(&self.source, &self.schema)?);
        }
        Ok(())
    }

    /// The rows that are left over, or their number.
    pub(crate) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(count) = self.count.take() {
            let count = i64::try_from(count).map_err(|_| Error::internal("too many rows to count"))?;
            let counts: ArrayRef = Arc::new(Int64Array::from(vec![count]));
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![counts]);
            return batch.map(Some).map_err(|_| changed(&self.source));
        }
        if self.rows.len() == 0 {
            return Ok(None);
        }
        self.rows.take(&self.source, &self.schema).map(Some)
    }
}

fn malformed(source: &str, request: &Request) -> Error {
    let message = format!(
        "a value of {} is not of the table's format; declare the table otherwise, or set option \"mismatch\" to null",
        request.table.name
    );
    Error::source_failed(source, message).retryable(true)
}
