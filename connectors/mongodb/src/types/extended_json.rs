//! BSON values as extended JSON (version 2): canonical, which keeps every type, and relaxed, which is easier to read.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::raw::{RawArray, RawBsonRef, RawDocument};
use bson::{Document, RawDocumentBuf};
use headwater_common::{Error, Result};

/// Which of the two forms is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Canonical,
    Relaxed,
}

/// First and last millisecond that are written as a date of a calendar.
const DATES: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999;

/// A command as canonical extended JSON.
pub(crate) fn text_of(command: &Document) -> Result<String> {
    let raw = RawDocumentBuf::try_from(command).map_err(|e| Error::internal(format!("a command is no BSON: {e}")))?;
    let mut out = String::new();
    write_document(&mut out, &raw, Form::Canonical).map_err(|e| Error::internal(format!("a command is no BSON: {e}")))?;
    Ok(out)
}

/// The command that [`text_of`] has written.
pub(crate) fn command_of(text: &str) -> Result<Document> {
    serde_json::from_str(text).map_err(|e| Error::internal(format!("a command is no extended JSON: {e}")))
}

/// Writes a document.
pub(crate) fn write_document(out: &mut String, document: &RawDocument, form: Form) -> bson::error::Result<()> {
    out.push('{');
    for (i, element) in document.iter_elements().enumerate() {
        let element = element?;
        if i > 0 {
            out.push(',');
        }
        write_string(out, element.key().as_str());
        out.push(':');
        write_value(out, element.value()?, form)?;
    }
    out.push('}');
    Ok(())
}

fn write_array(out: &mut String, array: &RawArray, form: Form) -> bson::error::Result<()> {
    out.push('[');
    for (i, element) in array.iter_elements().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_value(out, element?.value()?, form)?;
    }
    out.push(']');
    Ok(())
}

/// Writes a value.
pub(crate) fn write_value(out: &mut String, value: RawBsonRef<'_>, form: Form) -> bson::error::Result<()> {
    let relaxed = form == Form::Relaxed;
    match value {
        RawBsonRef::Double(v) if relaxed && v.is_finite() => formatted(out, format_args!("{v:?}")),
        RawBsonRef::Double(v) => tagged(out, "$numberDouble", &double(v)),
        RawBsonRef::Int32(v) if relaxed => formatted(out, format_args!("{v}")),
        RawBsonRef::Int32(v) => tagged(out, "$numberInt", &v.to_string()),
        RawBsonRef::Int64(v) if relaxed => formatted(out, format_args!("{v}")),
        RawBsonRef::Int64(v) => tagged(out, "$numberLong", &v.to_string()),
        RawBsonRef::Decimal128(v) => tagged(out, "$numberDecimal", &v.to_string()),
        RawBsonRef::Boolean(v) => out.push_str(if v { "true" } else { "false" }),
        RawBsonRef::Null => out.push_str("null"),
        RawBsonRef::String(v) => write_string(out, v),
        RawBsonRef::Symbol(v) => tagged(out, "$symbol", v),
        RawBsonRef::Document(v) => write_document(out, v, form)?,
        RawBsonRef::Array(v) => write_array(out, v, form)?,
        RawBsonRef::ObjectId(v) => tagged(out, "$oid", &v.to_hex()),
        RawBsonRef::DateTime(v) => match v.try_to_rfc3339_string() {
            Ok(text) if relaxed && DATES.contains(&v.timestamp_millis()) => tagged(out, "$date", &text),
            _ => {
                out.push_str("{\"$date\":");
                tagged(out, "$numberLong", &v.timestamp_millis().to_string());
                out.push('}');
            }
        },
        RawBsonRef::Binary(v) => {
            out.push_str("{\"$binary\":{\"base64\":");
            write_string(out, &STANDARD.encode(v.bytes));
            formatted(out, format_args!(",\"subType\":\"{:02x}\"}}}}", u8::from(v.subtype)));
        }
        RawBsonRef::RegularExpression(v) => {
            out.push_str("{\"$regularExpression\":{\"pattern\":");
            write_string(out, v.pattern.as_str());
            out.push_str(",\"options\":");
            write_string(out, v.options.as_str());
            out.push_str("}}");
        }
        RawBsonRef::Timestamp(v) => {
            formatted(out, format_args!("{{\"$timestamp\":{{\"t\":{},\"i\":{}}}}}", v.time, v.increment));
        }
        RawBsonRef::JavaScriptCode(v) => tagged(out, "$code", v),
        RawBsonRef::JavaScriptCodeWithScope(v) => {
            out.push_str("{\"$code\":");
            write_string(out, v.code);
            out.push_str(",\"$scope\":");
            write_document(out, v.scope, form)?;
            out.push('}');
        }
        // A reference to a document of another collection, which BSON has given up.
        RawBsonRef::DbPointer(_) => out.push_str("{\"$dbPointer\":{}}"),
        RawBsonRef::MinKey => out.push_str("{\"$minKey\":1}"),
        RawBsonRef::MaxKey => out.push_str("{\"$maxKey\":1}"),
        RawBsonRef::Undefined => out.push_str("{\"$undefined\":true}"),
    }
    Ok(())
}

