//! Whether keys are worth sending, and as which filters.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options, filter, kernels::cmp};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::Expr;

use super::{KeyFilter, KeySlot, Keys, value_type};

/// Keys of one statement.
const STATEMENT_KEYS: usize = 50_000;
/// Bytes of the keys of one statement.
const STATEMENT_BYTES: usize = 8 << 20;
/// So few keys are sent unless they are nearly all there are.
const FEW_KEYS: f64 = 1_000.0;
/// Most keys that are sent to a table about which nothing is known.
const UNKNOWN_TABLE_KEYS: f64 = 10_000.0;
/// Share of the distinct values from which on reading everything is as good: a fifth was measured on loopback with a few
/// columns of an indexed table; a few keys cost next to nothing.
const SHARE_MAX: f64 = 0.2;
const FEW_SHARE_MAX: f64 = 0.8;
/// The same when the keys need several statements.
const STATEMENTS_SHARE_MAX: f64 = 0.1;
/// Most tuples that are sent.
const TUPLES_MAX: usize = 500;
/// Tuples are sent when so many times more are possible by the columns one by one.
const TUPLES_SAVE: usize = 2;
/// Rows that share a value when the number of distinct values is not known.
const ROWS_OF_VALUE: f64 = 10.0;

/// What is known of a scan that keys may restrict.
#[derive(Debug, Clone)]
pub(in crate::scan) struct Facts {
    /// Estimated rows without keys.
    pub(in crate::scan) rows: Option<f64>,
    /// Estimated distinct values of each column.
    pub(in crate::scan) distinct: Vec<Option<f64>>,
    /// Type of each column.
    pub(in crate::scan) types: Vec<DataType>,
}

impl Facts {
    /// The facts that estimates of a scan's result hold.
    pub(in crate::scan) fn new(statistics: &Statistics, schema: &Schema) -> Self {
        let number = |value: &Precision<usize>| value.get_value().map(|n| *n as f64);
        Self {
            rows: number(&statistics.num_rows),
            distinct: statistics.column_statistics.iter().map(|c| number(&c.distinct_count)).collect(),
            types: schema.fields().iter().map(|f| f.data_type().clone()).collect(),
        }
    }

    /// Whether so many keys save enough rows of a column.
    pub(in crate::scan) fn pays(&self, column: usize, keys: f64) -> bool {
        let Some(rows) = self.rows else { return keys <= UNKNOWN_TABLE_KEYS };
        let share = match self.distinct.get(column).copied().flatten() {
            Some(distinct) => keys / distinct.max(1.0),
            None if keys <= FEW_KEYS && keys * 2.0 <= rows => 0.0,
            None => keys * ROWS_OF_VALUE / rows.max(1.0),
        };
        share <= key_share_max(keys)
    }
}

/// Largest share of the distinct values of a column at which so many keys are sent.
pub fn key_share_max(keys: f64) -> f64 {
    match keys {
        few if few <= FEW_KEYS => FEW_SHARE_MAX,
        many if many > STATEMENT_KEYS as f64 => STATEMENTS_SHARE_MAX,
        _ => SHARE_MAX,
    }
}

/// What the keys make of a scan.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scan) enum Restriction {
    /// It reads everything.
    Everything,
    /// No row can match.
    Nothing,
    /// Each list of filters (combined with AND) is one statement; no row passes two of them.
    Filters {
        /// The lists.
        statements: Vec<Vec<Expr>>,
        /// Keys in all of them.
        keys: usize,
    },
}

