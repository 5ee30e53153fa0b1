//! How the values of ClickHouse types behave, and what computed values are sent as.

use std::borrow::Cow;
use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use headwater_sqlgen::translate::{Class, Collation, ColumnFact, Fact};

use crate::types::{ChKind, ChType, Resolved, StringMode, TypeOptions};

/// The attribute that holds the name of a type.
const TYPE: &str = "type";

fn collation() -> Collation {
    Collation { name: "bytes".into(), deterministic: true }
}

/// A column of a table.
pub(super) fn column(t: &ChType, options: &TypeOptions) -> ColumnFact {
    let fact = Fact {
        class: class(t, options),
        arrow: t.arrow(options),
        remote_type: t.name.clone(),
        attributes: attributes(&t.name),
    };
    ColumnFact { fact, cast: t.cast().map(Cow::Borrowed), mark: t.name.clone() }
}

/// The attributes from which [`read_type`] finds a type again.
pub(super) fn attributes(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(TYPE.to_owned(), name.to_owned())])
}

/// The type that attributes describe.
pub(super) fn read_type(attributes: &BTreeMap<String, String>, options: &TypeOptions) -> Option<ChType> {
    match ChType::resolve(attributes.get(TYPE)?, options) {
        Resolved::Type(t) => Some(t),
        Resolved::LeftOut(_) => None,
    }
}

fn class(t: &ChType, options: &TypeOptions) -> Class {
    let name = &t.name;
    match &t.kind {
        ChKind::Native(DataType::Boolean) => Class::Bool,
        ChKind::Native(DataType::Float32 | DataType::Float64) => Class::Float,
        ChKind::Native(native) if native.is_integer() => Class::Integer,
        ChKind::Decimal(..) => Class::Decimal,
        ChKind::Date | ChKind::Date32 => Class::Date,
        ChKind::DateTime | ChKind::DateTime64(_) => Class::Timestamp(true),
        ChKind::String if options.strings == StringMode::Error => Class::Text(collation()),
        ChKind::String if options.strings == StringMode::Replace => {
            Class::Foreign(format!("the option \"strings\" changes values of type {name}"))
        }
        ChKind::Uuid | ChKind::Ipv4 | ChKind::Ipv6 | ChKind::Enum(_) => Class::Label,
        ChKind::Text | ChKind::Nothing => Class::Foreign(format!("values of type {name} are texts made by the source")),
        _ => Class::Opaque(format!("values of type {name} behave otherwise at the source")),
    }
}

/// The type that computed values of an Arrow type are sent as. A cast to a type without NULL would refuse one.
pub(super) fn computed(arrow: &DataType) -> Option<(Fact, Cow<'static, str>)> {
    let (class, name) = match arrow {
        DataType::Boolean => (Class::Bool, "Bool".to_owned()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => (Class::Integer, arrow.to_string()),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => (Class::Integer, arrow.to_string()),
        DataType::Float32 | DataType::Float64 => (Class::Float, arrow.to_string()),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) if *s >= 0 => {
            (Class::Decimal, format!("Decimal({p}, {s})"))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (Class::Text(collation()), "String".to_owned()),
        DataType::Date32 => (Class::Date, "Date32".to_owned()),
        DataType::Timestamp(unit, Some(zone)) if matches!(zone.as_ref(), "UTC" | "+00:00") => {
            use datafusion::arrow::datatypes::TimeUnit;
            let scale = match unit {
                TimeUnit::Second => return Some(named(Class::Timestamp(true), arrow, "DateTime64(0, 'UTC')")),
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            (Class::Timestamp(true), format!("DateTime64({scale}, 'UTC')"))
        }
        _ => return None,
    };
    Some(named(class, arrow, &name))
}

fn named(class: Class, arrow: &DataType, name: &str) -> (Fact, Cow<'static, str>) {
    let name = format!("Nullable({name})");
    let fact = Fact { class, arrow: arrow.clone(), remote_type: name.clone(), attributes: attributes(&name) };
    (fact, Cow::Owned(name))
}
