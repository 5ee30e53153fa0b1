//! A statement of a source as a table.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::prelude::Expr;

use crate::scan::{RemoteQuery, RemoteQueryExec};

/// The result of a [`RemoteQuery`], as the leaf of a plan.
///
/// A table's columns are known by their names, so a repeated name gets a number: `id`, `id:1`.
pub struct RemoteQueryTable {
    query: Arc<RemoteQuery>,
    plan: Option<Arc<LogicalPlan>>,
    schema: SchemaRef,
    statistics: Statistics,
}

impl fmt::Debug for RemoteQueryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteQueryTable({})", self.query.source)
    }
}

impl RemoteQueryTable {
    /// The result of a query about which nothing is known.
    pub fn new(mut query: RemoteQuery) -> Self {
        name_apart(&mut query);
        let schema = query.schema();
        let statistics = Statistics::new_unknown(&schema);
        Self { query: Arc::new(query), plan: None, schema, statistics }
    }

    /// The same with these estimates of its result.
    #[must_use]
    pub fn with_statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// The same with the sub-plan that the query computes, column by column: keys of a join may then restrict it.
    #[must_use]
    pub fn with_plan(mut self, plan: LogicalPlan) -> Self {
        self.plan = Some(Arc::new(plan));
        self
    }

    /// The query.
    pub fn query(&self) -> &Arc<RemoteQuery> {
        &self.query
    }
}

/// Gives every column a name of its own.
fn name_apart(query: &mut RemoteQuery) {
    let mut taken: HashSet<String> = HashSet::new();
    for column in &mut query.columns {
        let name = column.field.name().clone();
        let mut unique = name.clone();
        let mut number = 0usize;
        while !taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}:{number}");
        }
        if unique != name {
            column.field = FieldRef::new(column.field.as_ref().clone().with_name(unique));
        }
    }
}

#[async_trait]
impl TableProvider for RemoteQueryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics.clone())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let scan = RemoteQueryExec::new(Arc::clone(&self.query), Arc::new(self.statistics.clone()));
        let scan = scan.with_plan(self.plan.clone());
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let Some(indices) = projection.filter(|wanted| **wanted != all) else { return Ok(Arc::new(scan)) };
        let column = |i: &usize| {
            let name = self.schema.field(*i).name();
            ProjectionExpr::new(Arc::new(Column::new(name, *i)), name.clone())
        };
        Ok(Arc::new(ProjectionExec::try_new(indices.iter().map(column).collect::<Vec<_>>(), Arc::new(scan))?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::scan::RemoteColumn;

    #[test]
    fn columns_of_one_name_get_names_of_their_own() {
        let column = |name: &str| RemoteColumn {
            field: Arc::new(Field::new(name, DataType::Int32, true)),
            remote_type: "integer".into(),
            attributes: BTreeMap::new(),
        };
        let columns = ["id", "id:1", "id", "id"].map(column).to_vec();
        let query = RemoteQuery { source: "shop".into(), texts: vec![], columns, tables: vec![] };
        let table = RemoteQueryTable::new(query);
        let names: Vec<_> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["id", "id:1", "id:2", "id:3"]);
    }
}
