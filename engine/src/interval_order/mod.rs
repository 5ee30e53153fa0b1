//! Intervals compare by their length wherever values are compared, as in Postgres: a month has 30 days and a day 24 hours.
//!
//! Arrow compares months, days and time one after the other, so `1 day` would be more than `47 hours` and no `24 hours`. Here
//!
//! - comparisons, BETWEEN, IN, `CASE x WHEN`, the keys of joins, ORDER BY, PARTITION BY and `count(DISTINCT x)` compare lengths;
//! - `nullif(x, y)` becomes `CASE WHEN x = y THEN NULL ELSE x END`, and `greatest` and `least` are functions of intervals;
//! - GROUP BY and DISTINCT group by the length, and show the smallest interval of that length ([`groups`]);
//! - parts of an interval are those of EXTRACT.
//!
//! `min` and `max` are those of [`crate::total_order`].

mod groups;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{
    AggregateFunction, Case, InList, InSubquery, ScalarFunction, SetComparison, Sort as SortExpr, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Distinct, ExprSchemable, LogicalPlan, Operator, Projection, Subquery, WindowFrameUnits, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_optimizer::rewrite_named;
use headwater_source::ErrorExt;

use crate::functions::{
    INTERVAL, INTERVAL_EPOCH, INTERVAL_GREATEST, INTERVAL_LEAST, INTERVAL_LENGTH, INTERVAL_PART, JUSTIFY_HOURS, Known,
    YEAR_PART, is_interval_part,
};
use crate::peer_frames::is_distance;

/// Makes plans compare intervals by their length.
#[derive(Debug)]
pub(crate) struct IntervalOrder {
    functions: Functions,
}

impl IntervalOrder {
    pub(crate) fn new() -> Self {
        let wanted =
            [INTERVAL_EPOCH, INTERVAL_GREATEST, INTERVAL_LEAST, INTERVAL_LENGTH, INTERVAL_PART, JUSTIFY_HOURS, YEAR_PART];
        Self { functions: Functions(Known::of(&wanted)) }
    }
}

impl AnalyzerRule for IntervalOrder {
    fn name(&self) -> &str {
        "interval_order"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| self.functions.rewrite_node(plan))?;
        if !rewritten.transformed {
            return Ok(rewritten.data);
        }
        // What was a column that is never null may be a computed one now.
        let current = |plan: LogicalPlan| plan.recompute_schema().map(Transformed::yes);
        rewritten.data.transform_up_with_subqueries(current).map(|plan| plan.data)
    }
}

#[derive(Debug)]
struct Functions(Known);

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

fn of_interval(expr: &Expr, schema: &DFSchema) -> bool {
    // An expression whose type is not known is left as it is.
    expr.get_type(schema).is_ok_and(|t| is_interval(&t))
}

/// Whether an expression may compare intervals, by its form.
fn is_candidate(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(binary) => is_comparison(binary.op),
        Expr::Between(_) | Expr::InList(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => true,
        Expr::AggregateFunction(_) | Expr::WindowFunction(_) => true,
        Expr::Case(case) => case.expr.is_some(),
        Expr::ScalarFunction(call) => {
            matches!(call.name(), "nullif" | "greatest" | "least" | "date_part" | "datepart")
        }
        _ => false,
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom)
}

impl Functions {
    fn call(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let call = self.0.call(name, arguments);
        call.ok_or_else(|| Error::internal("a function of intervals is not known").into_datafusion())
    }

    /// The length of an interval.
    fn length(&self, expr: Expr, schema: &DFSchema) -> Result<Expr> {
        let is_exact = expr.get_type(schema).is_ok_and(|t| t == INTERVAL);
        self.call(INTERVAL_LENGTH, vec![if is_exact { expr } else { cast(expr, INTERVAL) }])
    }

    /// The length when it is an interval.
    fn key(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match of_interval(&expr, schema) {
            true => self.length(expr, schema).map(Transformed::yes),
            false => Ok(Transformed::no(expr)),
        }
    }

    fn keys(&self, exprs: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
        exprs.into_iter().map(|expr| self.key(expr, schema).map(|key| key.data)).collect()
    }

    fn sort_keys(&self, keys: Vec<SortExpr>, schema: &DFSchema) -> Result<Vec<SortExpr>> {
        let key = |sort: SortExpr| Ok(SortExpr { expr: self.key(sort.expr, schema)?.data, ..sort });
        keys.into_iter().map(key).collect()
    }

