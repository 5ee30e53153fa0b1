//! Whether two lists have an element in common, for `&&`, and their order.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::make_comparator;
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, SortField};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::rule::{Rule, missing};

/// Name of the function.
pub(crate) const LISTS_OVERLAP: &str = "lists_overlap";

/// Name of the function of their order.
pub(crate) const LIST_ORDER: &str = "list_order";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: LISTS_OVERLAP,
        usage: "array && array",
        description: "Whether two arrays have an element in common; nulls are equal to nothing.",
        coerce: two_lists,
        returns: |_| DataType::Boolean,
        compute: overlap,
    },
    Rule {
        name: LIST_ORDER,
        usage: "list_order(array, array)",
        description: "-1, 0 or 1 when the first array or record comes before, with or after the second; a null is the largest element.",
        coerce: |types| two_lists(types).or_else(|| two_records(types)),
        returns: |_| DataType::Int32,
        compute: order,
    },
];

/// Lists of one type.
fn two_lists(types: &[DataType]) -> Option<Vec<DataType>> {
    let [one, other] = types else { return None };
    let item = comparison_coercion(item(one)?, item(other)?)?;
    let item = if item.is_floating() { DataType::Float64 } else { item };
    let list = DataType::new_list(item, true);
    Some(vec![list.clone(), list])
}

/// Records of one type.
fn two_records(types: &[DataType]) -> Option<Vec<DataType>> {
    let [one @ DataType::Struct(_), other @ DataType::Struct(_)] = types else { return None };
    comparison_coercion(one, other).map(|record| vec![record; 2])
}

fn order(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [one, other] = arrays else { return Err(missing()) };
    let same_zeros = |array: &ArrayRef| -> Result<ArrayRef> {
        if array.as_struct_opt().is_some() {
            return Ok(Arc::clone(array));
        }
        let list = list(array)?;
        let DataType::List(field) = list.data_type() else { return Err(missing()) };
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, equal_zeros(list.values()), nulls)?))
    };
    let (one, other) = (same_zeros(one)?, same_zeros(other)?);
    let options = SortOptions { descending: false, nulls_first: false };
    let compare = make_comparator(&one, &other, options)?;
    let each = (0..rows).map(|row| (one.is_valid(row) && other.is_valid(row)).then(|| compare(row, row) as i32));
    Ok(Arc::new(each.collect::<Int32Array>()))
}

pub(super) fn item(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item.data_type()),
        _ => None,
    }
}

/// Whether values of a type are lists.
pub(crate) fn is_list(data_type: &DataType) -> bool {
    item(data_type).is_some()
}

fn overlap(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [one, other] = arrays else { return Err(missing()) };
    let (one, other) = (list(one)?, list(other)?);
    let converter = RowConverter::new(vec![SortField::new(one.value_type())])?;
    let encoded = |values: &ArrayRef| -> Result<_> { Ok(converter.convert_columns(&[equal_zeros(values)])?) };
    let (left, right) = (encoded(one.values())?, encoded(other.values())?);
    let found = (0..rows).map(|row| {
        if one.is_null(row) || other.is_null(row) {
            return None;
        }
        let places = |list: &ListArray| {
            let offsets = list.value_offsets();
            let valid = Arc::clone(list.values());
            (offsets[row] as usize..offsets[row + 1] as usize).filter(move |i| valid.is_valid(*i))
        };
        let known: HashSet<_> = places(one).map(|i| left.row(i)).collect();
        Some(!known.is_empty() && places(other).any(|i| known.contains(&right.row(i))))
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// The same values with one zero of floating point.
pub(super) fn equal_zeros(values: &ArrayRef) -> ArrayRef {
    match values.as_primitive_opt::<Float64Type>() {
        Some(doubles) => Arc::new(doubles.unary::<_, Float64Type>(|x| x + 0.0)),
        None => Arc::clone(values),
    }
}

fn list(array: &ArrayRef) -> Result<&ListArray> {
    array.as_list_opt::<i32>().ok_or_else(missing)
}
