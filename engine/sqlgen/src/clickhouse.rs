//! ClickHouse's names, literals and the statements that only it has.
//!
//! Texts and names know backslash escapes, so a backslash and the closing quote are always escaped, and control characters are
//! written by their codes. Every other value is a quoted text with an explicit CAST, floats are their bits, and points in time
//! are numbers, so neither a setting of the server nor its time zone changes what is read.

use datafusion::common::ScalarValue;
use headwater_common::{Error, Result};

use crate::dialect::{ARRAY_MIN, Dialect, check_name};
use crate::literal::{Literal, civil, decimal};
use crate::select::Query;
use crate::writer::{Mode, Writer};

/// ClickHouse.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClickHouse;

/// First and last second that `DateTime64` holds: 1900-01-01 and 2299-12-31 23:59:59.
const SECONDS: std::ops::RangeInclusive<i128> = -2_208_988_800..=10_413_791_999;
/// First and last day of `Date32`, in days since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i32> = -25_567..=120_529;
/// Last day of `Date`.
const DATE_MAX: i32 = 65_535;

fn quoted(text: &str, quote: char, out: &mut String) {
    use std::fmt::Write;
    out.push(quote);
    for c in text.chars() {
        if c.is_ascii_control() {
            // Writing to a String does not fail.
            let _ = write!(out, "\\x{:02X}", u32::from(c));
            continue;
        }
        if c == '\\' || c == quote {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
}

impl Dialect for ClickHouse {
    fn identifier_bytes_max(&self) -> usize {
        65_535
    }

    fn identifier(&self, name: &str, out: &mut String) -> Result<()> {
        check_name(name, self.identifier_bytes_max())?;
        quoted(name, '`', out);
        Ok(())
    }

    fn text(&self, value: &str, out: &mut String) -> Result<()> {
        quoted(value, '\'', out);
        Ok(())
    }

    fn literal(&self, value: &ScalarValue) -> Result<Literal> {
        use ScalarValue as S;
        let plain = |text: Option<String>, type_name: &'static str| Ok(Literal::new(text, type_name));
        match value {
            S::Null => plain(None, "String"),
            S::Boolean(v) => plain(v.map(|b| b.to_string()), "Bool"),
            S::Int8(v) => plain(v.map(|v| v.to_string()), "Int8"),
            S::Int16(v) => plain(v.map(|v| v.to_string()), "Int16"),
            S::Int32(v) => plain(v.map(|v| v.to_string()), "Int32"),
            S::Int64(v) => plain(v.map(|v| v.to_string()), "Int64"),
            S::UInt8(v) => plain(v.map(|v| v.to_string()), "UInt8"),
            S::UInt16(v) => plain(v.map(|v| v.to_string()), "UInt16"),
            S::UInt32(v) => plain(v.map(|v| v.to_string()), "UInt32"),
            S::UInt64(v) => plain(v.map(|v| v.to_string()), "UInt64"),
            S::Float32(v) => Ok(Literal {
                around: ("reinterpretAsFloat32(", ")"),
                ..Literal::new(v.map(|v| v.to_bits().to_string()), "UInt32")
            }),
            S::Float64(v) => Ok(Literal {
                around: ("reinterpretAsFloat64(", ")"),
                ..Literal::new(v.map(|v| v.to_bits().to_string()), "UInt64")
            }),
            S::Decimal32(v, p, s) => exact_decimal(v.map(|v| v.to_string()), *p, *s),
            S::Decimal64(v, p, s) => exact_decimal(v.map(|v| v.to_string()), *p, *s),
            S::Decimal128(v, p, s) => exact_decimal(v.map(|v| v.to_string()), *p, *s),
            S::Decimal256(v, p, s) => exact_decimal(v.map(|v| v.to_string()), *p, *s),
            S::Utf8(v) | S::LargeUtf8(v) | S::Utf8View(v) => plain(v.clone(), "String"),
            S::Binary(v) | S::LargeBinary(v) | S::BinaryView(v) | S::FixedSizeBinary(_, v) => {
                Ok(Literal { around: ("unhex(", ")"), ..Literal::new(v.as_deref().map(hex), "String") })
            }
            S::Date32(v) => date(*v),
            S::TimestampSecond(v, Some(_)) => seconds(*v),
            S::TimestampMillisecond(v, Some(_)) => instant(v.map(i128::from), 3),
            S::TimestampMicrosecond(v, Some(_)) => instant(v.map(i128::from), 6),
            S::TimestampNanosecond(v, Some(_)) => instant(v.map(i128::from), 9),
            S::Dictionary(_, inner) => self.literal(inner),
            other => Err(unsupported(&other.data_type().to_string())),
        }
    }

    fn typed(&self, text: Option<&str>, type_name: &str, out: &mut String) -> Result<()> {
        match text {
            None => out.push_str("NULL"),
            Some(text) if type_name == "String" => self.text(text, out)?,
            Some(text) => {
                out.push_str("CAST(");
                self.text(text, out)?;
                out.push_str(" AS ");
                out.push_str(type_name);
                out.push(')');
            }
        }
        Ok(())
    }

    fn placeholder(&self, number: usize, type_name: &str, out: &mut String) {
        out.push_str("{p");
        out.push_str(&number.to_string());
        out.push(':');
        out.push_str(type_name);
        out.push('}');
    }

    fn binds_null(&self) -> bool {
        false
    }

    fn text_type(&self) -> &'static str {
        "String"
    }

    /// Texts compare and sort by their bytes always.
    fn byte_order(&self, _out: &mut String) {}

    /// The escape character is the backslash always.
    fn like_escape(&self, escape: char, _out: &mut String) -> Result<()> {
        match escape {
            '\\' => Ok(()),
            other => Err(Error::unsupported(format!("ClickHouse has no LIKE with the escape character {other}"))),
        }
    }

    fn has_truth_tests(&self) -> bool {
        false
    }

    fn checked_cast(&self) -> Option<&'static str> {
        Some("accurateCast")
    }

    /// A table is found by its own name beside the one it is given, so no usual name of a table is given.
    fn item_prefix(&self) -> &'static str {
        "_t"
    }

    fn no_columns(&self) -> &'static str {
        "1 "
    }

    /// A text is one token, however many values it holds: 30,000 numbers are read in a sixth of the time.
    fn constant_list(&self, values: &[Literal], out: &mut String) -> Result<bool> {
        let Some(first) = values.first().filter(|_| values.len() >= ARRAY_MIN) else { return Ok(false) };
        let is_text = first.type_name == "String";
        if !is_text && !first.type_name.starts_with("Int") && !first.type_name.starts_with("UInt") {
            return Ok(false);
        }
        let mut text = String::from("[");
        for (i, value) in values.iter().enumerate() {
            let alike = value.type_name == first.type_name && value.around == ("", "");
            let Some(element) = value.text.as_ref().filter(|_| alike) else { return Ok(false) };
            text.push_str(if i == 0 { "" } else { "," });
            if is_text {
                quoted(element, '\'', &mut text);
            } else {
                text.push_str(element);
            }
        }
        text.push(']');
        self.typed(Some(&text), &format!("Array({})", first.type_name), out)?;
        Ok(true)
    }

    fn list_element(&self, value: &ScalarValue, out: &mut String) -> Result<bool> {
        use ScalarValue as S;
        match value {
            S::Utf8(Some(v)) | S::LargeUtf8(Some(v)) | S::Utf8View(Some(v)) => self.text(v, out)?,
            S::Int8(Some(_)) | S::Int16(Some(_)) | S::Int32(Some(_)) | S::Int64(Some(_)) => {
                out.push_str(&value.to_string())
            }
            S::UInt8(Some(_)) | S::UInt16(Some(_)) | S::UInt32(Some(_)) | S::UInt64(Some(_)) => {
                out.push_str(&value.to_string());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn unsupported(type_name: &str) -> Error {
    Error::unsupported(format!("values of type {type_name} cannot be sent to the source"))
}

fn exact_decimal(digits: Option<String>, precision: u8, scale: i8) -> Result<Literal> {
    if scale < 0 || scale.unsigned_abs() > precision || !(1..=76).contains(&precision) {
        return Err(unsupported(&format!("Decimal({precision}, {scale})")));
    }
    Ok(Literal::new(digits.map(|d| decimal(&d, scale)), format!("Decimal({precision}, {scale})")))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, b| {
        // Writing to a String does not fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn date(days: Option<i32>) -> Result<Literal> {
    let Some(days) = days else { return Ok(Literal::new(None, "Date32")) };
    if !DAYS.contains(&days) {
        return Err(Error::unsupported("a date outside 1900-01-01 to 2299-12-31 cannot be sent to the source"));
    }
    let type_name = if (0..=DATE_MAX).contains(&days) { "Date" } else { "Date32" };
    Ok(Literal::new(Some(civil(i64::from(days)).0), type_name))
}

/// Whole seconds are a `DateTime` where it holds them, so that an index over one is used.
fn seconds(value: Option<i64>) -> Result<Literal> {
    match value.map(u32::try_from) {
        Some(Ok(v)) => {
            Ok(Literal { around: ("CAST(", " AS DateTime('UTC'))"), ..Literal::new(Some(v.to_string()), "UInt32") })
        }
        _ => instant(value.map(i128::from), 0),
    }
}

/// A point in time as a decimal number of seconds.
fn instant(ticks: Option<i128>, scale: u8) -> Result<Literal> {
    const AROUND: [(&str, &str); 4] = [
        ("CAST(", " AS DateTime64(0, 'UTC'))"),
        ("CAST(", " AS DateTime64(3, 'UTC'))"),
        ("CAST(", " AS DateTime64(6, 'UTC'))"),
        ("CAST(", " AS DateTime64(9, 'UTC'))"),
    ];
    let around = AROUND.get(usize::from(scale / 3)).copied().unwrap_or_default();
    let Some(ticks) = ticks else { return Ok(Literal::new(None, "DateTime64")) };
    if !SECONDS.contains(&ticks.div_euclid(10_i128.pow(u32::from(scale)))) {
        return Err(Error::unsupported("a time outside the years 1900 to 2299 cannot be sent to the source"));
    }
    let text = decimal(&ticks.to_string(), scale.cast_signed());
    Ok(Literal { around, ..Literal::new(Some(text), format!("Decimal(19, {scale})")) })
}

/// A statement that only ClickHouse has.
#[derive(Debug, Clone, PartialEq)]
pub enum ClickHouseStatement {
    /// `INSERT INTO schema.table (columns) FORMAT ArrowStream`; the rows follow as the body of the request.
    InsertArrow {
        /// Database.
        schema: String,
        /// Table.
        table: String,
        /// Columns in the order of the data.
        columns: Vec<String>,
    },
    /// Ends the query with this identifier without waiting for its end.
    KillQuery(String),
    /// The values of a key column that split the table's index into parts of equal size, as one array of numbers.
    KeyQuantiles {
        /// Database.
        schema: String,
        /// Table.
        table: String,
        /// First column of the primary key; a number, date or point in time.
        column: String,
        /// Number of parts.
        parts: u32,
    },
    /// Names of a table's partitions in order, with their numbers of rows.
    PartitionSizes {
        /// Database.
        schema: String,
        /// Table.
        table: String,
    },
    /// A row with the name and the type of each column of a query.
    Describe(Query),
    /// The same for a text in ClickHouse's own language that [`ClickHouseStatement::Parse`] has accepted.
    DescribeNative(String),
    /// `SELECT *` from a view with parameters; the server reads each text as its parameter's type.
    View {
        /// Database.
        schema: String,
        /// View.
        view: String,
        /// Names and values; None is NULL.
        arguments: Vec<(String, Option<String>)>,
    },
    /// Whether a text is one statement; nothing of it runs.
    Parse(String),
}

impl ClickHouseStatement {
    /// The statement's text.
    pub fn text(&self) -> Result<String> {
        let mut out = String::new();
        match self {
            Self::InsertArrow { schema, table, columns } => {
                out.push_str("INSERT INTO ");
                ClickHouse.identifier(schema, &mut out)?;
                out.push('.');
                ClickHouse.identifier(table, &mut out)?;
                for (i, column) in columns.iter().enumerate() {
                    out.push_str(if i == 0 { " (" } else { ", " });
                    ClickHouse.identifier(column, &mut out)?;
                }
                out.push_str(") FORMAT ArrowStream");
            }
            Self::KillQuery(id) => {
                out.push_str("KILL QUERY WHERE query_id = ");
                ClickHouse.text(id, &mut out)?;
                out.push_str(" ASYNC");
            }
            Self::KeyQuantiles { schema, table, column, parts } => {
                out.push_str("SELECT quantilesExactLow(");
                for part in 1..*parts {
                    out.push_str(if part == 1 { "" } else { ", " });
                    out.push_str(&format!("{:.6}", f64::from(part) / f64::from(*parts)));
                }
                out.push_str(")(toInt64(");
                ClickHouse.identifier(column, &mut out)?;
                out.push_str(")) AS edges FROM mergeTreeIndex(");
                ClickHouse.text(schema, &mut out)?;
                out.push_str(", ");
                ClickHouse.text(table, &mut out)?;
                out.push(')');
            }
            Self::PartitionSizes { schema, table } => {
                out.push_str("SELECT partition_id, toString(sum(rows)) FROM system.parts WHERE active AND database = ");
                ClickHouse.text(schema, &mut out)?;
                out.push_str(" AND table = ");
                ClickHouse.text(table, &mut out)?;
                out.push_str(" GROUP BY partition_id ORDER BY partition_id");
            }
            Self::Describe(query) => {
                out.push_str("DESCRIBE TABLE (");
                out.push_str(&Writer::new(&ClickHouse, Mode::Inline).query(query)?.finish().text);
                out.push_str(") FORMAT JSONCompactEachRow");
            }
            Self::DescribeNative(text) => {
                out.push_str("DESCRIBE TABLE (");
                out.push_str(text);
                // A comment at the end of the text does not reach over the line.
                out.push_str("\n) FORMAT JSONCompactEachRow");
            }
            Self::View { schema, view, arguments } => {
                out.push_str("SELECT * FROM ");
                ClickHouse.identifier(schema, &mut out)?;
                out.push('.');
                ClickHouse.identifier(view, &mut out)?;
                for (i, (name, value)) in arguments.iter().enumerate() {
                    out.push_str(if i == 0 { "(" } else { ", " });
                    ClickHouse.identifier(name, &mut out)?;
                    out.push_str(" = ");
                    ClickHouse.typed(value.as_deref(), "String", &mut out)?;
                }
                out.push(')');
            }
            Self::Parse(text) => {
                out.push_str("EXPLAIN AST ");
                out.push_str(text);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expr, Mode, Operator, Select, Writer};

    fn text(value: &str) -> String {
        let mut out = String::new();
        ClickHouse.text(value, &mut out).unwrap();
        out
    }

    fn write(expr: &Expr, mode: Mode) -> crate::Sql {
        Writer::new(&ClickHouse, mode).expr(expr).unwrap().finish()
    }

    #[test]
    fn texts_and_names_escape_backslashes_quotes_and_control_characters() {
        assert_eq!(text("a'b"), r"'a\'b'");
        assert_eq!(text(r"\'"), r"'\\\''");
        assert_eq!(text("''"), r"'\'\''");
        assert_eq!(text("\0\n\t\x7f`ü"), r"'\x00\x0A\x09\x7F`ü'");
        let mut out = String::new();
        ClickHouse.identifier("a`b\\\"c\n", &mut out).unwrap();
        assert_eq!(out, r#"`a\`b\\"c\x0A`"#);
        assert!(ClickHouse.identifier("", &mut out).is_err());
    }

    #[test]
    fn values_are_casts_or_parameters_and_null_is_written() {
        let name = Expr::compare(Expr::column("n"), Operator::Eq, Expr::Value(ScalarValue::from("x'")));
        let day = Expr::compare(Expr::column("d"), Operator::Lt, Expr::Value(ScalarValue::Date32(Some(19_782))));
        let null = Expr::compare(Expr::column("i"), Operator::Eq, Expr::Value(ScalarValue::Int32(None)));
        let all = Expr::All(vec![name, day, null]);
        let want = r"((`n` = 'x\'') AND (`d` < CAST('2024-02-29' AS Date)) AND (`i` = NULL))";
        assert_eq!(write(&all, Mode::Inline).text, want);
        let bound = write(&all, Mode::Bind);
        assert_eq!(bound.text, "((`n` = {p1:String}) AND (`d` < {p2:Date}) AND (`i` = NULL))");
        assert_eq!(bound.parameters, [Some("x'".to_owned()), Some("2024-02-29".to_owned())]);
    }

    #[test]
    fn times_and_floats_are_numbers() {
        let value = |v| write(&Expr::Value(v), Mode::Inline).text;
        let utc = Some(std::sync::Arc::from("UTC"));
        let ms = value(ScalarValue::TimestampMillisecond(Some(-1_123), utc.clone()));
        assert_eq!(ms, "CAST(CAST('-1.123' AS Decimal(19, 3)) AS DateTime64(3, 'UTC'))");
        let s = value(ScalarValue::TimestampSecond(Some(5), utc.clone()));
        assert_eq!(s, "CAST(CAST('5' AS UInt32) AS DateTime('UTC'))");
        assert_eq!(value(ScalarValue::Float64(Some(1.0))), "reinterpretAsFloat64(CAST('4607182418800017408' AS UInt64))");
        let refused = |v: ScalarValue| ClickHouse.literal(&v).is_err();
        assert!(refused(ScalarValue::Date32(Some(-30_000))));
        assert!(refused(ScalarValue::TimestampSecond(Some(i64::MAX), utc)));
        assert!(refused(ScalarValue::TimestampSecond(Some(1), None)));
        assert!(refused(ScalarValue::Decimal128(Some(1), 10, -2)));
    }

    #[test]
    fn tests_of_truth_are_written_without_the_operators_it_lacks() {
        let flag = || Box::new(Expr::column("b"));
        assert_eq!(write(&Expr::IsTrue(flag()), Mode::Inline).text, "coalesce(`b`, FALSE)");
        assert_eq!(write(&Expr::IsFalse(flag()), Mode::Inline).text, "coalesce((NOT `b`), FALSE)");
        let other = Expr::compare(Expr::column("a"), Operator::IsDistinctFrom, Expr::Value(ScalarValue::Int8(Some(1))));
        let want = "(NOT coalesce((`a` = CAST('1' AS Int8)), ((`a` IS NULL) AND (CAST('1' AS Int8) IS NULL))))";
        assert_eq!(write(&other, Mode::Inline).text, want);
    }

    #[test]
    fn many_values_are_one_constant() {
        let list = |values: Vec<ScalarValue>| {
            let list = values.into_iter().map(Expr::Value).collect();
            write(&Expr::InList { expr: Box::new(Expr::column("a")), list, negated: false }, Mode::Bind).text
        };
        let numbers = list((0..32).map(|i| ScalarValue::from(i - 1i64)).collect());
        assert!(
            numbers.starts_with("(`a` IN (CAST('[-1,0,1,2,") && numbers.ends_with(",30]' AS Array(Int64))))"),
            "{numbers}"
        );
        let mut texts = vec![ScalarValue::from("it's \\ \n"); 32];
        let text = list(texts.clone());
        assert!(text.starts_with(r"(`a` IN (CAST('[\'it\\\'s \\\\ \\x0A\',"), "{text}");
        texts.push(ScalarValue::from(1i64));
        assert!(list(texts).starts_with(r"(`a` IN ('it\'s \\ \x0A', "), "of several types");
        assert!(list(vec![ScalarValue::from(1i64); 31]).starts_with("(`a` IN (1, 1, "));
    }

    #[test]
    fn blocks_and_statements_are_written() {
        let mut select = Select::from_table("db", "t").merged(true);
        select.columns = vec![Expr::column("a")];
        let values = vec![Expr::Value(ScalarValue::Int64(Some(-1))), Expr::Value(ScalarValue::from("a'"))];
        select.filters = vec![Expr::InList { expr: Box::new(Expr::column("a")), list: values, negated: false }];
        let sql = Writer::new(&ClickHouse, Mode::Bind).select(&select).unwrap().finish();
        assert_eq!(sql.text, r"SELECT `a` FROM `db`.`t` FINAL WHERE (`a` IN (-1, 'a\''))");
        let columns = vec!["a".to_owned(), "b`".to_owned()];
        let insert = ClickHouseStatement::InsertArrow { schema: "d".into(), table: "t".into(), columns };
        assert_eq!(insert.text().unwrap(), r"INSERT INTO `d`.`t` (`a`, `b\``) FORMAT ArrowStream");
        let kill = ClickHouseStatement::KillQuery("q'1".into());
        assert_eq!(kill.text().unwrap(), r"KILL QUERY WHERE query_id = 'q\'1' ASYNC");
    }
}
