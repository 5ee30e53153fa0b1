//! `information_schema`, in which the positions of columns start at 1 as the SQL standard says.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Operator, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::prelude::Expr;

const COLUMNS: &str = "columns";
const POSITION: &str = "ordinal_position";

/// DataFusion's tables about tables, whose positions of columns start at 0 there.
#[derive(Debug)]
pub(crate) struct InformationSchema(InformationSchemaProvider);

impl InformationSchema {
    /// The schema over these catalogs.
    pub(crate) fn new(catalogs: Arc<dyn CatalogProviderList>) -> Self {
        Self(InformationSchemaProvider::new(catalogs))
    }
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = self.0.table(name).await?;
        Ok(match table {
            Some(inner) if name.eq_ignore_ascii_case(COLUMNS) => Some(Arc::new(ColumnsFromOne(inner))),
            other => other,
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}

/// `columns` with positions from 1.
#[derive(Debug)]
struct ColumnsFromOne(Arc<dyn TableProvider>);

#[async_trait]
impl TableProvider for ColumnsFromOne {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        self.0.table_type()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let inner = self.0.scan(session, None, &[], None).await?;
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let column = |index: &usize| {
            let name = schema.field(*index).name().clone();
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&name, *index));
            let one = Arc::new(Literal::new(ScalarValue::UInt64(Some(1))));
            match name == POSITION {
                true => (Arc::new(BinaryExpr::new(column, Operator::Plus, one)) as Arc<dyn PhysicalExpr>, name),
                false => (column, name),
            }
        };
        let columns: Vec<_> = projection.unwrap_or(&all).iter().map(column).collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, inner)?))
    }
}
