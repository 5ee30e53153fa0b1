//! A Postgres type as resolved from the catalog, and its stated Arrow type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::options::Unrepresentable;

/// How a column must be selected so that `COPY ... (FORMAT binary)` sends what the decoder reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// As it is.
    Binary,
    /// Cast to `text`.
    CastToText,
    /// Cast to `text[]`: an array whose elements have no binary form we read.
    CastToTextArray,
}

impl Wire {
    /// The type to cast to in the SELECT list, if any.
    pub fn cast(self) -> Option<&'static str> {
        match self {
            Self::Binary => None,
            Self::CastToText => Some("text"),
            Self::CastToTextArray => Some("text[]"),
        }
    }
}

/// How a column is written with `COPY ... FROM STDIN (FORMAT binary)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyIn {
    /// Directly.
    Binary,
    /// There is no binary form: COPY into a temporary table whose column has type `staging`, then
    /// `INSERT INTO t SELECT column::type FROM staging`.
    ViaText {
        /// `text` or `text[]`.
        staging: &'static str,
    },
}

/// How a `numeric` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumericForm {
    /// `Decimal128(precision, scale)`; precision is at most 38.
    Decimal128(u8, i8),
    /// `Decimal256(precision, scale)`; precision is at most 76.
    Decimal256(u8, i8),
    /// `Utf8`.
    Text,
    /// `Float64`.
    Float8,
}

/// One attribute of a composite type.
#[derive(Debug, Clone, PartialEq)]
pub struct PgAttribute {
    /// Name.
    pub name: String,
    /// Type.
    pub pg_type: PgType,
}

/// What a type is, domains resolved to what they are made of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "variants carry the names of Postgres types")]
pub enum PgKind {
    Bool,
    Int2,
    Int4,
    Int8,
    /// `oid`, `xid`, `cid` and the `reg...` types, as the number.
    Oid,
    Xid8,
    Float4,
    Float8,
    Numeric(NumericForm),
    /// 64-bit count of hundredths. Currencies of `lc_monetary` without exactly two decimals are off by a power of ten.
    Money,
    Text,
    Varchar,
    /// `char(n)`: with its padding.
    Bpchar,
    Name,
    /// `"char"`: one byte; 0 is the empty text, bytes over 127 are `\ooo`.
    InternalChar,
    Citext,
    Xml,
    Json,
    Jsonb,
    Bytea,
    Date,
    Time,
    /// Text, with its offset.
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    /// Text of 36 characters.
    Uuid,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    /// `bit` and `varbit` as text of 0 and 1.
    Bit,
    /// WKB Point.
    Point,
    /// WKB LineString of two points.
    Lseg,
    /// WKB LineString; a closed path ends in its first point again.
    Path,
    /// WKB Polygon of one ring, closed by its first point.
    Polygon,
    /// PostGIS `geometry` and `geography`: EWKB.
    Ewkb,
    /// Labels in their order.
    Enum(Arc<[String]>),
    Composite(Arc<[PgAttribute]>),
    /// Range over a subtype.
    Range(Arc<PgType>),
    /// Multirange over the subtype of its ranges.
    Multirange(Arc<PgType>),
    Array {
        /// Type of the elements.
        element: Arc<PgType>,
        /// Declared dimensions, at least 1.
        dimensions: usize,
    },
    /// Every other type, as the text Postgres prints.
    Other,
}

/// A type of a column, element or attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct PgType {
    pub(super) oid: u32,
    pub(super) name: Arc<str>,
    pub(super) typmod: i32,
    pub(super) kind: PgKind,
    pub(super) infinity: Unrepresentable,
    pub(super) numeric_special: Unrepresentable,
}

impl PgType {
    /// Object identifier of the declared type; for a domain, of the domain.
    pub fn oid(&self) -> u32 {
        self.oid
    }

    /// The declared type's name as SQL text, quoted and qualified where Postgres's `format_type` finds it needed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type's name for values of any length. `character` and `bit` without a length are those of one character and one bit,
    /// and cut what is longer; a column's own length is looked at when the value is assigned to it.
    pub fn uncut_name(&self) -> &str {
        match &*self.name {
            "character" => "pg_catalog.bpchar",
            "bit" => "pg_catalog.varbit",
            other => other,
        }
    }