/// Waits for the keys and decides. `column` names a column of the scan; `accepts` is the source's answer to a filter.
pub(in crate::scan) async fn restriction(
    filters: &[KeyFilter],
    facts: &Facts,
    column: impl Fn(usize) -> Expr,
    accepts: impl Fn(&Expr) -> bool,
) -> Result<Restriction> {
    let mut lists: Vec<Vec<Expr>> = Vec::new();
    let mut sent = 0;
    for filter in filters {
        let Keys::All { values: keys, null } = filter.keys.keys().await else { continue };
        let Some(data_type) = facts.types.get(filter.column) else { continue };
        // Keys that cannot be cast restrict nothing.
        let Ok(keys) = as_type(&keys, data_type) else { continue };
        if keys.is_empty() && !null {
            return Ok(Restriction::Nothing);
        }
        if !facts.pays(filter.column, keys.len() as f64) {
            continue;
        }
        let mut list = in_lists(&column(filter.column), &keys)?;
        if null {
            list.push(column(filter.column).is_null());
        }
        if list.iter().all(&accepts) {
            sent += keys.len() + usize::from(null);
            lists.push(list);
        }
    }
    lists.sort_by_key(|list| std::cmp::Reverse(list.len()));
    let mut lists = lists.into_iter();
    let Some(longest) = lists.next() else { return Ok(Restriction::Everything) };
    // The other columns restrict each of the statements; what would multiply them does not.
    let mut others: Vec<Expr> = lists.filter_map(|list| <[Expr; 1]>::try_from(list).ok()).flatten().collect();
    others.extend(tuples(filters, facts, &column).await?.into_iter().filter(&accepts));
    let statement = |first| std::iter::once(first).chain(others.iter().cloned()).collect();
    Ok(Restriction::Filters { statements: longest.into_iter().map(statement).collect(), keys: sent })
}

/// Filters for the tuples of several columns, where they are few and the columns one by one let many more pass.
async fn tuples(filters: &[KeyFilter], facts: &Facts, column: &impl Fn(usize) -> Expr) -> Result<Vec<Expr>> {
    let mut found = Vec::new();
    let mut seen: Vec<&Arc<KeySlot>> = Vec::new();
    for slot in filters.iter().filter_map(|filter| filter.tuple.as_ref()).map(|tuple| &tuple.tuples) {
        if seen.iter().any(|known| Arc::ptr_eq(known, slot)) {
            continue;
        }
        seen.push(slot);
        let own = filters
            .iter()
            .filter_map(|f| Some((f.column, f.tuple.as_ref().filter(|t| Arc::ptr_eq(&t.tuples, slot))?.place)));
        let places: Vec<(usize, usize)> = own.collect();
        let Keys::All { values, .. } = slot.keys().await else { continue };
        if places.len() > 1 && values.len() <= TUPLES_MAX {
            found.extend(tuple_filter(&values, &places, facts, column)?);
        }
    }
    Ok(found)
}

/// `(a = 1 AND b IN (...)) OR (a = 2 AND b IN (...)) OR ...` for columns of the scan, each with its place in the tuples.
fn tuple_filter(
    values: &ArrayRef,
    places: &[(usize, usize)],
    facts: &Facts,
    column: &impl Fn(usize) -> Expr,
) -> Result<Option<Expr>> {
    let mut rows: Vec<Vec<ScalarValue>> = vec![Vec::new(); values.len()];
    let mut possible = 1;
    for (position, place) in places {
        let (Some(data_type), Some(keys)) = (facts.types.get(*position), values.as_struct().columns().get(*place)) else {
            return Ok(None);
        };
        let Ok((narrow, same)) = narrowed(keys, data_type) else { return Ok(None) };
        for (i, row) in rows.iter_mut().enumerate() {
            // A tuple with a value that the column cannot hold finds nothing.
            if same.as_ref().is_none_or(|same| same.is_valid(i) && same.value(i)) {
                row.push(ScalarValue::try_from_array(&narrow, i)?);
            }
        }
        possible *= rows.iter().filter_map(|row| row.last()).collect::<HashSet<_>>().len();
    }
    rows.retain(|row| row.len() == places.len());
    rows.dedup();
    if rows.is_empty() || possible < rows.len() * TUPLES_SAVE {
        return Ok(None);
    }
    let literal = |value: &ScalarValue| Expr::Literal(value.clone(), None);
    let columns: Vec<Expr> = places.iter().map(|(position, _)| column(*position)).collect();
    let mut arms: Vec<Expr> = Vec::new();
    // Tuples are in order of their bytes, so those with one beginning stand together.
    for group in rows.chunk_by(|one, other| one.split_last().map(|(_, all)| all) == other.split_last().map(|(_, all)| all))
    {
        let Some((first, (last, begin))) = group.first().zip(columns.split_last()) else { continue };
        let equal = begin.iter().zip(first).map(|(column, value)| column.clone().eq(literal(value)));
        let list = group.iter().filter_map(|row| row.last()).map(literal).collect();
        arms.extend(conjunction(equal.chain([last.clone().in_list(list, false)])));
    }
    Ok(balanced_or(arms))
}

