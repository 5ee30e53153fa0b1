//! A Postgres source as the translator sees it.

use std::borrow::Cow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{RemoteSource, Support, TableMeta, TableName};
use headwater_sqlgen::filter::is_uuid;
use headwater_sqlgen::translate::{AggregateCall, Class, Collation, ColumnFact, Database, Fact, Part, Value};
use headwater_sqlgen::{self as sql, Expr, Operator, Table};

use super::{aggregates, functions, types};
use crate::pushdown::representable;
use crate::source::PostgresSource;

impl Database for PostgresSource {
    fn source(&self) -> &str {
        &self.name
    }

    fn table(&self, table: &TableName) -> Result<Table, String> {
        Ok(Table { schema: table.schema.clone(), name: table.table.clone(), only: false, merged: false })
    }

    fn column(&self, table: &TableName, column: &str) -> Result<ColumnFact, String> {
        let known = self.known(table).map_err(|e| e.message().to_owned())?;
        let found = known.types.iter().find(|(name, _)| name == column).map(|(_, t)| t);
        let pg_type = found.ok_or_else(|| format!("{table} has no column {column}"))?;
        let collation = Collation {
            name: known.collations.get(column).cloned().unwrap_or_default(),
            deterministic: !known.nondeterministic.contains(column),
        };
        Ok(types::column(pg_type, collation, &self.config.types))
    }

    fn is_superset(&self, table: &TableMeta, filter: &PlanExpr) -> bool {
        self.filter_support(table, filter) == Support::Superset
    }

    fn computed(&self, arrow: &DataType) -> Option<(Fact, Cow<'static, str>)> {
        types::computed(arrow)
    }

    fn literal(&self, value: &ScalarValue) -> Result<(), String> {
        let literal = sql::literal(value).map_err(|e| e.message().to_owned())?;
        if literal.text.as_ref().is_some_and(|t| t.contains('\0')) {
            return Err("the source cannot hold this text".into());
        }
        representable("it", value, &literal)
    }

    fn supports(&self, _part: Part) -> Result<(), String> {
        Ok(())
    }

    fn text(&self, value: &Value) -> Result<Expr, String> {
        Ok(match value.fact.class {
            Class::Text(_) => value.expr.clone(),
            _ => value.output().cast("text"),
        })
    }

    fn byte_order(&self, text: Expr) -> Result<Expr, String> {
        match self.is_utf8() {
            true => Ok(text.byte_order()),
            false => Err("the encoding of the database is not UTF-8, so its texts have another order".into()),
        }
    }

    fn text_literal(&self, text: &str, of: &Value) -> Option<Expr> {
        (of.fact.class == Class::Uuid && is_uuid(text)).then(|| Expr::Typed(text.to_owned(), "uuid".into()))
    }

    fn group_key(&self, value: &Value) -> Result<(), String> {
        match &value.fact.class {
            Class::Text(collation) if !collation.deterministic => {
                Err(format!("the collation of {} is {}, which finds different texts equal", value.name(), collation.name))
            }
            Class::Float => Err("groups of floating point tell zeros and NaN apart otherwise at the source".into()),
            Class::Interval => Err("groups of intervals are others at the source".into()),
            _ => Ok(()),
        }
    }

    fn null_test(&self, value: &Value) -> Result<(), String> {
        match &value.fact.class {
            Class::Foreign(reason) | Class::Missing(reason) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    fn like(&self, value: &Value, pattern: &str, negated: bool) -> Result<Expr, String> {
        let expr = Box::new(self.byte_order(value.expr.clone())?);
        Ok(Expr::Like { expr, pattern: pattern.to_owned(), escape: '\\', negated })
    }

    fn arithmetic(&self, left: &Value, operator: Operator, right: &Value, result: &DataType) -> Result<Value, String> {
        functions::arithmetic(self, left, operator, right, result)
    }

    fn cast(&self, value: &Value, to: &DataType) -> Result<Value, String> {
        functions::cast(self, value, to)
    }

    fn function(&self, name: &str, arguments: &[Value], result: &DataType) -> Result<Value, String> {
        functions::call(self, name, arguments, result)
    }

    fn aggregate(&self, call: &AggregateCall, result: &DataType) -> Result<Value, String> {
        aggregates::aggregate(self, call, result)
    }

    fn window(&self, name: &str, arguments: &[Value], result: &DataType) -> Result<Value, String> {
        aggregates::window(self, name, arguments, result)
    }
}
