//! Postgres itself.

use headwater_tests::connect;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::ast::Query;
use crate::oracles::duckdb::typed;
use crate::oracles::text;
use crate::print::Dialect;
use crate::rows::Outcome;

/// A direct connection to the database that Headwater reads.
pub(crate) struct Postgres(Client);

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Self {
        Self(connect(url).await)
    }

    /// The rows of a query; `Err` inside when Postgres refuses it, `Err` outside when it computes something else by design.
    pub(crate) async fn run(&mut self, query: &Query) -> Result<Outcome, &'static str> {
        let sql = text(query, Dialect::Postgres)?;
        let messages = match self.0.simple_query(&sql).await {
            Ok(messages) => messages,
            Err(e) => {
                let message = e.as_db_error().map_or_else(|| e.to_string(), |e| e.message().to_owned());
                return Ok(Err(message));
            }
        };
        let types = query.types();
        let rows = messages.iter().filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => Some((0..types.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        });
        let rows: Vec<Vec<Option<String>>> = rows.collect();
        Ok(typed(&rows, &types))
    }
}