/// An OR whose depth grows with the logarithm of its arms.
fn balanced_or(mut arms: Vec<Expr>) -> Option<Expr> {
    let half = arms.len() / 2;
    match half {
        0 => arms.pop(),
        _ => {
            let rest = arms.split_off(half);
            balanced_or(arms).zip(balanced_or(rest)).map(|(one, other)| one.or(other))
        }
    }
}

/// The keys that a column of this type can hold. The join compares in the type of the keys, to which the column is cast without
/// loss, so no other key equals a value of the column.
fn as_type(keys: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    match narrowed(keys, data_type)? {
        (keys, None) => Ok(keys),
        (narrow, Some(same)) => Ok(filter(&narrow, &same)?),
    }
}

/// The keys in the type of a column, and which of them are the same in it; all when nothing is said.
fn narrowed(keys: &ArrayRef, data_type: &DataType) -> Result<(ArrayRef, Option<BooleanArray>)> {
    let data_type = value_type(data_type);
    if keys.data_type() == data_type {
        return Ok((ArrayRef::clone(keys), None));
    }
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let narrow = cast_with_options(keys, data_type, &safe)?;
    let back = cast_with_options(&narrow, keys.data_type(), &safe)?;
    let same: BooleanArray = cmp::eq(&back, keys)?;
    Ok((narrow, Some(same)))
}

/// `column IN (...)` for each part of the keys that one statement can hold.
fn in_lists(column: &Expr, keys: &ArrayRef) -> Result<Vec<Expr>> {
    let (mut lists, mut values, mut bytes) = (Vec::new(), Vec::new(), 0);
    for i in 0..keys.len() {
        let value = ScalarValue::try_from_array(keys, i)?;
        bytes += value.size();
        values.push(Expr::Literal(value, None));
        if values.len() >= STATEMENT_KEYS || bytes >= STATEMENT_BYTES {
            lists.push(column.clone().in_list(std::mem::take(&mut values), false));
            bytes = 0;
        }
    }
    if !values.is_empty() {
        lists.push(column.clone().in_list(values, false));
    }
    Ok(lists)
}

