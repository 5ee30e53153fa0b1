//! Literals that are floating point, whatever they meet.
//!
//! A literal with a point is a decimal. One with an exponent, such as `1e3`, is floating point, and so is one with more digits than
//! a decimal can have. In a recursive query all of them are: the digits of its column would be those of its first row.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Query, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use headwater_common::{Error, Result};

use crate::syntax::inner_mut;

/// Digits of the largest decimals.
const DIGITS_MAX: usize = 76;

/// Makes `CAST('1e3' AS DOUBLE)` of every such literal. Arguments of table functions stay as they are.
/// One that no double can hold is refused.
pub(crate) fn mark(statement: &mut Statement) -> Result<()> {
    let Some(inner) = inner_mut(statement) else { return Ok(()) };
    VisitMut::visit(inner, &mut Marker::default()).break_value().map_or(Ok(()), Err)
}

#[derive(Default)]
struct Marker {
    /// Whether every literal with a point is floating point.
    all: bool,
    /// How many table functions the place is in, and for each query around it, how many that one is in.
    functions: usize,
    outside: Vec<usize>,
}

impl VisitorMut for Marker {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        // The query of a table function is one like any other.
        self.outside.push(std::mem::take(&mut self.functions));
        let Some(with) = query.with.as_mut().filter(|with| with.recursive) else {
            return ControlFlow::Continue(());
        };
        with.cte_tables.iter_mut().try_for_each(|cte| cte.query.visit(&mut Marker { all: true, ..Marker::default() }))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.functions = self.outside.pop().unwrap_or_default();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Error> {
        self.functions += usize::from(is_function(table));
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Error> {
        self.functions -= usize::from(is_function(table));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) = expr
            && self.functions == 0
            && is_float(text, self.all)
        {
            let text = text.replace('_', "");
            if text.parse::<f64>().is_ok_and(f64::is_infinite) {
                return ControlFlow::Break(Error::invalid([text.as_str(), " is out of the range of DOUBLE"].concat()));
            }
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(Value::SingleQuotedString(text).into())),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

fn is_function(table: &TableFactor) -> bool {
    matches!(
        table,
        TableFactor::Function { .. } | TableFactor::TableFunction { .. } | TableFactor::Table { args: Some(_), .. }
    )
}

fn is_float(text: &str, all: bool) -> bool {
    if text.contains(['e', 'E']) || (all && text.contains('.')) {
        return true;
    }
    let digits = text.trim_start_matches(['0', '_']).bytes().filter(u8::is_ascii_digit);
    digits.count() > DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    fn marked(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        mark(&mut statement).unwrap();
        statement.to_string()
    }

    #[test]
    fn literals_with_a_point_stay() {
        let plain = "SELECT 1.50, -2, 12345678901234567890 FROM t WHERE x < 0.5";
        assert_eq!(marked(plain), plain);
    }

    #[test]
    fn literals_with_an_exponent_are_floating_point() {
        assert_eq!(marked("SELECT -1e3"), "SELECT -CAST('1e3' AS DOUBLE)");
        assert_eq!(marked("SELECT * FROM f(level => 1e-3)"), "SELECT * FROM f(level => 1e-3)");
        assert_eq!(
            marked("SELECT * FROM f((SELECT 1e3), l => 1e-3)"),
            "SELECT * FROM f((SELECT CAST('1e3' AS DOUBLE)), l => 1e-3)"
        );
        let long = format!("0.{}", "1".repeat(77));
        assert_eq!(marked(&format!("SELECT {long}")), format!("SELECT CAST('{long}' AS DOUBLE)"));
    }

    #[test]
    fn literals_beyond_doubles_are_refused() {
        let mut statement = DFParser::parse_sql("SELECT 1e308, 1e400").unwrap().pop_front().unwrap();
        assert!(mark(&mut statement).unwrap_err().to_string().contains("1e400 is out of the range"));
    }

    #[test]
    fn recursive_queries_count_in_floating_point() {
        let sql = "WITH RECURSIVE r AS (SELECT 1.0 AS x UNION ALL SELECT x * 0.5 FROM r) SELECT x * 0.5 FROM r";
        let marked = marked(sql);
        assert!(marked.contains("CAST('1.0' AS DOUBLE) AS x") && marked.ends_with("SELECT x * 0.5 FROM r"), "{marked}");
    }
}