    fn rewrite_node(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let mut candidate = false;
        plan.apply_expressions(|expr| {
            candidate |= expr.exists(|expr| Ok(is_candidate(expr)))?;
            Ok(if candidate { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        let rewritten = if candidate { self.rewrite_expressions(plan)? } else { Transformed::no(plan) };
        let transformed = rewritten.transformed;
        let mut whole = self.rewrite_keys(rewritten.data)?;
        whole.transformed |= transformed;
        Ok(whole)
    }

    fn rewrite_expressions(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let schema = match plan.inputs().as_slice() {
            [] => plan.schema().as_ref().clone(),
            inputs => merge_schema(inputs),
        };
        let names = NamePreserver::new(&plan);
        let rewrite = |expr: Expr| expr.transform_up(|expr| self.rewrite(expr, &schema));
        let rewritten = plan.map_expressions(|expr| rewrite_named(expr, &names, &rewrite))?;
        if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
    }

    /// What a node compares beside its expressions.
    fn rewrite_keys(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let has_intervals = |plan: &LogicalPlan| plan.schema().fields().iter().any(|f| is_interval(f.data_type()));
        match plan {
            LogicalPlan::Sort(mut sort) if sort.expr.iter().any(|key| of_interval(&key.expr, sort.input.schema())) => {
                sort.expr = self.sort_keys(sort.expr, sort.input.schema())?;
                Ok(Transformed::yes(LogicalPlan::Sort(sort)))
            }
            LogicalPlan::Join(mut join) if join.on.iter().any(|(left, _)| of_interval(left, join.left.schema())) => {
                for (left, right) in &mut join.on {
                    *left = self.key(std::mem::take(left), join.left.schema())?.data;
                    *right = self.key(std::mem::take(right), join.right.schema())?.data;
                }
                Ok(Transformed::yes(LogicalPlan::Join(join)))
            }
            LogicalPlan::Aggregate(aggregate) => groups::rewrite(self, aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) if has_intervals(&input) => groups::distinct(self, input),
            LogicalPlan::Distinct(Distinct::On(mut on)) => {
                let schema = Arc::clone(on.input.schema());
                let sorted = on.sort_expr.iter().flatten().any(|key| of_interval(&key.expr, &schema));
                if !sorted && !on.on_expr.iter().any(|expr| of_interval(expr, &schema)) {
                    return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))));
                }
                on.on_expr = self.keys(on.on_expr, &schema)?;
                on.sort_expr = on.sort_expr.map(|keys| self.sort_keys(keys, &schema)).transpose()?;
                Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
            }
            LogicalPlan::RecursiveQuery(query) if query.is_distinct && has_intervals(&query.static_term) => {
                Err(unsupported("UNION of intervals in a recursive query; use UNION ALL"))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let is = |expr: &Expr| of_interval(expr, schema);
        let length = |expr: Expr| self.length(expr, schema);
        Ok(Transformed::yes(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) && (is(&left) || is(&right)) => {
                Expr::BinaryExpr(BinaryExpr::new(Box::new(length(*left)?), op, Box::new(length(*right)?)))
            }
            Expr::Between(Between { expr, negated, low, high }) if is(&expr) || is(&low) || is(&high) => {
                let [expr, low, high] = [length(*expr)?, length(*low)?, length(*high)?].map(Box::new);
                Expr::Between(Between { expr, negated, low, high })
            }
            Expr::InList(InList { expr, list, negated }) if is(&expr) => {
                let list = list.into_iter().map(length).collect::<Result<_>>()?;
                Expr::InList(InList { expr: Box::new(length(*expr)?), list, negated })
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) if is(&expr) => {
                let (expr, subquery) = (Box::new(length(*expr)?), self.column(subquery)?);
                Expr::InSubquery(InSubquery { expr, subquery, negated })
            }
            Expr::SetComparison(found) if is(&found.expr) => {
                let (expr, subquery) = (Box::new(length(*found.expr)?), self.column(found.subquery)?);
                Expr::SetComparison(SetComparison { expr, subquery, ..found })
            }
            Expr::Case(Case { expr: Some(base), when_then_expr, else_expr }) if is(&base) => {
                let compared = |(when, then): (Box<Expr>, Box<Expr>)| {
                    Ok((Box::new(length(base.as_ref().clone())?.eq(length(*when)?)), then))
                };
                let branches = when_then_expr.into_iter().map(compared).collect::<Result<_>>()?;
                Expr::Case(Case::new(None, branches, else_expr))
            }
            Expr::ScalarFunction(call) => return self.function(call, schema),
            Expr::AggregateFunction(call) => return self.aggregate(call, schema),
            Expr::WindowFunction(call) => return self.window(*call, schema),
            other => return Ok(Transformed::no(other)),
        }))
    }

    /// A sub-query of the length of its one column.
    fn column(&self, subquery: Subquery) -> Result<Subquery> {
        let schema = Arc::clone(subquery.subquery.schema());
        let column = schema.columns().into_iter().next().map(Expr::Column);
        let column = column.ok_or_else(|| Error::internal("a sub-query has no column").into_datafusion())?;
        let name = column.schema_name().to_string();
        let length = self.length(column, &schema)?.alias(name);
        let projection = Projection::try_new(vec![length], Arc::clone(&subquery.subquery))?;
        Ok(Subquery { subquery: Arc::new(LogicalPlan::Projection(projection)), ..subquery })
    }