    /// Type modifier, -1 for none; for a domain, that of the base type.
    pub fn typmod(&self) -> i32 {
        self.typmod
    }

    /// What the type is.
    pub fn kind(&self) -> &PgKind {
        &self.kind
    }

    /// The stated Arrow type.
    pub fn arrow_type(&self) -> DataType {
        match &self.kind {
            PgKind::Bool => DataType::Boolean,
            PgKind::Int2 => DataType::Int16,
            PgKind::Int4 => DataType::Int32,
            PgKind::Int8 => DataType::Int64,
            PgKind::Oid => DataType::UInt32,
            PgKind::Xid8 => DataType::UInt64,
            PgKind::Float4 => DataType::Float32,
            PgKind::Float8 => DataType::Float64,
            PgKind::Numeric(NumericForm::Decimal128(p, s)) => DataType::Decimal128(*p, *s),
            PgKind::Numeric(NumericForm::Decimal256(p, s)) => DataType::Decimal256(*p, *s),
            PgKind::Numeric(NumericForm::Float8) => DataType::Float64,
            PgKind::Money => DataType::Decimal128(19, 2),
            PgKind::Bytea | PgKind::Ewkb | PgKind::Point | PgKind::Lseg | PgKind::Path | PgKind::Polygon => {
                DataType::Binary
            }
            PgKind::Date => DataType::Date32,
            PgKind::Time => DataType::Time64(TimeUnit::Microsecond),
            PgKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            PgKind::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            PgKind::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            PgKind::Enum(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            PgKind::Composite(attributes) => {
                let field = |a: &PgAttribute| Field::new(&a.name, a.pg_type.arrow_type(), true);
                DataType::Struct(attributes.iter().map(field).collect())
            }
            PgKind::Range(subtype) => DataType::Struct(range_fields(subtype)),
            PgKind::Multirange(subtype) => list_of(DataType::Struct(range_fields(subtype))),
            PgKind::Array { element, dimensions } => (0..*dimensions).fold(element.arrow_type(), |inner, _| list_of(inner)),
            _ => DataType::Utf8,
        }
    }

    /// The Arrow field of a column of this type.
    pub fn field(&self, name: &str, not_null: bool) -> Field {
        Field::new(name, self.arrow_type(), !not_null || self.may_become_null())
    }

    /// Whether a value that is not NULL in Postgres can be null in Arrow, because an option says so.
    pub fn may_become_null(&self) -> bool {
        match self.kind {
            PgKind::Numeric(NumericForm::Decimal128(..) | NumericForm::Decimal256(..)) => {
                self.numeric_special == Unrepresentable::Null
            }
            PgKind::Date | PgKind::Time | PgKind::Timestamp | PgKind::TimestampTz | PgKind::Interval => {
                self.infinity == Unrepresentable::Null
            }
            _ => false,
        }
    }

    /// How to select it for reading.
    pub fn wire(&self) -> Wire {
        match &self.kind {
            PgKind::Other => Wire::CastToText,
            PgKind::Array { element, .. } if element.wire() != Wire::Binary => Wire::CastToTextArray,
            _ => Wire::Binary,
        }
    }

    /// How to write it.
    pub fn copy_in(&self) -> CopyIn {
        match self.wire().cast() {
            None => CopyIn::Binary,
            Some(staging) => CopyIn::ViaText { staging },
        }
    }

    /// Whether it is `int2vector` or `oidvector`: an array of one dimension that starts at 0.
    pub(super) fn is_vector(&self) -> bool {
        matches!(self.oid, 22 | 30)
    }

    /// The type number inside an array or composite on the wire.
    pub(super) fn wire_oid(&self) -> u32 {
        match self.kind {
            PgKind::Other => TEXT_OID,
            _ => self.oid,
        }
    }
}

/// Type number of `text`.
pub(super) const TEXT_OID: u32 = 25;

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// Fields of a range: an absent bound is null and infinite (or the range is empty).
pub(super) fn range_fields(subtype: &PgType) -> Fields {
    let bound = subtype.arrow_type();
    Fields::from(vec![
        Field::new("lower", bound.clone(), true),
        Field::new("upper", bound, true),
        Field::new("lower_inclusive", DataType::Boolean, false),
        Field::new("upper_inclusive", DataType::Boolean, false),
        Field::new("empty", DataType::Boolean, false),
    ])
}
