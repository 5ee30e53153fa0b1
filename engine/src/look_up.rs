//! Look-ups of one row by its key: applications prepare them once and run them with one key after the other, and the way through
//! the planner would take longer than the answer.
//!
//! The first run is planned as every statement is. When its plan turns out to be one scan that compares a whole key of its table with
//! the parameters at the source, and does nothing else, a later run asks for the same scan with its own values.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::projection::ProjectionExec;
use headwater_source::{RemoteScanExec, RemoteTable, SourceRegistry};

/// A column that is compared with a parameter (from 0).
#[derive(Debug)]
struct Key {
    column: String,
    data_type: DataType,
    parameter: usize,
}

/// A statement that may be a look-up of one row.
#[derive(Debug)]
pub(crate) struct LookUp {
    keys: Vec<Key>,
    /// The plan of a run before, once there was one; `None` when it does more than look up a row.
    plan: OnceLock<Option<Arc<dyn ExecutionPlan>>>,
}

impl LookUp {
    /// `SELECT columns FROM table WHERE key = $1 AND ...`, with every parameter in one comparison and a key among the columns.
    pub(crate) fn of(plan: &LogicalPlan, parameters: usize) -> Option<Self> {
        let LogicalPlan::Projection(projection) = plan else { return None };
        if !projection.expr.iter().all(|e| matches!(e.clone().unalias(), Expr::Column(_))) {
            return None;
        }
        let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return None };
        let mut input = filter.input.as_ref();
        while let LogicalPlan::SubqueryAlias(alias) = input {
            input = &alias.input;
        }
        let LogicalPlan::TableScan(scan) = input else { return None };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return None;
        }
        let provider = source_as_provider(&scan.source).ok()?;
        let meta = provider.downcast_ref::<RemoteTable>()?.meta();
        let compared = split_conjunction(&filter.predicate).into_iter().map(|condition| {
            let (column, parameter) = compared(condition)?;
            let (place, field) = meta.schema.column_with_name(&column)?;
            Some((place, Key { column, data_type: field.data_type().clone(), parameter }))
        });
        let (places, keys): (Vec<_>, Vec<_>) = compared.collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let each_once = keys.len() == parameters && (0..parameters).all(|n| keys.iter().any(|key| key.parameter == n));
        (each_once && meta.is_unique(&places)).then(|| Self { keys, plan: OnceLock::new() })
    }

    /// Is told how a run with these values was planned.
    pub(crate) fn planned(&self, plan: &Arc<dyn ExecutionPlan>, values: &[ScalarValue]) {
        if self.plan.get().is_some() {
            return;
        }
        let Some(filters) = self.filters(values) else { return };
        let same = scan(plan).is_some_and(|scan| {
            let command = scan.command();
            let alike = filters.len() == command.filters.len() && filters.iter().all(|f| command.filters.contains(f));
            alike && scan.reads_all_at_once()
        });
        let _ = self.plan.set(same.then(|| Arc::clone(plan)));
    }

    /// The plan with other values; `None` when they have to be planned.
    pub(crate) fn plan(&self, values: &[ScalarValue], sources: &SourceRegistry) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(Some(plan)) = self.plan.get() else { return Ok(None) };
        let Some((filters, before)) = self.filters(values).zip(scan(plan)) else { return Ok(None) };
        match before.with_filters(filters, sources)? {
            Some(scan) => replaced(plan, Arc::new(scan)).map(Some),
            None => Ok(None),
        }
    }

    /// The comparisons with these values, when all are of the columns' types and of kinds that are compared as they are.
    fn filters(&self, values: &[ScalarValue]) -> Option<Vec<Expr>> {
        let filter = |Key { column, data_type, parameter }: &Key| {
            let value = values.get(*parameter).filter(|value| is_plain(value) && value.data_type() == *data_type)?;
            let column = Expr::Column(Column::from_name(column));
            Some(column.eq(Expr::Literal(value.clone(), None)))
        };
        self.keys.iter().map(filter).collect()
    }
}

/// The column and the parameter (from 0) of a comparison whose sides have one type.
fn compared(condition: &Expr) -> Option<(String, usize)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Placeholder(parameter)) | (Expr::Placeholder(parameter), Expr::Column(column)) => {
            Some((column.name.clone(), number(parameter)?))
        }
        _ => None,
    }
}

fn number(parameter: &Placeholder) -> Option<usize> {
    parameter.id.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// Texts and whole numbers; of others, equal values may have several forms.
fn is_plain(value: &ScalarValue) -> bool {
    let data_type = value.data_type();
    !value.is_null() && (data_type.is_integer() || data_type.is_string())
}

/// The only scan below columns that are chosen and named.
fn scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&RemoteScanExec> {
    if let Some(scan) = plan.downcast_ref::<RemoteScanExec>() {
        return Some(scan);
    }
    if !plan.is::<ProjectionExec>() && !plan.is::<CooperativeExec>() {
        return None;
    }
    match plan.children().as_slice() {
        [input] => scan(input),
        _ => None,
    }
}

/// The plan over another scan.
fn replaced(plan: &Arc<dyn ExecutionPlan>, scan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    match plan.children().as_slice() {
        [input] => replace_children_if_necessary(Arc::clone(plan), vec![replaced(input, scan)?]),
        _ => Ok(scan),
    }
}
