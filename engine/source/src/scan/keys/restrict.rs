//! Whether keys are worth sending, and as which filters.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options, filter, kernels::cmp};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::error::Result;
use datafusion::prelude::Expr;

use super::{KeyFilter, Keys, value_type};

/// Keys of one statement.
const STATEMENT_KEYS: usize = 50_000;
/// Bytes of the keys of one statement.
const STATEMENT_BYTES: usize = 8 << 20;
/// So few keys are sent unless they are nearly all there are.
const FEW_KEYS: f64 = 1_000.0;
/// Most keys that are sent to a table about which nothing is known.
const UNKNOWN_TABLE_KEYS: f64 = 10_000.0;
/// Share of the distinct values from which on reading everything is as good: a third was measured on loopback with a few
/// columns of an indexed table; a few keys cost next to nothing.
const SHARE_MAX: f64 = 1.0 / 3.0;
const FEW_SHARE_MAX: f64 = 0.8;
/// The same when the keys need several statements.
const STATEMENTS_SHARE_MAX: f64 = 0.1;
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
        share
            <= match keys {
                few if few <= FEW_KEYS => FEW_SHARE_MAX,
                many if many > STATEMENT_KEYS as f64 => STATEMENTS_SHARE_MAX,
                _ => SHARE_MAX,
            }
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
    let others: Vec<Expr> = lists.filter_map(|list| <[Expr; 1]>::try_from(list).ok()).flatten().collect();
    let statement = |first| std::iter::once(first).chain(others.iter().cloned()).collect();
    Ok(Restriction::Filters { statements: longest.into_iter().map(statement).collect(), keys: sent })
}

/// The keys that a column of this type can hold. The join compares in the type of the keys, to which the column is cast without
/// loss, so no other key equals a value of the column.
fn as_type(keys: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let data_type = value_type(data_type);
    if keys.data_type() == data_type {
        return Ok(ArrayRef::clone(keys));
    }
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let narrow = cast_with_options(keys, data_type, &safe)?;
    let back = cast_with_options(&narrow, keys.data_type(), &safe)?;
    let same: BooleanArray = cmp::eq(&back, keys)?;
    Ok(filter(&narrow, &same)?)
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
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Decimal128Array, Int64Array};
    use datafusion::arrow::datatypes::{Int32Type, TimeUnit};

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
        assert!(facts(Some(1e6), Some(1e5)).pays(0, 30_000.0));
        assert!(!facts(Some(1e6), Some(1e5)).pays(0, 40_000.0));
        assert!(!facts(Some(1e6), Some(4e5)).pays(0, 100_000.0));
        assert!(facts(Some(1e6), Some(4e6)).pays(0, 100_000.0));
        assert!(facts(Some(900.0), Some(40.0)).pays(0, 30.0));
        assert!(!facts(Some(900.0), Some(40.0)).pays(0, 40.0));
        assert!(facts(Some(900.0), None).pays(0, 40.0));
        assert!(facts(None, None).pays(0, 10_000.0));
        assert!(!facts(None, None).pays(0, 10_001.0));
    }

    #[test]
    fn many_keys_become_several_statements() {
        let keys: ArrayRef = Arc::new((0..120_000i64).collect::<Int64Array>());
        let lists = in_lists(&datafusion::prelude::col("a"), &keys).unwrap();
        let lengths: Vec<usize> = lists.iter().map(|l| if let Expr::InList(l) = l { l.list.len() } else { 0 }).collect();
        assert_eq!(lengths, [50_000, 50_000, 20_000]);
    }
}
