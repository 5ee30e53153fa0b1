//! A correlated sub-query that stands for a value and may have more rows than one.

use std::fmt;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, Aggregate, AggregateUDF, AggregateUDFImpl, ColumnarValue, LogicalPlan, Projection, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Subquery, Volatility,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::block::recomputed;
use crate::one_row_subquery::has_one_row;

/// Rewrites `(SELECT x ... WHERE t.k = o.k)`, which names columns of the query around, to `only_row((SELECT first_rows(x) ...))`.
///
/// `first_rows` is a list of the first two values, and `only_row` the value of a list of one, null of none, and an error of two. The
/// error so comes only of a row of the query around that has two rows in the sub-query, as SQL says. DataFusion computes correlated
/// aggregates, and refuses the former.
#[derive(Debug)]
pub struct OnlyRow;

impl OnlyRow {
    /// The plan with such sub-queries rewritten; `None` when it has none. One that finds rows by a key is better left to DataFusion, which
    /// knows that there is one.
    pub fn apply(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        let made =
            plan.clone().transform_up_with_subqueries(|node| node.map_expressions(|expr| expr.transform_up(rewrite)))?;
        if made.transformed { recomputed(made).map(Some) } else { Ok(None) }
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::ScalarSubquery(subquery)
            if !subquery.outer_ref_columns.is_empty()
                && !has_one_row(&subquery.subquery)
                && !is_limited(&subquery.subquery) =>
        {
            let plan = only_row(&subquery)?;
            let outer_ref_columns = plan.all_out_ref_exprs();
            let spans = subquery.spans;
            let found = Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans });
            Ok(Transformed::yes(of_rows(found)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether other rules know how many rows there are.
fn is_limited(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Limit(_) => true,
        LogicalPlan::Projection(projection) => is_limited(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_limited(&alias.input),
        // A HAVING over one group, which DataFusion computes.
        LogicalPlan::Filter(filter) => has_one_row(&filter.input),
        _ => false,
    }
}

/// The value of the one row that [`only_row`] has made a list of.
pub(super) fn of_rows(rows: Expr) -> Expr {
    ScalarUDF::new_from_impl(Only::default()).call(vec![rows])
}

/// An aggregate of the rows of a sub-query.
pub(super) fn only_row(subquery: &Subquery) -> Result<LogicalPlan> {
    let input = Arc::clone(&subquery.subquery);
    let (qualifier, field) = input.schema().qualified_field(0);
    let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let name = Column::new(qualifier.cloned(), field.name());
    let call = AggregateUDF::new_from_impl(FirstRows::default()).call(vec![value]);
    let made = Aggregate::try_new(input, Vec::new(), vec![call])?;
    let column = made.schema.columns().into_iter().next();
    let column = column.ok_or_else(|| DataFusionError::Internal("an aggregate without a column".to_owned()))?;
    let named = Expr::Column(column).alias_qualified(name.relation, name.name);
    let plan = Projection::try_new(vec![named], Arc::new(LogicalPlan::Aggregate(made)))?;
    Ok(LogicalPlan::Projection(plan))
}

/// Values that are kept: one more is enough to know that there are too many.
const ROWS: usize = 2;

fn list_of(item: &DataType) -> DataType {
    DataType::new_list(item.clone(), true)
}

/// `first_rows(x)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FirstRows {
    signature: Signature,
}

impl Default for FirstRows {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for FirstRows {
    fn name(&self) -> &str {
        "first_rows"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().map(list_of).ok_or_else(|| DataFusionError::Plan("first_rows takes a value".to_owned()))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let item = args.expr_fields.first().map(|field| field.data_type().clone()).unwrap_or(DataType::Null);
        Ok(Box::new(Rows { item, values: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "first_rows");
        Ok(vec![Arc::new(Field::new(name, args.return_field.data_type().clone(), true))])
    }
}

struct Rows {
    item: DataType,
    values: Vec<ScalarValue>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("count", &self.values.len()).finish()
    }
}

impl Rows {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        for row in 0..values.len().min(ROWS.saturating_sub(self.values.len())) {
            self.values.push(ScalarValue::try_from_array(values, row)?);
        }
        Ok(())
    }

    fn list(&self) -> ScalarValue {
        ScalarValue::List(ScalarValue::new_list_nullable(&self.values, &self.item))
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.first().map_or(Ok(()), |values| self.add(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first().and_then(|state| state.as_list_opt::<i32>()) else { return Ok(()) };
        (0..lists.len()).filter(|row| lists.is_valid(*row)).try_for_each(|row| self.add(&lists.value(row)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.list()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.list())
    }

    fn size(&self) -> usize {
        size_of_val(self) + ScalarValue::size_of_vec(&self.values)
    }
}

/// `only_row(list)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Only {
    signature: Signature,
}

impl Default for Only {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Only {
    fn name(&self) -> &str {
        "only_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::List(item)] => Ok(item.data_type().clone()),
            [DataType::Null] => Ok(DataType::Null),
            _ => Err(DataFusionError::Plan("only_row takes a list".to_owned())),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let lists = args.args.first().map(|lists| lists.to_array(args.number_rows)).transpose()?;
        let Some(lists) = lists.as_ref().and_then(|lists| lists.as_list_opt::<i32>()) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Null));
        };
        let mut places = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let [from, to] = [lists.value_offsets()[row], lists.value_offsets()[row + 1]];
            places.push(match to - from {
                _ if lists.is_null(row) => None,
                0 => None,
                1 => u32::try_from(from).ok(),
                _ => {
                    let message = "a sub-query that stands for a value has more than one row; add LIMIT 1 or an aggregate, such as max";
                    return Err(Error::invalid(message).into_datafusion());
                }
            });
        }
        Ok(ColumnarValue::Array(take(lists.values(), &UInt32Array::from(places), None)?))
    }
}
