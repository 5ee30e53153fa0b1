//! Literals keep their digits and find the type of what they meet.

mod float;
mod meet;
mod origin;
mod pattern;
mod times;
mod values;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{
    AggregateFunction, Case, GroupingSet, InList, InSubquery, ScalarFunction, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, DmlStatement, Join, LogicalPlan, Operator, Projection, Subquery, Union, WriteOp,
};
use datafusion::prelude::Expr;

use self::float::{as_float, folded, is_float};
use self::meet::{arithmetic, compare, is_comparison, meet, quotient, type_of};
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
/// A time that meets times of a column, such as `'9999-12-31'`, is brought to the unit of the column; DataFusion would bring both to
/// nanoseconds, which end in the year 2262.
///
/// It runs once, when a statement is bound: the types of its result are promised then.
#[derive(Debug, Default)]
pub struct ExactLiterals;

impl ExactLiterals {
    /// The plan with its literals put right. A text that is no time where a time must be is an error.
    pub fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
        if !is_concerned(&plan)? {
            return Ok(plan);
        }
        let typed = is_insert(&plan);
        plan.transform_up_with_subqueries(|plan| rewrite_node(plan, typed)).map(|rewritten| rewritten.data)
    }
}

/// Whether there is anything to put right.
fn is_concerned(plan: &LogicalPlan) -> Result<bool> {
    let concerns =
        |t: &DataType| t.is_decimal() || matches!(t, DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_));
    let is_literal = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => pattern::is_formatted(call.func.name()),
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

fn rewrite_node(plan: LogicalPlan, typed: bool) -> Result<Transformed<LogicalPlan>> {
    let plan = match plan {
        LogicalPlan::Values(values) => return values::rewrite(values, typed).map(Transformed::yes),
        LogicalPlan::Union(union) => return rewrite_union(union).map(Transformed::yes),
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) => return Ok(Transformed::no(plan)),
        LogicalPlan::Join(join) => LogicalPlan::Join(rewrite_keys(join)),
        other => other,
    };
    let schema = merge_schema(&plan.inputs());
    let inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let origins = Origins::new(inputs.iter().collect());
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        rewrite_named(expr, &names, &|expr| expr.transform_up(|expr| rewrite_expr(expr, &schema, &origins)))
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

/// Keys of a join are pairs of its two sides.
fn rewrite_keys(mut join: Join) -> Join {
    let (left, right) = (Arc::clone(join.left.schema()), Arc::clone(join.right.schema()));
    for (a, b) in &mut join.on {
        let (a_type, b_type) = (type_of(a, &left), type_of(b, &right));
        if a_type.is_decimal() && is_float(&b_type) {
            *a = as_float(std::mem::take(a));
        } else if is_float(&a_type) && b_type.is_decimal() {
            *b = as_float(std::mem::take(b));
        }
    }
    join
}

/// A column that is floating point in one side is so in all of them.
fn rewrite_union(union: Union) -> Result<LogicalPlan> {
    let types = |index: usize| union.inputs.iter().map(move |input| input.schema().field(index).data_type());
    let columns = 0..union.schema.fields().len();
    let float: Vec<bool> = columns.map(|i| types(i).any(is_float) && types(i).any(|t| t.is_decimal())).collect();
    let inputs = union
        .inputs
        .iter()
        .map(|input| float_columns(input, &float).map(|changed| changed.map_or_else(|| Arc::clone(input), Arc::new)));
    Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?).map(LogicalPlan::Union)
}

/// The plan with those of its decimal columns as floating point; `None` when there are none.
fn float_columns(plan: &Arc<LogicalPlan>, float: &[bool]) -> Result<Option<LogicalPlan>> {
    let schema = plan.schema();
    let is_changed = |i: usize| float.get(i) == Some(&true) && schema.field(i).data_type().is_decimal();
    if !(0..schema.fields().len()).any(is_changed) {
        return Ok(None);
    }
    let columns = schema.iter().enumerate().map(|(i, (qualifier, field))| {
        let column = Expr::from((qualifier, field));
        match is_changed(i) {
            true => as_float(column).alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns = columns.collect();
    Projection::try_new(columns, Arc::clone(plan)).map(|projection| Some(LogicalPlan::Projection(projection)))
}

fn rewrite_expr(expr: Expr, schema: &DFSchema, origins: &Origins<'_>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) => match folded(cast) {
            Expr::Cast(cast) => times::typed(times::of_date(cast, schema)).map(Transformed::yes),
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
            meet(&mut all, schema, origins)?;
            let [expr, low, high] = all.map(Box::new);
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut all = list;
            all.push(*expr);
            meet(&mut all, schema, origins)?;
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
        meet(&mut whens, schema, origins)?;
        compared = whens.pop();
    }
    let otherwise = if has_else { thens.pop().map(Box::new) } else { None };
    let branches = whens.into_iter().zip(thens).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(Expr::Case(Case::new(compared.map(Box::new), branches, otherwise)))
}

/// `value IN (sub-query)`.
fn rewrite_in(found: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { mut expr, mut subquery, negated } = found;
    let (value, column) = (type_of(&expr, schema), subquery.subquery.schema().field(0).data_type().clone());
    if value.is_decimal() && is_float(&column) {
        *expr = as_float(*expr);
    } else if is_float(&value)
        && column.is_decimal()
        && let Some(changed) = float_columns(&subquery.subquery, &[true])?
    {
        subquery = Subquery { subquery: Arc::new(changed), ..subquery };
    }
    Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }))
}

fn headless() -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Internal("a list lost its value".to_owned())
}
