//! Literals keep their digits and find the type of what they meet.

mod arrays;
mod bound;
mod bytes;
mod columns;
mod float;
mod meet;
mod origin;
mod pattern;
mod texts;
mod times;
mod values;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, Case, GroupingSet, InList, ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, DmlStatement, LogicalPlan, Operator, WriteOp};
use datafusion::prelude::Expr;

pub use self::bytes::bytes_of;
use self::bytes::is_binary;
use self::columns::{is_date, is_time, rewrite_in, rewrite_keys, rewrite_union};
use self::float::{as_float, folded};
use self::meet::{arithmetic, compare, is_comparison, meet, meet_compared, quotient, type_of};
use self::origin::{CHOOSING, Origins, keeps_digits};

/// Rewrites what the SQL planner makes of literals, before DataFusion brings types together.
///
/// A literal with a point is a decimal of exactly its digits. Where decimals, integers and such literals meet, they stay exact:
/// in comparisons, IN, BETWEEN, CASE, COALESCE, sums, differences and products. Everything becomes `Float64`
///
/// - when one of those that meet is floating point (DataFusion would compare both as `Decimal(30, 15)`),
/// - in `/` and `%` with a literal, whose decimal quotients would have a few digits only,
/// - as the argument of a function that does not keep digits.
///
/// A text that meets bytes or an array says them as in Postgres, and one that meets truth values may say one.
///
/// A text that is compared with decimals is a number of exactly its digits; DataFusion would round it to their scale.
///
/// A time that meets times of a column, such as `'9999-12-31'`, is brought to the unit of the column, and a date that meets times to
/// theirs; DataFusion would bring both to nanoseconds, which end in the year 2262.
///
/// It runs once, when a statement is bound: the types of its result are promised then.
#[derive(Debug, Default)]
pub struct ExactLiterals;

impl ExactLiterals {
    /// The decimal of exactly the digits of a text.
    pub fn number(text: &str) -> Result<ScalarValue> {
        texts::number(text)
    }

    /// The plan with its literals put right. A text that is no time where a time must be is an error.
    pub fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
        if !is_concerned(&plan)? {
            return Ok(plan);
        }
        let typed = is_insert(&plan);
        let settled = is_settled(&plan)?;
        plan.transform_up_with_subqueries(|plan| rewrite_node(plan, typed, settled)).map(|rewritten| rewritten.data)
    }
}

/// Whether there is anything to put right.
fn is_concerned(plan: &LogicalPlan) -> Result<bool> {
    let concerns = |t: &DataType| {
        let meets_texts = t.is_decimal() || is_binary(t) || arrays::is_list(t) || *t == DataType::Boolean;
        meets_texts || is_date(t) || is_time(t) || matches!(t, DataType::Timestamp(..))
    };
    let is_literal = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => pattern::is_formatted(call.func.name()) || times::is_clock(call.func.name()),
        Expr::Literal(value, _) => concerns(&value.data_type()),
        Expr::Cast(cast) => concerns(cast.field.data_type()),
        _ => false,
    };
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= node.schema().fields().iter().any(|field| concerns(field.data_type()));
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is_literal(expr)))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether VALUES have the types of a table's columns.
fn is_insert(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Dml(DmlStatement { op: WriteOp::Insert(_), .. }) => true,
        LogicalPlan::Explain(explain) => is_insert(&explain.plan),
        LogicalPlan::Analyze(analyze) => is_insert(&analyze.input),
        _ => false,
    }
}

/// Whether a node of the plan keeps its own schema: columns of a table that is written, of a function, of a recursive query.
fn is_settled(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Dml(_) | LogicalPlan::Extension(_) | LogicalPlan::RecursiveQuery(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn rewrite_node(plan: LogicalPlan, typed: bool, settled: bool) -> Result<Transformed<LogicalPlan>> {
    let plan = match plan {
        LogicalPlan::Values(values) => return values::rewrite(values, typed, settled).map(Transformed::yes),
        LogicalPlan::Union(union) => return rewrite_union(union).map(Transformed::yes),
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) => return Ok(Transformed::no(plan)),
        LogicalPlan::Join(join) => LogicalPlan::Join(rewrite_keys(join)?),
        other => other,
    };
    rewrite_node_with(plan, settled, &rewrite_expr)
}

/// A rewrite of one expression, of which all that is in it is rewritten already.
type Rewrite<'a> = dyn Fn(Expr, &DFSchema, &Origins<'_>) -> Result<Transformed<Expr>> + 'a;

/// Rewrites the expressions of a node.
fn rewrite_node_with(plan: LogicalPlan, settled: bool, rewrite: &Rewrite<'_>) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let origins = Origins::new(inputs.iter().collect()).settled(settled);
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        rewrite_named(expr, &names, &|expr| expr.transform_up(|expr| rewrite(expr, &schema, &origins)))
    })?;
    rewritten.map_data(LogicalPlan::recompute_schema).map(|found| Transformed::yes(found.data))
}

