//! Cuts sorted batches where the ids change.

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::error::{DataFusionError, Result};

/// The rows of one group, in one or several pieces.
#[derive(Debug, Default)]
pub(super) struct Group {
    pieces: Vec<RecordBatch>,
    /// Memory that is reserved for it.
    pub(super) bytes: usize,
}

impl Group {
    /// The rows as one batch.
    pub(super) fn into_batch(self) -> Result<RecordBatch> {
        match self.pieces.as_slice() {
            [] => Err(DataFusionError::Internal("a group without rows".into())),
            [one] => Ok(one.clone()),
            several => Ok(concat_batches(&several[0].schema(), several)?),
        }
    }
}

/// The groups of a sorted batch whose first `ids` columns are the ids.
pub(crate) fn split(batch: &RecordBatch, ids: usize) -> Result<Vec<RecordBatch>> {
    let mut groups = Groups::new(ids, 0);
    let mut found = groups.push(batch.clone())?;
    found.extend(groups.close());
    found.into_iter().map(Group::into_batch).collect()
}

/// Collects the pieces of groups.
#[derive(Debug)]
pub(super) struct Groups {
    ids: usize,
    converter: Option<RowConverter>,
    last: Option<OwnedRow>,
    open: Group,
    bytes_per_row: usize,
}

impl Groups {
    /// For batches whose first `ids` columns are the ids.
    pub(super) fn new(ids: usize, bytes_per_row: usize) -> Self {
        Self { ids, converter: None, last: None, open: Group::default(), bytes_per_row }
    }

    /// Memory that a batch takes in its groups: its rows once more when they are put together, and what a fit needs.
    pub(super) fn bytes(&self, batch: &RecordBatch) -> usize {
        2 * batch.get_array_memory_size() + self.bytes_per_row.saturating_mul(batch.num_rows())
    }

    /// Adds a batch; returns the groups that are complete now.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<Vec<Group>> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(Vec::new());
        }
        let per_row = self.bytes(&batch).div_ceil(rows);
        let mut complete = Vec::new();
        let mut from = 0;
        for at in self.starts(&batch)? {
            self.add(&batch, from, at, per_row);
            complete.extend(self.close());
            from = at;
        }
        self.add(&batch, from, rows, per_row);
        Ok(complete)
    }

    /// The last group.
    pub(super) fn close(&mut self) -> Option<Group> {
        let group = std::mem::take(&mut self.open);
        (!group.pieces.is_empty()).then_some(group)
    }

    fn add(&mut self, batch: &RecordBatch, from: usize, to: usize, per_row: usize) {
        if to > from {
            self.open.pieces.push(batch.slice(from, to - from));
            self.open.bytes += per_row * (to - from);
        }
    }

    /// Rows whose ids differ from those of the row before, which may be in an earlier batch.
    fn starts(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        if self.ids == 0 {
            return Ok(Vec::new());
        }
        let ids: &[ArrayRef] = &batch.columns()[..self.ids];
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = ids.iter().map(|id| SortField::new(id.data_type().clone())).collect();
                none.insert(RowConverter::new(fields)?)
            }
        };
        let rows = converter.convert_columns(ids)?;
        let mut starts: Vec<usize> = (1..rows.num_rows()).filter(|i| rows.row(*i) != rows.row(i - 1)).collect();
        if self.last.as_ref().is_some_and(|last| last.row() != rows.row(0)) {
            starts.insert(0, 0);
        }
        self.last = Some(rows.row(rows.num_rows() - 1).owned());
        Ok(starts)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    fn batch(ids: &[Option<&str>], from: i64) -> RecordBatch {
        let values: Vec<i64> = (from..from + ids.len() as i64).collect();
        let columns: [(&str, ArrayRef); 2] =
            [("id", Arc::new(StringArray::from(ids.to_vec()))), ("v", Arc::new(Int64Array::from(values)))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn sizes(groups: Vec<Group>) -> Vec<usize> {
        groups.into_iter().map(|g| g.into_batch().unwrap().num_rows()).collect()
    }

    #[test]
    fn groups_go_over_the_ends_of_batches() {
        let mut groups = Groups::new(1, 8);
        assert_eq!(sizes(groups.push(batch(&[Some("a"), Some("a"), Some("b")], 0)).unwrap()), [2]);
        assert_eq!(sizes(groups.push(batch(&[Some("b"), Some("b")], 3)).unwrap()), Vec::<usize>::new());
        assert_eq!(sizes(groups.push(batch(&[Some("c"), None, None], 5)).unwrap()), [3, 1]);
        assert_eq!(sizes(groups.close().into_iter().collect()), [2]);
        assert!(groups.close().is_none());
    }

    #[test]
    fn without_ids_everything_is_one_group() {
        let mut groups = Groups::new(0, 8);
        assert!(groups.push(batch(&[Some("a"), Some("b")], 0)).unwrap().is_empty());
        assert!(groups.push(batch(&[], 0)).unwrap().is_empty());
        assert_eq!(sizes(groups.close().into_iter().collect()), [2]);
    }
}
