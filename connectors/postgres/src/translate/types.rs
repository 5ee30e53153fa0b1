//! How the values of Postgres types behave, and what computed values are sent as.

use std::borrow::Cow;
use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use headwater_sqlgen::translate::{Class, Collation, ColumnFact, Fact};

use crate::types::{NumericForm, PgKind, PgType, TypeCatalog, TypeOptions, Unrepresentable};

/// Type numbers of computed values: bool, bytea, int8, int2, int4, text, float4, float8, date, time, timestamp, timestamptz,
/// interval, numeric.
pub(crate) const COMPUTED_OIDS: [u32; 14] = [16, 17, 20, 21, 23, 25, 700, 701, 1082, 1083, 1114, 1184, 1186, 1700];

/// The attributes from which [`read_type`] finds a type again.
pub(super) fn attributes(pg_type: &PgType) -> BTreeMap<String, String> {
    let dimensions = match pg_type.kind() {
        PgKind::Array { dimensions, .. } => *dimensions,
        _ => 0,
    };
    let number = |name: &str, value: String| (name.to_owned(), value);
    BTreeMap::from([
        number("oid", pg_type.oid().to_string()),
        number("typmod", pg_type.typmod().to_string()),
        number("dimensions", dimensions.to_string()),
    ])
}

/// The number of the type that a column was sent as.
pub(super) fn oid_of(attributes: &BTreeMap<String, String>) -> Option<u32> {
    attributes.get("oid")?.parse().ok()
}

/// The type that attributes describe.
pub(super) fn read_type(
    attributes: &BTreeMap<String, String>,
    types: &TypeCatalog,
    options: &TypeOptions,
) -> Option<PgType> {
    let number = |name: &str| attributes.get(name)?.parse().ok();
    Some(types.resolve(oid_of(attributes)?, number("typmod")?, number("dimensions")?, options))
}

/// A column of a table; `collation` is its name and whether it is deterministic.
pub(super) fn column(pg_type: &PgType, collation: Collation, options: &TypeOptions) -> ColumnFact {
    let fact = Fact {
        class: class(pg_type, collation, options),
        arrow: pg_type.arrow_type(),
        remote_type: pg_type.name().to_owned(),
        attributes: attributes(pg_type),
    };
    let cast = pg_type.wire().cast().map(Cow::Borrowed);
    ColumnFact { fact, cast, mark: pg_type.oid().to_string() }
}

fn class(pg_type: &PgType, collation: Collation, options: &TypeOptions) -> Class {
    let name = pg_type.name();
    let temporal = matches!(pg_type.kind(), PgKind::Date | PgKind::Time | PgKind::Timestamp | PgKind::TimestampTz);
    if pg_type.may_become_null() || (temporal && options.infinity != Unrepresentable::Error) {
        return Class::Foreign(format!("an option of the source changes values of type {name}"));
    }
    match pg_type.kind() {
        PgKind::Bool => Class::Bool,
        PgKind::Int2 | PgKind::Int4 | PgKind::Int8 => Class::Integer,
        PgKind::Numeric(NumericForm::Decimal128(..) | NumericForm::Decimal256(..)) => Class::Decimal,
        PgKind::Float4 | PgKind::Float8 => Class::Float,
        PgKind::Text | PgKind::Varchar | PgKind::Name => Class::Text(collation),
        PgKind::Uuid => Class::Uuid,
        PgKind::Enum(_) => Class::Label,
        PgKind::Bytea => Class::Bytes,
        PgKind::Date => Class::Date,
        PgKind::Time => Class::Time,
        PgKind::Timestamp => Class::Timestamp(false),
        PgKind::TimestampTz => Class::Timestamp(true),
        PgKind::Bpchar => Class::Opaque("char(n) ignores blanks at its end at the source".into()),
        PgKind::Numeric(_) => Class::Opaque("a numeric without a declared precision is another type here".into()),
        PgKind::Composite(_) | PgKind::Other => Class::Foreign(format!(
            "type {name} is or may be composite, and a composite value of nulls is null at the source"
        )),
        _ => Class::Opaque(format!("values of type {name} behave otherwise at the source")),
    }
}

/// The type that computed values of an Arrow type are sent as.
pub(super) fn computed(arrow: &DataType) -> Option<(Fact, Cow<'static, str>)> {
    let text = || Class::Text(Collation { name: "default".into(), deterministic: true });
    let (class, oid, name): (Class, u32, Cow<'static, str>) = match arrow {
        DataType::Boolean => (Class::Bool, 16, "bool".into()),
        DataType::Int16 | DataType::UInt8 => (Class::Integer, 21, "int2".into()),
        DataType::Int32 | DataType::UInt16 => (Class::Integer, 23, "int4".into()),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => (Class::Integer, 20, "int8".into()),
        DataType::Float32 => (Class::Float, 700, "float4".into()),
        DataType::Float64 => (Class::Float, 701, "float8".into()),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) if *s >= 0 => {
            (Class::Decimal, 1700, format!("numeric({p},{s})").into())
        }
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => (text(), 25, "text".into()),
        DataType::Binary => (Class::Bytes, 17, "bytea".into()),
        DataType::Date32 => (Class::Date, 1082, "date".into()),
        DataType::Time64(TimeUnit::Microsecond) => (Class::Time, 1083, "time".into()),
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, None) => {
            (Class::Timestamp(false), 1114, "timestamp".into())
        }
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, Some(zone))
            if matches!(zone.as_ref(), "UTC" | "+00:00") =>
        {
            (Class::Timestamp(true), 1184, "timestamptz".into())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => (Class::Interval, 1186, "interval".into()),
        _ => return None,
    };
    let typmod = match arrow {
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => ((i32::from(*p) << 16) | i32::from(*s)) + 4,
        _ => -1,
    };
    let entry = |name: &str, value: String| (name.to_owned(), value);
    let attributes = BTreeMap::from([
        entry("oid", oid.to_string()),
        entry("typmod", typmod.to_string()),
        entry("dimensions", "0".to_owned()),
    ]);
    Some((Fact { class, arrow: arrow.clone(), remote_type: name.clone().into_owned(), attributes }, name))
}
