//! Rows into documents.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use datafusion::common::ScalarValue;

use super::decimal;
use super::kind::Kind;

/// The value of one row for a column of a kind; `None` for null. The array has the column's own Arrow type.
pub(crate) fn value(kind: &Kind, array: &ArrayRef, row: usize) -> Result<Option<Bson>, String> {
    if array.is_null(row) {
        return Ok(None);
    }
    if *array.data_type() != kind.arrow() {
        return Err(format!("a value of type {} was given for a column of kind {kind}", array.data_type()));
    }
    Ok(Some(match kind {
        Kind::Bool => Bson::Boolean(array.as_boolean().value(row)),
        Kind::Int => Bson::Int32(array.as_primitive::<Int32Type>().value(row)),
        Kind::Long => Bson::Int64(array.as_primitive::<Int64Type>().value(row)),
        Kind::Double => Bson::Double(array.as_primitive::<Float64Type>().value(row)),
        Kind::Decimal(_, scale) => {
            let digits = array.as_primitive::<Decimal128Type>().value(row);
            Bson::Decimal128(decimal::bson(digits, *scale).ok_or("a decimal number has more than 34 digits")?)
        }
        Kind::String => Bson::String(array.as_string::<i32>().value(row).to_owned()),
        Kind::ObjectId => Bson::ObjectId(object_id(array.as_string::<i32>().value(row)).ok_or(NO_OBJECT_ID)?),
        Kind::Uuid => Bson::Binary(uuid(array.as_string::<i32>().value(row)).ok_or(NO_UUID)?),
        Kind::Date => {
            Bson::DateTime(bson::DateTime::from_millis(array.as_primitive::<TimestampMillisecondType>().value(row)))
        }
        Kind::BinData => {
            let bytes = array.as_binary::<i32>().value(row).to_vec();
            Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
        }
        Kind::Array(item) => {
            let items = array.as_list::<i32>().value(row);
            let items = (0..items.len()).map(|i| Ok(value(item, &items, i)?.unwrap_or(Bson::Null)));
            Bson::Array(items.collect::<Result<_, String>>()?)
        }
        Kind::Object(fields) => {
            let columns = array.as_struct().columns();
            Bson::Document(document(fields.iter().map(|(n, k)| (n.as_str(), k)).zip(columns), row)?)
        }
        Kind::Json | Kind::Document => {
            return Err("a column whose values have several types is not written; declare its kind".to_owned());
        }
    }))
}

const NO_OBJECT_ID: &str = "a text is no object id: 24 hexadecimal digits in lower case";
const NO_UUID: &str = "a text is no UUID: 36 characters in lower case";

/// The fields of a row that are not null.
pub(crate) fn document<'a>(
    columns: impl Iterator<Item = ((&'a str, &'a Kind), &'a ArrayRef)>,
    row: usize,
) -> Result<Document, String> {
    let mut document = Document::new();
    for ((name, kind), array) in columns {
        if let Some(value) = value(kind, array, row).map_err(|reason| format!("{name}: {reason}"))? {
            document.insert(name, value);
        }
    }
    Ok(document)
}

/// The object id that has this text form, if one has.
pub(crate) fn object_id(text: &str) -> Option<ObjectId> {
    let id = ObjectId::parse_str(text).ok()?;
    (id.to_hex() == text).then_some(id)
}

/// The UUID that has this text form, if one has.
pub(crate) fn uuid(text: &str) -> Option<Binary> {
    let id = bson::Uuid::parse_str(text).ok()?;
    (id.to_string() == text).then(|| Binary { subtype: BinarySubtype::Uuid, bytes: id.bytes().to_vec() })
}

/// A column of one value.
pub(crate) fn single(value: &ScalarValue) -> Result<ArrayRef, String> {
    value.to_array().map_err(|_| "the value cannot be sent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_text_form_is_an_id() {
        assert!(object_id("65f0c0ffee65f0c0ffee65f0").is_some());
        assert!(object_id("65F0C0FFEE65F0C0FFEE65F0").is_none());
        assert!(uuid("00112233-4455-6677-8899-aabbccddeeff").is_some());
        assert!(uuid("00112233445566778899aabbccddeeff").is_none());
        assert!(uuid("00112233-4455-6677-8899-AABBCCDDEEFF").is_none());
    }
}
