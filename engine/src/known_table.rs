//! A table function without arguments that is a table known before the statement is planned.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;

/// The function.
#[derive(Debug)]
pub(crate) struct KnownTable(pub(crate) Arc<dyn TableProvider>);

impl TableFunctionImpl for KnownTable {
    fn call_with_args(&self, _args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::clone(&self.0))
    }
}
