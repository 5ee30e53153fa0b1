//! Rows from a client into an existing table: an INSERT whose rows arrive as a stream.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, ident, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use headwater_common::{Error, Result};
use headwater_source::{ErrorExt, RemoteTable};
use parking_lot::Mutex;

use crate::error::classify;
use crate::exact_writes;
use crate::guard::kinds;
use crate::session::Session;

/// A table by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAddress {
    /// Catalog, which is a source.
    pub catalog: String,
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
}

impl fmt::Display for TableAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.schema, self.table)
    }
}

impl Session {
    /// Whether there is such a table.
    pub async fn has_table(&self, address: &TableAddress) -> Result<bool> {
        self.provider(address).await.map(|found| found.is_some())
    }

    /// Appends rows to a table, all or none, and returns their number. Columns are found by name; one that is not given is NULL
    /// or, where the source says so, its default.
    pub async fn append(&self, address: &TableAddress, rows: SendableRecordBatchStream) -> Result<u64> {
        let target = self.provider(address).await?;
        let target = target.ok_or_else(|| Error::not_found(format!("there is no table {address}")))?;
        let given = rows.schema();
        let columns = projection(address, target.as_ref(), &given)?;
        let partition = OneStream { schema: Arc::clone(&given), stream: Mutex::new(Some(rows)) };
        let source = StreamingTable::try_new(given, vec![Arc::new(partition)]).map_err(classify)?;
        let scan = LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(source)), None).map_err(classify)?;
        let input = scan.project(columns).and_then(LogicalPlanBuilder::build).map_err(classify)?;
        let name = TableReference::full(address.catalog.as_str(), address.schema.as_str(), address.table.as_str());
        let plan = LogicalPlanBuilder::insert_into(input, name, provider_as_source(target), InsertOp::Append);
        let plan = plan.and_then(LogicalPlanBuilder::build).and_then(exact_writes::make).map_err(classify)?;
        kinds::check(&plan, &self.engine.config().engine)?;
        let id = uuid::Uuid::new_v4().to_string();
        self.run_plan(id, &plan, 0, Vec::new(), None).await?.affected_rows().await
    }

    async fn provider(&self, address: &TableAddress) -> Result<Option<Arc<dyn TableProvider>>> {
        let list = Arc::clone(self.inner.read().state.catalog_list());
        let catalog = list.catalog(&address.catalog);
        let catalog = catalog.ok_or_else(|| Error::not_found(format!("there is no catalog \"{}\"", address.catalog)))?;
        let Some(schema) = catalog.schema(&address.schema) else { return Ok(None) };
        schema.table(&address.table).await.map_err(classify)
    }
}

/// The given columns in the order and with the types of the table.
fn projection(address: &TableAddress, target: &dyn TableProvider, given: &SchemaRef) -> Result<Vec<Expr>> {
    let wanted = target.schema();
    for (i, field) in given.fields().iter().enumerate() {
        if wanted.index_of(field.name()).is_err() {
            let known = wanted.fields().iter().map(|f| f.name().as_str());
            let hint = headwater_common::nearest::hint(field.name(), known);
            return Err(Error::invalid(format!("{address} has no column \"{}\"{hint}", field.name())));
        }
        if given.fields().iter().take(i).any(|f| f.name() == field.name()) {
            return Err(Error::invalid(format!("column \"{}\" is given twice", field.name())));
        }
    }
    let remote = target.downcast_ref::<RemoteTable>();
    let empty = datafusion::common::DFSchema::empty();
    let given_schema = datafusion::common::DFSchema::try_from(given.as_ref().clone()).map_err(classify)?;
    let expression = |field: &datafusion::arrow::datatypes::FieldRef| {
        let (name, data_type) = (field.name(), field.data_type());
        let value = match given.field_with_name(name) {
            Ok(_) => ident(name.as_str()).cast_to(data_type, &given_schema),
            Err(_) => {
                let column = remote.and_then(|r| r.meta().column(name));
                if field.is_nullable() && column.is_some_and(|c| c.default.is_some() && !c.is_generated()) {
                    return Err(Error::invalid(format!(
                        "column \"{name}\" of {address} has a default at its source and must be given"
                    )));
                }
                lit(ScalarValue::Null).cast_to(data_type, &empty)
            }
        };
        value.map(|v| v.alias(name.as_str())).map_err(classify)
    };
    wanted.fields().iter().map(expression).collect()
}

/// A table's only partition, which can be read once.
struct OneStream {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for OneStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for OneStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        if let Some(stream) = self.stream.lock().take() {
            return stream;
        }
        let error: DataFusionError = Error::internal("the rows of a client were read twice").into_datafusion();
        let failed = futures::stream::once(futures::future::ready(Err(error)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), failed))
    }
}
