//! Other engines that say what is right.

mod duckdb;
mod postgres;

pub(crate) use duckdb::DuckDb;
pub(crate) use postgres::Postgres;

use crate::ast::Query;
use crate::print::{Dialect, print};
use crate::value::Type;

/// The text for an oracle: dates as days and times as microseconds, so that no client has to know them.
pub(crate) fn text(query: &Query, dialect: Dialect) -> Result<String, &'static str> {
    let inner = print(query, dialect, &|table| table.to_owned())?;
    let column = |(i, ty): (usize, &Type)| match (ty, dialect) {
        (Type::Date, Dialect::Postgres) => format!("c{i} - DATE '1970-01-01'"),
        (Type::Date, _) => format!("date_diff('day', DATE '1970-01-01', c{i})"),
        (Type::Timestamp | Type::Instant, Dialect::Postgres) => {
            format!("CAST(extract(epoch FROM c{i}) * 1000000 AS BIGINT)")
        }
        (Type::Timestamp | Type::Instant, _) => format!("epoch_us(c{i})"),
        _ => format!("c{i}"),
    };
    let columns: Vec<String> = query.types().iter().enumerate().map(column).collect();
    Ok(format!("SELECT {} FROM ({inner}) AS q", columns.join(", ")))
}
