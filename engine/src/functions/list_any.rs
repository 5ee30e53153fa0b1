//! Whether a value stands in an order to any element of a list, for `x < ANY (array)`.

use std::sync::Arc;

use arrow::compute::kernels::cmp;
use arrow::compute::take;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::lists::{equal_zeros, item};
use super::rule::{Rule, invalid, missing};

/// Name of the function.
pub(crate) const ARRAY_ANY: &str = "array_any";

pub(super) const RULES: &[Rule] = &[Rule {
    name: ARRAY_ANY,
    usage: "array_any(operator, value, array)",
    description: "Whether a comparison of a value with any element of an array is true; NULL when it is not, but for a null.",
    coerce: |types| match types {
        [operator, value, list] if operator.is_string() => {
            let common = match item(list) {
                Some(item) => comparison_coercion(value, item)?,
                None if list.is_null() => value.clone(),
                None => return None,
            };
            if common.is_nested() {
                return None;
            }
            let common = if common.is_floating() { DataType::Float64 } else { common };
            Some(vec![DataType::Utf8, common.clone(), DataType::new_list(common, true)])
        }
        _ => None,
    },
    returns: |_| DataType::Boolean,
    compute: any,
}];

fn any(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [operators, values, lists] = arrays else { return Err(missing()) };
    if rows == 0 {
        return Ok(Arc::new(BooleanArray::new_null(0)));
    }
    let operator = operators.as_string_opt::<i32>().ok_or_else(missing)?.value(0);
    let lists = lists.as_list_opt::<i32>().ok_or_else(missing)?;
    let offsets = lists.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[rows] as usize);
    let row_of_element =
        (0..rows).flat_map(|row| std::iter::repeat_n(row as u64, (offsets[row + 1] - offsets[row]) as usize));
    let value_of_element = take(&equal_zeros(values), &UInt64Array::from_iter_values(row_of_element), None)?;
    let elements = equal_zeros(&lists.values().slice(first, last - first));
    let holds = match operator {
        "<>" => cmp::neq(&value_of_element, &elements),
        "<" => cmp::lt(&value_of_element, &elements),
        "<=" => cmp::lt_eq(&value_of_element, &elements),
        ">" => cmp::gt(&value_of_element, &elements),
        ">=" => cmp::gt_eq(&value_of_element, &elements),
        _ => return Err(invalid("array_any takes one of <>, <, <=, > and >=")),
    }?;
    let found = (0..rows).map(|row| {
        if lists.is_null(row) {
            return None;
        }
        let mut none = Some(false);
        for element in offsets[row] as usize - first..offsets[row + 1] as usize - first {
            match (holds.is_valid(element), holds.value(element)) {
                (true, true) => return Some(true),
                (true, false) => {}
                (false, _) => none = None,
            }
        }
        none
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}
