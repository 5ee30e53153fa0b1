//! Literals of timestamps have microseconds, or nanoseconds when they are written with them.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TypedString, Value};

/// Names the precision of `TIMESTAMP '...'` and `CAST('...' AS TIMESTAMP)`. DataFusion would take nanoseconds, which end in 2262.
pub(super) fn rewrite(expr: &mut Expr) {
    let (data_type, value) = match expr {
        Expr::TypedString(TypedString { data_type, value, .. }) => (data_type, &value.value),
        Expr::Cast { expr, data_type, .. } => match &**expr {
            Expr::Value(value) => (data_type, &value.value),
            _ => return,
        },
        _ => return,
    };
    if let (DataType::Timestamp(precision @ None, _), Value::SingleQuotedString(text)) = (data_type, value) {
        *precision = Some(if fraction_digits(text) > 6 { 9 } else { 6 });
    }
}

/// Digits of the fraction of a second without zeros at their end.
fn fraction_digits(text: &str) -> usize {
    let Some((_, fraction)) = text.split_once('.') else { return 0 };
    let digits = fraction.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.trim_end_matches('0').len()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    fn corrected(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        crate::syntax::correct(&mut statement).unwrap();
        statement.to_string()
    }

    #[test]
    fn literals_say_their_precision() {
        assert_eq!(corrected("SELECT TIMESTAMP '2024-01-01'"), "SELECT TIMESTAMP(6) '2024-01-01'");
        assert_eq!(corrected("SELECT '9999-12-31'::timestamptz"), "SELECT '9999-12-31'::TIMESTAMPTZ(6)");
        let fine = "2024-01-01 00:00:00.123456789+01:00";
        assert_eq!(
            corrected(&format!("SELECT CAST('{fine}' AS TIMESTAMP)")),
            format!("SELECT CAST('{fine}' AS TIMESTAMP(9))")
        );
        for same in ["SELECT TIMESTAMP(3) '2024-01-01'", "SELECT CAST(x AS TIMESTAMP)", "SELECT DATE '2024-01-01'"] {
            assert_eq!(corrected(same), same);
        }
    }
}
