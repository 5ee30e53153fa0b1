//! Array literals and scalars as Postgres prints them.

use super::*;
use crate::types::{NumericMode, TypeCatalog, TypeOptions, TypeRow};

fn elements(text: &str) -> Option<Vec<Option<String>>> {
    parse_array_literal(text)
}

fn some(texts: &[&str]) -> Option<Vec<Option<String>>> {
    Some(texts.iter().map(|t| Some((*t).to_owned())).collect())
}

fn built_in(send: &str, typmod: i32) -> PgType {
    let row = TypeRow { oid: 1, typtype: "b".into(), send: send.into(), base_typmod: -1, ..TypeRow::default() };
    TypeCatalog::new([row]).resolve(1, typmod, 0, &TypeOptions { numeric: NumericMode::Text, ..TypeOptions::default() })
}

#[test]
fn array_literals_are_split_into_their_elements() {
    assert_eq!(elements("{}"), some(&[]));
    assert_eq!(elements("{1,-2}"), some(&["1", "-2"]));
    assert_eq!(elements("[0:1]={1,2}"), some(&["1", "2"]));
    assert_eq!(elements(r#"{"a,b","c\"d\\e","",  "#).as_ref(), None);
    assert_eq!(elements(r#"{"a,b","c\"d\\e","","{x}",é b}"#), some(&["a,b", "c\"d\\e", "", "{x}", "é b"]));
    assert_eq!(elements(r#"{NULL,"NULL"}"#), Some(vec![None, Some("NULL".to_owned())]));
}

#[test]
fn what_is_not_one_dimension_is_refused() {
    for text in ["", "1", "{", "}", "{1,2", "1,2}", "{{1},{2}}", "{1,}", "{,1}", r#"{"a}"#, r#"{"a"b}"#, r"{\", "[0:1]{1}"]
    {
        assert_eq!(elements(text), None, "{text}");
    }
}

#[test]
fn scalars_have_the_arrow_type_of_their_column() {
    let cases = [
        ("boolsend", -1, "t", Some(ScalarValue::Boolean(Some(true)))),
        ("int2send", -1, "-32768", Some(ScalarValue::Int16(Some(i16::MIN)))),
        ("int4send", -1, "2147483648", None),
        ("int8send", -1, "9223372036854775807", Some(ScalarValue::Int64(Some(i64::MAX)))),
        ("float8send", -1, "1e-7", Some(ScalarValue::Float64(Some(1e-7)))),
        ("numeric_send", ((10 << 16) | 2) + 4, "-12.5", Some(ScalarValue::Decimal128(Some(-1250), 10, 2))),
        ("numeric_send", ((10 << 16) | 2) + 4, "NaN", None),
        ("numeric_send", -1, "1.50", Some(ScalarValue::Utf8(Some("1.50".into())))),
        ("textsend", -1, "x", Some(ScalarValue::Utf8(Some("x".into())))),
        ("date_send", -1, "2000-02-29", Some(ScalarValue::Date32(Some(11_016)))),
        ("date_send", -1, "1900-02-29", None),
        ("date_send", -1, "0044-03-15 BC", None),
        ("date_send", -1, "infinity", None),
        ("timestamp_send", -1, "1969-12-31 23:59:59.5", Some(ScalarValue::TimestampMicrosecond(Some(-500_000), None))),
        (
            "timestamptz_send",
            -1,
            "1970-01-01 02:30:00+02:30",
            Some(ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into()))),
        ),
        ("timestamptz_send", -1, "1970-01-01 02:30:00", None),
        ("byteasend", -1, "\\x00", None),
    ];
    for (send, typmod, text, expected) in cases {
        let pg_type = built_in(send, typmod);
        let found = pg_type.parse_scalar(text);
        assert_eq!(found, expected, "{send} {text}");
        if let Some(found) = found {
            assert_eq!(found.data_type(), pg_type.arrow_type());
        }
    }
}