fn double(v: f64) -> String {
    match v {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() && v > 0.0 => "Infinity".to_owned(),
        v if v.is_infinite() => "-Infinity".to_owned(),
        v => format!("{v:?}"),
    }
}

fn formatted(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes every text.
    let _ = out.write_fmt(text);
}

fn tagged(out: &mut String, tag: &str, text: &str) {
    formatted(out, format_args!("{{\"{tag}\":"));
    write_string(out, text);
    out.push('}');
}

fn write_string(out: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    match plain {
        true => {
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        false => out.push_str(&serde_json::Value::from(text).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Bson> {
        let text = prop_oneof![".*", "[$.{}\"\\\\\\x00-\\x1f]*"];
        let leaf = prop_oneof![
            any::<f64>().prop_filter("NaN differs from itself", |v| !v.is_nan()).prop_map(Bson::Double),
            text.prop_map(Bson::String),
            any::<bool>().prop_map(Bson::Boolean),
            Just(Bson::Null),
            any::<i32>().prop_map(Bson::Int32),
            any::<i64>().prop_map(Bson::Int64),
            any::<[u8; 12]>().prop_map(|v| Bson::ObjectId(bson::oid::ObjectId::from_bytes(v))),
            any::<i64>().prop_map(|v| Bson::DateTime(bson::DateTime::from_millis(v))),
            (any::<u32>(), any::<u32>()).prop_map(|(time, increment)| Bson::Timestamp(bson::Timestamp { time, increment })),
            any::<Vec<u8>>()
                .prop_map(|bytes| Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes })),
            Just(Bson::MinKey),
            Just(Bson::MaxKey),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
                prop::collection::vec(("[a-z.]{0,4}", inner), 0..4)
                    .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_command_is_read_as_it_was_written(value in values()) {
            let command = doc! { "find": "a", "filter": { "x": { "$eq": value } }, "limit": 3_i64 };
            let read = command_of(&text_of(&command).unwrap()).unwrap();
            prop_assert_eq!(read, command);
        }
    }

    #[test]
    fn the_relaxed_form_reads_as_json() {
        let document = doc! {
            "i": 1, "l": 2_i64, "d": 1.0, "n": f64::NAN, "s": "a\"\n", "t": bson::DateTime::from_millis(1_700_000_000_123),
            "old": bson::DateTime::from_millis(-1), "a": [1, null], "o": { "x": true },
        };
        let mut out = String::new();
        write_document(&mut out, &RawDocumentBuf::try_from(&document).unwrap(), Form::Relaxed).unwrap();
        let expected = r#"{"i":1,"l":2,"d":1.0,"n":{"$numberDouble":"NaN"},"s":"a\"\n","t":{"$date":"2023-11-14T22:13:20.123Z"},"old":{"$date":{"$numberLong":"-1"}},"a":[1,null],"o":{"x":true}}"#;
        assert_eq!(out, expected);
    }
}
