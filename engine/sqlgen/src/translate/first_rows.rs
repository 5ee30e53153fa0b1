//! The first row of each group, which DISTINCT ON asks for.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate as PlanAggregate, SortExpr};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome};

use super::Translator;
use super::database::Part;
use super::expr::Scope;
use super::relation::{Relation, Stage};
use super::window::over;
use crate::expr::{Expr, Operator, Window};

/// Groups of which only values of the first row are wanted, by one order.
pub(super) struct FirstRows {
    values: Vec<PlanExpr>,
    order: Vec<SortExpr>,
}

impl FirstRows {
    /// Of an aggregate that has nothing but `first_value(x ORDER BY the same)`.
    pub(super) fn of(aggregate: &PlanAggregate) -> Option<Self> {
        if aggregate.group_expr.is_empty() || aggregate.group_expr.iter().any(|e| matches!(e, PlanExpr::GroupingSet(_))) {
            return None;
        }
        let calls: Option<Vec<&AggregateFunction>> = aggregate.aggr_expr.iter().map(first_value).collect();
        let calls = calls?;
        let order = calls.first()?.params.order_by.clone();
        let same = !order.is_empty() && calls.iter().all(|c| c.params.order_by == order);
        let values: Option<Vec<PlanExpr>> = calls.iter().map(|c| c.params.args.first().cloned()).collect();
        Some(Self { values: values?, order }).filter(|_| same)
    }
}

fn first_value(expr: &PlanExpr) -> Option<&AggregateFunction> {
    match expr {
        PlanExpr::Alias(alias) => first_value(&alias.expr),
        PlanExpr::AggregateFunction(call) if call.func.name() == "first_value" => {
            let params = &call.params;
            let plain = !params.distinct && params.filter.is_none() && params.null_treatment.is_none();
            Some(call).filter(|_| plain && params.args.len() == 1)
        }
        _ => None,
    }
}

impl Translator<'_> {
    /// The rows are counted in each group, and the first is kept, so all values are of one row.
    pub(super) fn first_rows(
        &mut self,
        part: &str,
        aggregate: &PlanAggregate,
        first: &FirstRows,
        input: Relation,
    ) -> Outcome<Relation> {
        let supported = self.database.supports(Part::Window);
        self.noted(part, supported)?;
        let mut relation = self.at_most(input, Stage::Rows);
        let (keys, values, order) = {
            let scope = Scope { schema: aggregate.input.schema(), columns: &relation.columns };
            let (keys, values) = (self.values(&aggregate.group_expr, &scope), self.values(&first.values, &scope));
            (keys?, values?, self.order(&first.order, &scope)?)
        };
        self.group_keys(&keys)?;
        let place = self.database.window("row_number", &[], &DataType::Int64);
        let mut place = self.noted(part, place)?;
        let partition = keys.iter().map(|k| k.expr.clone()).collect();
        place.expr =
            over(place.expr, |function| Expr::Window(Box::new(Window { function, partition, order, frame: None })));
        relation.columns = keys.into_iter().chain(values).chain([place]).collect();
        relation.stage = Stage::Windowed;
        let mut relation = self.wrap(relation);
        let Some(place) = relation.columns.pop() else { return self.refuse(part, "it has no rows") };
        let one = Expr::Value(ScalarValue::Int64(Some(1)));
        relation.select.filters.push(Expr::compare(place.expr, Operator::Eq, one));
        Ok(relation)
    }
}