/// Rewrites an expression, which keeps its name; in grouping sets each of their expressions does.
pub fn rewrite_named(
    expr: Expr,
    names: &NamePreserver,
    rewrite: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    let each = |list: Vec<Expr>| {
        let list = list.into_iter().map(|expr| rewrite_named(expr, names, rewrite).map(|rewritten| rewritten.data));
        list.collect::<Result<Vec<_>>>()
    };
    let set = match expr {
        Expr::GroupingSet(GroupingSet::Rollup(list)) => GroupingSet::Rollup(each(list)?),
        Expr::GroupingSet(GroupingSet::Cube(list)) => GroupingSet::Cube(each(list)?),
        Expr::GroupingSet(GroupingSet::GroupingSets(lists)) => {
            GroupingSet::GroupingSets(lists.into_iter().map(each).collect::<Result<_>>()?)
        }
        expr => {
            let name = names.save(&expr);
            return rewrite(expr).map(|rewritten| rewritten.update_data(|expr| name.restore(expr)));
        }
    };
    Ok(Transformed::yes(Expr::GroupingSet(set)))
}

fn rewrite_expr(expr: Expr, schema: &DFSchema, origins: &Origins<'_>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) => match folded(cast) {
            Expr::Cast(cast) if arrays::is_list(cast.field.data_type()) => arrays::read(cast, schema).map(Transformed::yes),
            Expr::Cast(cast) => times::typed(cast, schema, origins.is_settled()).map(Transformed::yes),
            double => Ok(Transformed::yes(double)),
        },
        Expr::BinaryExpr(BinaryExpr { left, mut op, right }) => {
            let mut sides = [*left, *right];
            match op {
                Operator::Plus | Operator::Minus | Operator::Multiply => arithmetic(&mut sides, op, schema, origins),
                Operator::Divide | Operator::Modulo => quotient(&mut sides, schema, origins),
                _ if is_comparison(op) => op = compare(&mut sides, op, schema, origins)?,
                _ => {}
            }
            let [left, right] = sides.map(Box::new);
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let mut all = [*expr, *low, *high];
            meet_compared(&mut all, schema, origins)?;
            let [expr, low, high] = all.map(Box::new);
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut all = list;
            all.push(*expr);
            meet_compared(&mut all, schema, origins)?;
            let Some(expr) = all.pop() else { return Err(headless()) };
            Ok(Transformed::yes(Expr::InList(InList { expr: Box::new(expr), list: all, negated })))
        }
        Expr::InSubquery(found) => rewrite_in(found, schema).map(Transformed::yes),
        Expr::Case(case) => rewrite_case(case, schema, origins).map(Transformed::yes),
        Expr::ScalarFunction(ScalarFunction { func, mut args }) => {
            arguments(func.name(), &mut args, schema, origins)?;
            if let [_, format] = args.as_mut_slice()
                && pattern::is_formatted(func.name())
            {
                pattern::to_strftime(func.name(), format)?;
            }
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
        }
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            arguments(func.name(), &mut params.args, schema, origins)?;
            Ok(Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params })))
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, mut params } = *window;
            arguments(fun.name(), &mut params.args, schema, origins)?;
            Ok(Transformed::yes(Expr::from(WindowFunction { fun, params })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The arguments of a function.
fn arguments(name: &str, args: &mut [Expr], schema: &DFSchema, origins: &Origins<'_>) -> Result<()> {
    match keeps_digits(name) {
        true if ["lag", "lead"].contains(&name) => {
            if let [value, _, default] = args {
                let mut values = [std::mem::take(value), std::mem::take(default)];
                meet(&mut values, schema, origins)?;
                [*value, *default] = values;
            }
        }
        true if CHOOSING.contains(&name) => meet(args, schema, origins)?,
        true => {}
        false => {
            if name == "make_array" {
                let types: Vec<_> = args.iter().map(|arg| type_of(arg, schema)).collect();
                times::meet(args, &types, origins.is_settled())?;
            }
            for arg in args.iter_mut().filter(|arg| origins.is_literal(arg, schema)) {
                *arg = as_float(std::mem::take(arg));
            }
        }
    }
    Ok(())
}

fn rewrite_case(case: Case, schema: &DFSchema, origins: &Origins<'_>) -> Result<Expr> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (mut whens, mut thens): (Vec<Expr>, Vec<Expr>) = when_then_expr.into_iter().map(|(w, t)| (*w, *t)).unzip();
    let has_else = else_expr.is_some();
    thens.extend(else_expr.map(|e| *e));
    meet(&mut thens, schema, origins)?;
    let mut compared = expr.map(|e| *e);
    if let Some(value) = compared.take() {
        whens.push(value);
        meet_compared(&mut whens, schema, origins)?;
        compared = whens.pop();
    }
    let otherwise = if has_else { thens.pop().map(Box::new) } else { None };
    let branches = whens.into_iter().zip(thens).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(Expr::Case(Case::new(compared.map(Box::new), branches, otherwise)))
}

fn headless() -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Internal("a list lost its value".to_owned())
}
