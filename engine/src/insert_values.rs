//! VALUES inside the query of an INSERT.
//!
//! DataFusion gives every VALUES of an INSERT the columns of the table, also those deep in its query: `SELECT b, a FROM
//! (VALUES (0.5, 4)) v(a, b)` would cast 0.5 to the type of the table's first column. So a query that holds VALUES is planned by
//! itself, and the INSERT reads its rows from a table that stands for it.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, Projection, SubqueryAlias, TableScan};
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement as SqlStatement, Visit, Visitor};
use headwater_common::Error;
use headwater_source::ErrorExt;

use crate::known_table::KnownTable;
use crate::label::numbered;
use crate::syntax::inner_mut;

/// Name of the table that stands for the query.
const NAME: &str = "query_of_insert";
const READ: &str = "SELECT * FROM query_of_insert()";

/// Plans a statement.
pub(crate) async fn plan(state: &SessionState, mut statement: Statement) -> Result<LogicalPlan> {
    let Some(query) = query_with_values(&mut statement) else { return state.statement_to_plan(statement).await };
    let lost = || Error::internal("the query of INSERT is lost").into_datafusion();
    let dialect = state.config_options().sql_parser.dialect;
    // The two queries change places.
    let mut apart = state.sql_to_statement(READ, &dialect)?;
    let Some(SqlStatement::Query(read)) = inner_mut(&mut apart) else { return Err(lost()) };
    std::mem::swap(query, read);
    let rows = state.statement_to_plan(apart).await?;
    let columns = rows.schema().columns().into_iter().enumerate();
    let named = columns.map(|(number, column)| Expr::Column(column).alias(numbered("c", number)));
    let rows = LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(rows))?);
    let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(Arc::clone(rows.schema().inner())));
    let mut state = state.clone();
    state.register_udtf(NAME, Arc::new(KnownTable(Arc::clone(&table))));
    let stands_for = |scan: &TableScan| source_as_provider(&scan.source).is_ok_and(|found| Arc::ptr_eq(&found, &table));
    let planned = state.statement_to_plan(statement).await?.transform_up(|plan| match plan {
        LogicalPlan::TableScan(scan) if stands_for(&scan) => {
            let alias = SubqueryAlias::try_new(Arc::new(rows.clone()), scan.table_name)?;
            Ok(Transformed::yes(LogicalPlan::SubqueryAlias(alias)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    if planned.transformed { Ok(planned.data) } else { Err(lost()) }
}

/// The query of an INSERT that holds VALUES and is not just VALUES.
fn query_with_values(statement: &mut Statement) -> Option<&mut Query> {
    let SqlStatement::Insert(insert) = inner_mut(statement)? else { return None };
    let query = insert.source.as_deref_mut()?;
    let own = usize::from(matches!(query.body.as_ref(), SetExpr::Values(_)));
    let mut count = Count(0);
    let _ = Visit::visit(query, &mut count);
    (count.0 > own).then_some(query)
}

/// Counts VALUES.
struct Count(usize);

impl Visitor for Count {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0 += values(&query.body);
        ControlFlow::Continue(())
    }
}

fn values(body: &SetExpr) -> usize {
    match body {
        SetExpr::Values(_) => 1,
        SetExpr::SetOperation { left, right, .. } => values(left) + values(right),
        _ => 0,
    }
}
