//! The distinct keys of one column of a build side.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use datafusion::arrow::array::{Array, ArrayRef, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

use super::value_type;

/// More distinct keys than this are not kept.
const KEYS_MAX: usize = 200_000;
/// Neither are more bytes of them.
const BYTES_MAX: usize = 32 << 20;
/// What a kept key takes beside its bytes.
const ENTRY_BYTES: usize = 32;

/// What became of the keys.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// Every distinct key.
    All {
        /// Those that are not null, in order of their bytes.
        values: ArrayRef,
        /// Whether null is one that finds nulls.
        null: bool,
    },
    /// There are too many, or they could not be gathered.
    Unknown,
}

/// Gathers the distinct keys of all partitions of a build side, for the scans that wait for them.
///
/// It gives up, which is always right, when there are too many keys, when memory is short, when a partition ends early and
/// when a partition is read twice.
pub struct KeySlot {
    data_type: DataType,
    nulls_match: bool,
    state: Mutex<State>,
    done: watch::Sender<Option<Keys>>,
}

struct State {
    null: bool,
    converter: RowConverter,
    values: HashSet<Box<[u8]>>,
    bytes: usize,
    reservation: Option<MemoryReservation>,
    begun: BTreeSet<usize>,
    ended: usize,
    given_up: bool,
}

impl fmt::Debug for KeySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySlot").field("data_type", &self.data_type).finish_non_exhaustive()
    }
}

impl KeySlot {
    /// An empty slot for keys of a type; an error for a type that has no order.
    pub fn try_new(data_type: &DataType) -> Result<Self> {
        let data_type = value_type(data_type).clone();
        let state = State {
            null: false,
            converter: RowConverter::new(vec![SortField::new(data_type.clone())])?,
            values: HashSet::new(),
            bytes: 0,
            reservation: None,
            begun: BTreeSet::new(),
            ended: 0,
            given_up: false,
        };
        Ok(Self { data_type, nulls_match: false, state: Mutex::new(state), done: watch::Sender::new(None) })
    }

    /// An empty slot for tuples of keys of these types.
    pub fn of_tuples(types: &[DataType]) -> Result<Self> {
        let field = |(i, t): (usize, &DataType)| Field::new(i.to_string(), value_type(t).clone(), true);
        Self::try_new(&DataType::Struct(types.iter().enumerate().map(field).collect()))
    }

    /// The same for a join that finds nulls equal.
    #[must_use]
    pub fn nulls_match(mut self, yes: bool) -> Self {
        self.nulls_match = yes;
        self
    }

    /// Type of the keys.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// A partition of the build side is about to be read.
    pub(super) fn begin(&self, partition: usize, pool: &Arc<dyn MemoryPool>) {
        let mut state = self.state.lock();
        if state.reservation.is_none() {
            state.reservation = Some(MemoryConsumer::new("CollectKeysExec").register(pool));
        }
        if !state.begun.insert(partition) {
            self.give_up_with(&mut state);
        }
    }

    /// Adds the keys of a batch: one column, or one for each place of tuples.
    pub(super) fn add(&self, arrays: &[ArrayRef]) -> Result<()> {
        let mut state = self.state.lock();
        if state.given_up {
            return Ok(());
        }
        let array = match (arrays, &self.data_type) {
            ([array], _) if *array.data_type() == self.data_type => Arc::clone(array),
            ([array], data_type) => cast(array, data_type)?,
            (several, DataType::Struct(fields)) => tuples(several, fields)?,
            _ => return datafusion::common::internal_err!("several columns for one key"),
        };
        if !state.add(&array)? {
            self.give_up_with(&mut state);
        }
        Ok(())
    }

    /// A partition was read to its end; the keys are known when all `partitions` were.
    pub(super) fn end(&self, partitions: usize) {
        let mut state = self.state.lock();
        state.ended += 1;
        if state.given_up || state.ended < partitions {
            return;
        }
        match state.all() {
            Ok(values) => {
                let null = self.nulls_match && state.null;
                self.done.send_replace(Some(Keys::All { values, null }));
            }
            Err(_) => self.give_up_with(&mut state),
        }
    }

    /// The keys will not be known.
    pub fn give_up(&self) {
        self.give_up_with(&mut self.state.lock());
    }

    fn give_up_with(&self, state: &mut State) {
        state.given_up = true;
        state.values = HashSet::new();
        state.reservation = None;
        self.done.send_replace(Some(Keys::Unknown));
    }

    /// The keys, as soon as it is known what became of them.
    pub(super) async fn keys(&self) -> Keys {
        let mut done = self.done.subscribe();
        let found = done.wait_for(Option::is_some).await;
        found.ok().and_then(|keys| keys.clone()).unwrap_or(Keys::Unknown)
    }
}

