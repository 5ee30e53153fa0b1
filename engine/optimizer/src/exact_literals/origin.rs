//! Which decimals come from literals.

use std::cell::Cell;

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Distinct, JoinType, LogicalPlan, Operator};
use datafusion::prelude::Expr;

use super::meet::type_of;

/// Steps of one search; beyond them a decimal is taken for one that comes from no literal.
const STEPS_MAX: u32 = 20_000;

/// Functions that return one of their arguments or compare them.
pub(super) const CHOOSING: &[&str] = &["coalesce", "greatest", "ifnull", "least", "nullif", "nvl"];

/// Other functions whose decimal arguments stay decimals: their results are exact.
const KEEPING: &[&str] = &[
    "abs",
    "arrow_cast",
    "arrow_typeof",
    "concat",
    "concat_ws",
    "count",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "mode",
    "nth_value",
    "percentile_disc",
    "round",
    "sum",
];

/// Whether a function keeps the digits of decimal literals.
pub(super) fn keeps_digits(name: &str) -> bool {
    CHOOSING.contains(&name) || KEEPING.contains(&name)
}

/// What the expressions of a node are made of.
pub(super) struct Origins<'a> {
    inputs: Vec<&'a LogicalPlan>,
    steps: Cell<u32>,
    settled: bool,
}

impl<'a> Origins<'a> {
    pub(super) fn new(inputs: Vec<&'a LogicalPlan>) -> Self {
        Self { inputs, steps: Cell::new(0), settled: false }
    }

    /// The same where the types of the plan are promised to a node that keeps its own schema.
    pub(super) fn settled(self, settled: bool) -> Self {
        Self { settled, ..self }
    }

    /// Whether types are promised already.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether an expression is a decimal that a literal takes part in.
    pub(super) fn is_literal(&self, expr: &Expr, schema: &DFSchema) -> bool {
        self.steps.set(0);
        type_of(expr, schema).is_decimal() && self.literal(expr, &self.inputs)
    }

    fn literal(&self, expr: &Expr, inputs: &[&LogicalPlan]) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            return false;
        }
        let any = |args: &[Expr]| args.iter().any(|arg| self.literal(arg, inputs));
        match expr {
            Expr::Literal(value, _) => value.data_type().is_decimal(),
            Expr::Column(column) => inputs.iter().any(|input| self.column(column, input)),
            Expr::Alias(alias) => self.literal(&alias.expr, inputs),
            Expr::Negative(inner) => self.literal(inner, inputs),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus | Operator::Multiply, right }) => {
                self.literal(left, inputs) || self.literal(right, inputs)
            }
            Expr::Case(case) => {
                let mut thens = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
                thens.any(|then| self.literal(then, inputs))
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => keeps_digits(func.name()) && any(args),
            Expr::AggregateFunction(AggregateFunction { func, params }) => keeps_digits(func.name()) && any(&params.args),
            Expr::WindowFunction(window) => keeps_digits(window.fun.name()) && any(&window.params.args),
            Expr::ScalarSubquery(subquery) => self.output(&subquery.subquery, 0),
            _ => false,
        }
    }

    fn column(&self, column: &Column, input: &LogicalPlan) -> bool {
        let index = input.schema().maybe_index_of_column(column);
        index.is_some_and(|i| input.schema().field(i).data_type().is_decimal() && self.output(input, i))
    }

    /// Whether a literal takes part in a column of a plan's output.
    fn output(&self, plan: &LogicalPlan, index: usize) -> bool {
        match plan {
            LogicalPlan::Projection(p) => p.expr.get(index).is_some_and(|e| self.literal(e, &[&p.input])),
            LogicalPlan::Aggregate(aggregate) => {
                let name = aggregate.schema.field(index).name();
                let all = aggregate.aggr_expr.iter().chain(&aggregate.group_expr);
                let mut found = all.filter(|e| e.schema_name().to_string() == *name);
                found.any(|e| self.literal(e, &[&aggregate.input]))
            }
            LogicalPlan::Window(window) => match index.checked_sub(window.input.schema().fields().len()) {
                Some(own) => window.window_expr.get(own).is_some_and(|e| self.literal(e, &[&window.input])),
                None => self.output(&window.input, index),
            },
            LogicalPlan::Filter(filter) => self.output(&filter.input, index),
            LogicalPlan::Sort(sort) => self.output(&sort.input, index),
            LogicalPlan::Limit(limit) => self.output(&limit.input, index),
            LogicalPlan::SubqueryAlias(alias) => self.output(&alias.input, index),
            LogicalPlan::Subquery(subquery) => self.output(&subquery.subquery, index),
            LogicalPlan::Distinct(Distinct::All(input)) => self.output(input, index),
            LogicalPlan::Distinct(Distinct::On(on)) => {
                on.select_expr.get(index).is_some_and(|e| self.literal(e, &[&on.input]))
            }
            LogicalPlan::Join(join) => {
                let left = join.left.schema().fields().len();
                match (join.join_type, index.checked_sub(left)) {
                    (JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark, _) => self.output(&join.right, index),
                    (_, Some(right)) => right < join.right.schema().fields().len() && self.output(&join.right, right),
                    (_, None) => self.output(&join.left, index),
                }
            }
            LogicalPlan::Union(union) => union.inputs.iter().any(|input| self.output(input, index)),
            LogicalPlan::Values(values) => values.values.iter().filter_map(|row| row.get(index)).any(|value| match value {
                Expr::Cast(cast) => self.literal(&cast.expr, &[]),
                other => self.literal(other, &[]),
            }),
            _ => false,
        }
    }
}