/// Filters of the form that keys become, over values that columns of this type may have; a source that refuses all of them takes
/// no keys of the column. None for types whose equality is not the same everywhere.
pub(crate) fn sample_filters(column: &Expr, data_type: &DataType) -> Vec<Expr> {
    let texts = ["a", "00000000-0000-0000-0000-000000000000", "000000000000000000000000", "127.0.0.1", "::1"];
    let samples: Vec<ScalarValue> = match value_type(data_type) {
        DataType::Utf8 => texts.iter().map(|t| ScalarValue::Utf8(Some((*t).to_owned()))).collect(),
        DataType::LargeUtf8 => texts.iter().map(|t| ScalarValue::LargeUtf8(Some((*t).to_owned()))).collect(),
        DataType::Utf8View => texts.iter().map(|t| ScalarValue::Utf8View(Some((*t).to_owned()))).collect(),
        DataType::Boolean => vec![ScalarValue::Boolean(Some(true))],
        DataType::Binary => vec![ScalarValue::Binary(Some(vec![1]))],
        other => {
            let one = ScalarValue::new_one(other).or_else(|_| ScalarValue::Int64(Some(1)).cast_to(other));
            one.or_else(|_| ScalarValue::Int32(Some(1)).cast_to(other)).into_iter().collect()
        }
    };
    samples.into_iter().map(|value| column.clone().in_list(vec![Expr::Literal(value, None)], false)).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Int64Array, StructArray};
    use datafusion::arrow::datatypes::{Field, Int32Type, TimeUnit};

    use super::*;

    #[test]
    fn keys_that_a_narrower_column_cannot_hold_are_left_out() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 1 << 40, -7]));
        let narrow = as_type(&keys, &DataType::Int32).unwrap();
        assert_eq!(narrow.as_primitive::<Int32Type>().values().to_vec(), [1, -7]);
        let keys = Decimal128Array::from(vec![100, 150, 200]).with_precision_and_scale(10, 2).unwrap();
        let whole = as_type(&(Arc::new(keys) as ArrayRef), &DataType::Int32).unwrap();
        assert_eq!(whole.as_primitive::<Int32Type>().values().to_vec(), [1, 2]);
    }

    #[test]
    fn every_type_with_exact_equality_has_a_sample() {
        let stamp = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        for data_type in [
            DataType::Int16,
            DataType::UInt64,
            DataType::Date32,
            DataType::Time64(TimeUnit::Microsecond),
            stamp(None),
            stamp(Some("UTC")),
            DataType::Decimal128(10, 2),
            DataType::Utf8,
            DataType::Boolean,
            DataType::Binary,
            DataType::Float64,
        ] {
            assert!(!sample_filters(&datafusion::prelude::col("a"), &data_type).is_empty(), "{data_type}");
        }
    }

    #[test]
    fn keys_are_sent_when_they_save_rows() {
        let facts = |rows, distinct| Facts { rows, distinct: vec![distinct], types: vec![DataType::Int64] };
        assert!(facts(Some(1e6), Some(1e5)).pays(0, 20_000.0));
        assert!(!facts(Some(1e6), Some(1e5)).pays(0, 21_000.0));
        assert!(!facts(Some(1e6), Some(4e5)).pays(0, 100_000.0));
        assert!(facts(Some(1e6), Some(4e6)).pays(0, 100_000.0));
        assert!(facts(Some(900.0), Some(40.0)).pays(0, 30.0));
        assert!(!facts(Some(900.0), Some(40.0)).pays(0, 40.0));
        assert!(facts(Some(900.0), None).pays(0, 40.0));
        assert!(facts(None, None).pays(0, 10_000.0));
        assert!(!facts(None, None).pays(0, 10_001.0));
    }

    #[test]
    fn few_tuples_of_many_pairs_are_sent_together() {
        let facts = |t: DataType| Facts { rows: Some(1e6), distinct: vec![None; 2], types: vec![DataType::Int64, t] };
        let tuples = |pairs: &[(i64, i64)]| {
            let columns = [pairs.iter().map(|p| p.0).collect::<Int64Array>(), pairs.iter().map(|p| p.1).collect()];
            let fields: Vec<Field> = (0..2).map(|i| Field::new(i.to_string(), DataType::Int64, true)).collect();
            let columns = columns.into_iter().map(|c| Arc::new(c) as ArrayRef).collect();
            Arc::new(StructArray::try_new(fields.into(), columns, None).unwrap()) as ArrayRef
        };
        let column = |i: usize| datafusion::prelude::col(["a", "b"][i]);
        let filter = |pairs: &[(i64, i64)], t| {
            let found = tuple_filter(&tuples(pairs), &[(0, 0), (1, 1)], &facts(t), &column).unwrap();
            found.map(|expr| expr.to_string())
        };
        let found = filter(&[(1, 10), (1, 11), (2, 20), (3, 30)], DataType::Int64).unwrap();
        assert_eq!(
            found,
            "a = Int64(1) AND b IN ([Int64(10), Int64(11)]) OR a = Int64(2) AND b IN ([Int64(20)]) OR a = Int64(3) AND b IN ([Int64(30)])"
        );
        // Every pair is there, so the columns one by one say the same.
        assert_eq!(filter(&[(1, 10), (1, 11), (2, 10), (2, 11)], DataType::Int64), None);
        // What a narrower column cannot hold finds nothing.
        let narrow = filter(&[(1, 10), (2, 20), (3, 30), (4, 1 << 40)], DataType::Int32).unwrap();
        assert!(!narrow.contains("a = Int64(4)") && narrow.contains("b IN ([Int32(30)])"), "{narrow}");
    }

    #[test]
    fn many_keys_become_several_statements() {
        let keys: ArrayRef = Arc::new((0..120_000i64).collect::<Int64Array>());
        let lists = in_lists(&datafusion::prelude::col("a"), &keys).unwrap();
        let lengths: Vec<usize> = lists.iter().map(|l| if let Expr::InList(l) = l { l.list.len() } else { 0 }).collect();
        assert_eq!(lengths, [50_000, 50_000, 20_000]);
    }
}
