//! `generate_series` and `range` of times in FROM.
//!
//! DataFusion's functions take nanoseconds only, and literals of times have as many digits as they need.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

const NAMES: [&str; 2] = ["generate_series", "range"];

/// Makes DataFusion's functions take times of any unit.
pub(crate) fn register(state: &mut SessionState) {
    for name in NAMES {
        if let Some(function) = state.table_functions().get(name).map(Arc::clone) {
            state.register_udtf(name, Arc::new(TimeSeries(function)));
        }
    }
}

#[derive(Debug)]
struct TimeSeries(Arc<TableFunction>);

impl TableFunctionImpl for TimeSeries {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let exprs = args.exprs().iter().map(in_nanoseconds).collect::<Result<Vec<_>>>()?;
        self.0.create_table_provider_with_args(TableFunctionArgs::new(&exprs, args.session()))
    }
}

fn in_nanoseconds(expr: &Expr) -> Result<Expr> {
    let Expr::Literal(value, metadata) = expr else { return Ok(expr.clone()) };
    let DataType::Timestamp(_, zone) = value.data_type() else { return Ok(expr.clone()) };
    let wanted = DataType::Timestamp(TimeUnit::Nanosecond, zone);
    let made = value.cast_to(&wanted).ok().filter(|made| made.is_null() == value.is_null());
    let made = made.ok_or_else(|| {
        let message = "generate_series and range of times are between the years 1678 and 2261; use dates for others";
        Error::unsupported(message).into_datafusion()
    })?;
    Ok(Expr::Literal(made, metadata.clone()))
}
