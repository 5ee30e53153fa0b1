//! The types of SQL that clients may use, as ODBC and JDBC number them.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use tonic::Status;

use crate::status::defect;

/// How a type's literals are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number { parameters: &'static [&'static str], scale: Option<i32> },
    Text { parameters: &'static [&'static str] },
    Bytes,
    Time { prefix: &'static str, subcode: XdbcDatetimeSubcode },
}

const WHOLE: Kind = Kind::Number { parameters: &[], scale: Some(0) };
const FLOAT: Kind = Kind::Number { parameters: &[], scale: None };
const DECIMAL: Kind = Kind::Number { parameters: &["precision", "scale"], scale: Some(38) };
const TEXT: Kind = Kind::Text { parameters: &["length"] };
const LONG_TEXT: Kind = Kind::Text { parameters: &[] };
const DATE: Kind = Kind::Time { prefix: "DATE '", subcode: XdbcDatetimeSubcode::XdbcSubcodeYear };
const TIME: Kind = Kind::Time { prefix: "TIME '", subcode: XdbcDatetimeSubcode::XdbcSubcodeTime };
const TIMESTAMP: Kind = Kind::Time { prefix: "TIMESTAMP '", subcode: XdbcDatetimeSubcode::XdbcSubcodeTimestamp };

/// Name, number, size, kind. The number of ODBC's date (1) is that which Arrow's enumeration calls a year.
const TYPES: [(&str, XdbcDataType, i32, Kind); 22] = [
    ("BOOLEAN", XdbcDataType::XdbcBit, 1, Kind::Boolean),
    ("TINYINT", XdbcDataType::XdbcTinyint, 3, WHOLE),
    ("SMALLINT", XdbcDataType::XdbcSmallint, 5, WHOLE),
    ("INTEGER", XdbcDataType::XdbcInteger, 10, WHOLE),
    ("BIGINT", XdbcDataType::XdbcBigint, 19, WHOLE),
    ("REAL", XdbcDataType::XdbcReal, 7, FLOAT),
    ("FLOAT", XdbcDataType::XdbcFloat, 15, FLOAT),
    ("DOUBLE", XdbcDataType::XdbcDouble, 15, FLOAT),
    ("DECIMAL", XdbcDataType::XdbcDecimal, 38, DECIMAL),
    ("NUMERIC", XdbcDataType::XdbcNumeric, 38, DECIMAL),
    ("CHAR", XdbcDataType::XdbcChar, i32::MAX, TEXT),
    ("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX, TEXT),
    ("TEXT", XdbcDataType::XdbcLongvarchar, i32::MAX, LONG_TEXT),
    ("NCHAR", XdbcDataType::XdbcWchar, i32::MAX, TEXT),
    ("NVARCHAR", XdbcDataType::XdbcWvarchar, i32::MAX, TEXT),
    ("WVARCHAR", XdbcDataType::XdbcWvarchar, i32::MAX, TEXT),
    ("BINARY", XdbcDataType::XdbcBinary, i32::MAX, Kind::Bytes),
    ("VARBINARY", XdbcDataType::XdbcVarbinary, i32::MAX, Kind::Bytes),
    ("BYTEA", XdbcDataType::XdbcLongvarbinary, i32::MAX, Kind::Bytes),
    ("DATE", XdbcDataType::XdbcDate, 10, DATE),
    ("TIME", XdbcDataType::XdbcTime, 15, TIME),
    ("TIMESTAMP", XdbcDataType::XdbcTimestamp, 29, TIMESTAMP),
];

static INFO: LazyLock<Result<XdbcTypeInfoData, String>> = LazyLock::new(|| {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for (name, data_type, size, kind) in TYPES {
        builder.append(info(name, data_type, size, kind));
    }
    builder.build().map_err(|e| e.to_string())
});

pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// All types, or those with this number.
pub(super) fn batch(data_type: Option<i32>) -> Result<RecordBatch, Status> {
    let info = INFO.as_ref().map_err(|e| defect("the list of types", e))?;
    info.record_batch(data_type).map_err(|e| defect("the list of types", e))
}

fn info(name: &str, data_type: XdbcDataType, size: i32, kind: Kind) -> XdbcTypeInfo {
    let (prefix, parameters, scale) = match kind {
        Kind::Boolean => (None, &[][..], None),
        Kind::Number { parameters, scale } => (None, parameters, scale),
        Kind::Text { parameters } => (Some("'"), parameters, None),
        Kind::Bytes => (Some("X'"), &[][..], None),
        Kind::Time { prefix, .. } => (Some(prefix), &[][..], None),
    };
    let number = matches!(kind, Kind::Number { .. });
    let subcode = match kind {
        Kind::Time { subcode, .. } => Some(subcode),
        _ => None,
    };
    XdbcTypeInfo {
        type_name: name.into(),
        data_type,
        column_size: Some(size),
        literal_prefix: prefix.map(str::to_owned),
        literal_suffix: prefix.map(|_| "'".to_owned()),
        create_params: (!parameters.is_empty()).then(|| parameters.iter().map(|p| (*p).to_owned()).collect()),
        nullable: Nullable::NullabilityNullable,
        case_sensitive: matches!(kind, Kind::Text { .. }),
        searchable: Searchable::Full,
        unsigned_attribute: number.then_some(false),
        fixed_prec_scale: false,
        auto_increment: number.then_some(false),
        local_type_name: Some(name.into()),
        minimum_scale: scale.map(|_| 0),
        maximum_scale: scale,
        sql_data_type: if subcode.is_some() { XdbcDataType::XdbcDatetime } else { data_type },
        datetime_subcode: subcode,
        num_prec_radix: number.then_some(10),
        interval_precision: None,
    }
}
