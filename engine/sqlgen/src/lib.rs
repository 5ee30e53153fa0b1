//! SQL text for remote databases. Nothing else in Headwater writes any, and none is made by editing text.
//!
//! A connector builds an [`Expr`] or a [`Select`] from names that discovery found and from typed values, and a [`Writer`]
//! turns it into text for a [`Dialect`]. Values become bound parameters or, where a protocol has none (COPY), literals.
//! Every literal is a quoted text with an explicit cast, so the remote database never guesses a type:
//!
//! ```
//! use datafusion::common::ScalarValue;
//! use headwater_sqlgen::{Expr, Mode, Operator, Postgres, Select, Writer};
//!
//! let mut select = Select::from_table("public", "users");
//! select.columns.push(Expr::column("id"));
//! select.filters.push(Expr::compare(Expr::column("name"), Operator::Eq, Expr::Value(ScalarValue::from("O'Neil"))));
//! let text = Writer::new(&Postgres, Mode::Inline).select(&select)?.finish().text;
//! assert_eq!(text, r#"SELECT "id" FROM "public"."users" WHERE ("name" = 'O''Neil'::text)"#);
//! # Ok::<(), headwater_common::Error>(())
//! ```

mod clickhouse;
mod dialect;
mod expr;
pub mod filter;
mod literal;
mod select;
mod statement;
pub mod translate;
mod writer;

pub use clickhouse::{ClickHouse, ClickHouseStatement};
pub use dialect::{Dialect, Postgres};
pub use expr::{Aggregate, Bound, Expr, Frame, Operator, Window};
pub use literal::{Literal, literal};
pub use select::{From, Group, Join, JoinKind, Order, Query, Select, Table};
pub use statement::Statement;
pub use writer::{Mode, Sql, Writer};
