//! Whether two lists have an element in common, for `&&`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::row::{RowConverter, SortField};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::rule::{Rule, missing};

/// Name of the function.
pub(crate) const LISTS_OVERLAP: &str = "lists_overlap";

pub(super) const RULES: &[Rule] = &[Rule {
    name: LISTS_OVERLAP,
    usage: "array && array",
    description: "Whether two arrays have an element in common; nulls are equal to nothing.",
    coerce: |types| match types {
        [one, other] => {
            let item = comparison_coercion(item(one)?, item(other)?)?;
            let item = if item.is_floating() { DataType::Float64 } else { item };
            let list = DataType::new_list(item, true);
            Some(vec![list.clone(), list])
        }
        _ => None,
    },
    returns: |_| DataType::Boolean,
    compute: overlap,
}];

fn item(list: &DataType) -> Option<&DataType> {
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
    let encoded = |values: &ArrayRef| -> Result<_> {
        let values = match values.as_primitive_opt::<Float64Type>() {
            // The zeros are equal.
            Some(doubles) => Arc::new(doubles.unary::<_, Float64Type>(|x| x + 0.0)) as ArrayRef,
            None => Arc::clone(values),
        };
        Ok(converter.convert_columns(&[values])?)
    };
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

fn list(array: &ArrayRef) -> Result<&ListArray> {
    array.as_list_opt::<i32>().ok_or_else(missing)
}