/// Tuples of columns; one with a null is null, because it equals nothing.
fn tuples(arrays: &[ArrayRef], fields: &Fields) -> Result<ArrayRef> {
    let columns = arrays.iter().zip(fields).map(|(array, field)| cast(array, field.data_type()));
    let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
    let nulls = columns.iter().fold(None, |all, c| NullBuffer::union(all.as_ref(), c.logical_nulls().as_ref()));
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?))
}

impl State {
    /// Whether the keys are still few enough.
    fn add(&mut self, array: &ArrayRef) -> Result<bool> {
        let nulls = array.logical_nulls();
        self.null |= nulls.as_ref().is_some_and(|nulls| nulls.null_count() > 0);
        let rows = self.converter.convert_columns(&[Arc::clone(array)])?;
        let mut grown = 0;
        for (i, row) in rows.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(i)) || self.values.contains(row.as_ref()) {
                continue;
            }
            let bytes = row.as_ref();
            grown += bytes.len() + ENTRY_BYTES;
            self.values.insert(bytes.into());
            if self.values.len() > KEYS_MAX || self.bytes + grown > BYTES_MAX {
                return Ok(false);
            }
        }
        self.bytes += grown;
        Ok(self.reservation.as_ref().is_none_or(|reservation| reservation.try_grow(grown).is_ok()))
    }

    fn all(&mut self) -> Result<ArrayRef> {
        let mut values: Vec<Box<[u8]>> = std::mem::take(&mut self.values).into_iter().collect();
        values.sort_unstable();
        let parser = self.converter.parser();
        let mut columns = self.converter.convert_rows(values.iter().map(|v| parser.parse(v)))?;
        columns.pop().ok_or_else(|| datafusion::common::internal_datafusion_err!("keys without a column"))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};

    use super::*;

    fn array(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn found(slot: &KeySlot) -> Option<Keys> {
        slot.done.borrow().clone()
    }

    fn pool() -> Arc<dyn MemoryPool> {
        Arc::new(UnboundedMemoryPool::default())
    }

    #[test]
    fn keys_of_all_partitions_are_distinct_and_in_order() {
        for nulls_match in [false, true] {
            let slot = KeySlot::try_new(&DataType::Int64).unwrap().nulls_match(nulls_match);
            slot.begin(0, &pool());
            slot.begin(1, &pool());
            slot.add(&[array(&[Some(3), None, Some(-1)])]).unwrap();
            slot.end(2);
            slot.add(&[array(&[Some(3), Some(2)])]).unwrap();
            slot.end(2);
            let Some(Keys::All { values, null }) = found(&slot) else { panic!("no keys") };
            assert_eq!(values.as_primitive::<Int64Type>().values().to_vec(), [-1, 2, 3]);
            assert_eq!(null, nulls_match);
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_waited_for() {
        let twice = KeySlot::try_new(&DataType::Int64).unwrap();
        twice.begin(0, &pool());
        twice.add(&[array(&[Some(1)])]).unwrap();
        twice.end(1);
        twice.begin(0, &pool());
        assert!(matches!(found(&twice), Some(Keys::Unknown)));

        let many = KeySlot::try_new(&DataType::Int64).unwrap();
        many.begin(0, &pool());
        many.add(&[Arc::new((0..200_001i64).collect::<Int64Array>()) as ArrayRef]).unwrap();
        assert!(matches!(found(&many), Some(Keys::Unknown)));

        let poor = KeySlot::try_new(&DataType::Utf8).unwrap();
        poor.begin(0, &(Arc::new(GreedyMemoryPool::new(10)) as Arc<dyn MemoryPool>));
        poor.add(&[Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef]).unwrap();
        assert!(matches!(found(&poor), Some(Keys::Unknown)));
    }

    #[test]
    fn tuples_with_a_null_are_none() {
        let slot = KeySlot::of_tuples(&[DataType::Int64, DataType::Utf8]).unwrap();
        slot.begin(0, &pool());
        let texts = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("a")])) as ArrayRef;
        slot.add(&[array(&[Some(1), None, Some(3), Some(1)]), texts]).unwrap();
        slot.end(1);
        let Some(Keys::All { values, null }) = found(&slot) else { panic!("no keys") };
        assert_eq!((values.len(), null), (1, false));
        let tuple = values.as_struct();
        assert_eq!(tuple.column(0).as_primitive::<Int64Type>().value(0), 1);
        assert_eq!(tuple.column(1).as_string::<i32>().value(0), "a");
    }
}