    fn function(&self, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let some = call.args.iter().any(|arg| of_interval(arg, schema));
        let made = match (call.name(), call.args.as_slice()) {
            ("nullif", [value, other]) if some => {
                let same = self.length(value.clone(), schema)?.eq(self.length(other.clone(), schema)?);
                let null = Expr::Literal(ScalarValue::try_from(&value.get_type(schema)?)?, None);
                Expr::Case(Case::new(None, vec![(Box::new(same), Box::new(null))], Some(Box::new(value.clone()))))
            }
            ("greatest", _) if some => self.call(INTERVAL_GREATEST, call.args)?,
            ("least", _) if some => self.call(INTERVAL_LEAST, call.args)?,
            ("date_part" | "datepart", [Expr::Literal(part, _), value]) => {
                let Some(part) = part.try_as_str().flatten().map(str::to_ascii_lowercase) else {
                    return Ok(Transformed::no(Expr::ScalarFunction(call)));
                };
                match value.get_type(schema)? {
                    DataType::Interval(_) => return self.part(call.clone(), &part, value.clone()),
                    DataType::Duration(_) => {
                        let days = self.call(JUSTIFY_HOURS, vec![cast(value.clone(), INTERVAL)])?;
                        return self.part(call.clone(), &part, days);
                    }
                    _ if is_of_year(&part) => {
                        let year = Expr::ScalarFunction(ScalarFunction {
                            func: Arc::clone(&call.func),
                            args: vec![lit("year"), value.clone()],
                        });
                        self.call(YEAR_PART, vec![lit(part), year])?
                    }
                    _ => return Ok(Transformed::no(Expr::ScalarFunction(call))),
                }
            }
            _ => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        };
        Ok(Transformed::yes(made))
    }

    fn part(&self, call: ScalarFunction, part: &str, value: Expr) -> Result<Transformed<Expr>> {
        match part {
            "epoch" => self.call(INTERVAL_EPOCH, vec![value]).map(Transformed::yes),
            // The seconds with all their digits.
            "nanosecond" | "nanoseconds" => Ok(Transformed::no(Expr::ScalarFunction(call))),
            part if is_interval_part(part) => self.call(INTERVAL_PART, vec![lit(part), value]).map(Transformed::yes),
            part => Err(Error::invalid(format!("an interval has no part {part}")).into_datafusion()),
        }
    }

    fn aggregate(&self, call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let AggregateFunction { func, mut params } = call;
        let mut changed = params.order_by.iter().any(|key| of_interval(&key.expr, schema));
        params.order_by = self.sort_keys(params.order_by, schema)?;
        if (params.distinct || func.name() == "approx_distinct") && params.args.iter().any(|arg| of_interval(arg, schema)) {
            match func.name() {
                "min" | "max" => {}
                "count" | "approx_distinct" => {
                    params.args = self.keys(params.args, schema)?;
                    changed = true;
                }
                _ => return Err(unsupported("an aggregate of DISTINCT intervals; use DISTINCT in a sub-query")),
            }
        }
        let call = Expr::AggregateFunction(AggregateFunction { func, params });
        Ok(if changed { Transformed::yes(call) } else { Transformed::no(call) })
    }

    fn window(&self, call: WindowFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let WindowFunction { fun, mut params } = call;
        let ordered = params.order_by.iter().any(|key| of_interval(&key.expr, schema));
        if params.distinct && params.args.iter().any(|arg| of_interval(arg, schema)) {
            return Err(unsupported("DISTINCT intervals in a window"));
        }
        if !ordered && !params.partition_by.iter().any(|key| of_interval(key, schema)) {
            return Ok(Transformed::no(Expr::from(WindowFunction { fun, params })));
        }
        let frame = &params.window_frame;
        if ordered
            && frame.units == WindowFrameUnits::Range
            && (is_distance(&frame.start_bound) || is_distance(&frame.end_bound))
        {
            return Err(unsupported("a frame by RANGE over intervals; order by extract(epoch FROM ...)"));
        }
        params.partition_by = self.keys(params.partition_by, schema)?;
        params.order_by = self.sort_keys(params.order_by, schema)?;
        Ok(Transformed::yes(Expr::from(WindowFunction { fun, params })))
    }
}

fn is_of_year(part: &str) -> bool {
    matches!(part.trim_end_matches('s'), "decade" | "century" | "millennium" | "millenium")
}

fn unsupported(what: &str) -> datafusion::error::DataFusionError {
    Error::unsupported(format!("{what} is not supported")).into_datafusion()
}
