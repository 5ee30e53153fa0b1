//! A ClickHouse source as the translator sees it.

use std::borrow::Cow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{RemoteSource, Support, TableMeta, TableName};
use headwater_sqlgen::translate::{AggregateCall, Class, ColumnFact, Database, Fact, Part, Value};
use headwater_sqlgen::{self as sql, Dialect as _, Expr, Frame, Operator, Table};

use super::{aggregates, functions, types};
use crate::pushdown::equal_literal;
use crate::source::ClickHouseSource;
use crate::types::ChKind;

impl Database for ClickHouseSource {
    fn source(&self) -> &str {
        &self.name
    }

    fn table(&self, table: &TableName) -> Result<Table, String> {
        self.computes_sub_plans(table)?;
        let merged = self.is_final(table).map_err(|e| e.message().to_owned())?;
        Ok(Table { schema: table.schema.clone(), name: table.table.clone(), only: false, merged })
    }

    fn column(&self, table: &TableName, column: &str) -> Result<ColumnFact, String> {
        let known = self.types_of(table).map_err(|e| e.message().to_owned())?;
        let found = known.iter().find(|(name, _)| name == column).map(|(_, t)| t);
        let t = found.ok_or_else(|| format!("{table} has no column {column}"))?;
        Ok(types::column(t, &self.config.types))
    }

    fn is_superset(&self, table: &TableMeta, filter: &PlanExpr) -> bool {
        self.filter_support(table, filter) == Support::Superset
    }

    fn computed(&self, arrow: &DataType) -> Option<(Fact, Cow<'static, str>)> {
        types::computed(arrow)
    }

    fn literal(&self, value: &ScalarValue) -> Result<(), String> {
        sql::ClickHouse.literal(value).map(drop).map_err(|e| e.message().to_owned())
    }

    fn supports(&self, part: Part) -> Result<(), String> {
        let reason = match part {
            Part::OuterJoin | Part::FullJoin if self.settings().restricted => {
                "rows without a match have other values at the source, and its user may not change that"
            }
            Part::OuterJoin | Part::FullJoin | Part::Window | Part::ScalarQuery => return Ok(()),
            Part::NullEqualJoin | Part::GroupingSets => return Ok(()),
            Part::CorrelatedExists => "a join that marks its matches is computed here",
            Part::NestedJoin => "the right side of a join is no join",
            Part::ComputedJoinKey => "a join compares columns",
            Part::UnequalJoin => "a join without = is computed here",
            Part::NullsOfGroupingSets => "keys that a grouping set leaves out are empty, not null",
            Part::ConstantGroup => "the source leaves constants out of its groups",
            Part::InQuery => "the source finds a null different from everything in a sub-query",
        };
        Err(reason.to_owned())
    }

    fn text(&self, value: &Value) -> Result<Expr, String> {
        match value.fact.class {
            Class::Text(_) => Ok(value.expr.clone()),
            Class::Label if value.fact.remote_type.contains("IPv6") => {
                Err(format!("the source prints addresses such as those of {} otherwise", value.name()))
            }
            _ => Ok(value.expr.clone().cast("Nullable(String)")),
        }
    }

    fn byte_order(&self, text: Expr) -> Result<Expr, String> {
        Ok(text)
    }

    fn text_literal(&self, text: &str, of: &Value) -> Option<Expr> {
        let t = types::read_type(&of.fact.attributes, &self.config.types)?;
        equal_literal(&t, text)
    }

    fn group_key(&self, value: &Value) -> Result<(), String> {
        match &value.fact.class {
            Class::Float => Err("groups of floating point tell zeros and NaN apart otherwise at the source".into()),
            _ => Ok(()),
        }
    }

    fn null_test(&self, value: &Value) -> Result<(), String> {
        match &value.fact.class {
            Class::Foreign(reason) | Class::Missing(reason) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    fn null_without_match(&self, value: &Value) -> Result<(), String> {
        match types::read_type(&value.fact.attributes, &self.config.types).map(|t| t.kind) {
            Some(ChKind::Array(_) | ChKind::Map(..) | ChKind::Tuple(_) | ChKind::Text | ChKind::Nothing) | None => {
                Err(format!("{} is empty, not null, at the source where a join finds no match", value.name()))
            }
            _ => Ok(()),
        }
    }

    fn constant_key(&self) -> Option<Value> {
        let one = Expr::Value(ScalarValue::Int32(Some(1)));
        self.value(Expr::Call("materialize", vec![one]), &DataType::Int32).ok()
    }

    fn window_frame(&self, function: &str, frame: Frame) -> Option<Frame> {
        aggregates::window_frame(function, frame)
    }

    fn like(&self, value: &Value, pattern: &str, negated: bool) -> Result<Expr, String> {
        let expr = Box::new(value.expr.clone());
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
