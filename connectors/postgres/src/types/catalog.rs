//! From rows of `pg_type` to [`PgType`].

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::numeric;
use super::options::{ArrayMode, NumericMode, TypeOptions, Unrepresentable};
use super::pg_type::{NumericForm, PgAttribute, PgKind, PgType, Wire};

/// Types nested deeper than this are read as text.
const NESTING_MAX: usize = 16;
/// Object identifiers below this belong to the server itself (FirstNormalObjectId).
const FIRST_USER_OID: u32 = 16384;

/// The catalog facts of one type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TypeRow {
    /// `pg_type.oid`.
    pub oid: u32,
    /// `format_type(oid, NULL)`: the name as SQL text.
    pub name: String,
    /// `typtype`: b, c, d, e, m, p or r.
    pub typtype: String,
    /// Name of the send function, without schema; empty when there is none.
    pub send: String,
    /// `typelem` of a true array, else 0.
    pub element: u32,
    /// `typbasetype` of a domain, else 0.
    pub base: u32,
    /// `typtypmod` of a domain, else -1.
    pub base_typmod: i32,
    /// `typndims` of a domain over an array, else 0.
    pub base_dimensions: i32,
    /// Subtype of a range, or of the ranges of a multirange, else 0.
    pub subtype: u32,
    /// Labels of an enum in their order.
    pub labels: Vec<String>,
    /// Attributes of a composite: name, type, type modifier, dimensions.
    pub attributes: Vec<(String, u32, i32, i32)>,
}

/// Types by number.
#[derive(Debug, Clone, Default)]
pub struct TypeCatalog {
    rows: HashMap<u32, TypeRow>,
}

/// Types reachable from `$1`. Names are qualified so that no search path changes what runs.
const QUERY: &str = "
WITH RECURSIVE wanted(oid) AS (
  SELECT u FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u
  UNION
  SELECT next.oid FROM wanted w CROSS JOIN LATERAL (
    SELECT t.typelem AS oid FROM pg_catalog.pg_type t WHERE t.oid = w.oid AND t.typelem <> 0
    UNION ALL SELECT t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = w.oid AND t.typbasetype <> 0
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = w.oid OR r.rngmultitypid = w.oid
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
      WHERE t.oid = w.oid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
  ) AS next
)
SELECT t.oid, pg_catalog.format_type(t.oid, NULL), t.typtype::pg_catalog.text, COALESCE(p.proname::pg_catalog.text, ''),
  CASE WHEN p.proname IN ('array_send', 'int2vectorsend', 'oidvectorsend') THEN t.typelem ELSE 0::pg_catalog.oid END,
  t.typbasetype, t.typtypmod, t.typndims,
  COALESCE((SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid LIMIT 1),
    0::pg_catalog.oid),
  ARRAY(SELECT e.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
  ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
  ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
  ARRAY(SELECT a.atttypmod FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
  ARRAY(SELECT a.attndims::pg_catalog.int4 FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM wanted JOIN pg_catalog.pg_type t ON t.oid = wanted.oid LEFT JOIN pg_catalog.pg_proc p ON p.oid = t.typsend";

impl TypeCatalog {
    /// A catalog of these types. Types that are not in it resolve to text.
    pub fn new(rows: impl IntoIterator<Item = TypeRow>) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.oid, row)).collect() }
    }

    /// Reads the given types and everything they are made of, in one round trip without a named statement (so it works behind
    /// a pooler). Needs Postgres 14 or later.
    pub async fn load(client: &Client, oids: &[u32]) -> Result<Self, tokio_postgres::Error> {
        let rows = client.query_typed(QUERY, &[(&oids, Type::OID_ARRAY)]).await?;
        let rows: Result<Vec<TypeRow>, _> = rows.iter().map(type_row).collect();
        Ok(Self::new(rows?))
    }

    /// Whether a type is in the catalog.
    pub fn contains(&self, oid: u32) -> bool {
        self.rows.contains_key(&oid)
    }

    /// Adds the types of another catalog, which is the newer one.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// The type of a column: `atttypid`, `atttypmod` and `attndims`.
    pub fn resolve(&self, oid: u32, typmod: i32, dimensions: i32, options: &TypeOptions) -> PgType {
        self.at_depth(oid, typmod, dimensions, options, 0)
    }

    fn at_depth(&self, oid: u32, typmod: i32, dimensions: i32, options: &TypeOptions, depth: usize) -> PgType {
        let row = self.rows.get(&oid).filter(|_| depth < NESTING_MAX);
        let (mut kind, mut typmod) = (PgKind::Other, typmod);
        if let Some(row) = row {
            if row.typtype == "d" {
                let base_typmod = if row.base_typmod >= 0 { row.base_typmod } else { typmod };
                let base = self.at_depth(row.base, base_typmod, row.base_dimensions, options, depth + 1);
                (kind, typmod) = (base.kind, base.typmod);
            } else {
                kind = self.kind(row, typmod, dimensions, options, depth);
            }
        }
        PgType {
            oid,
            name: row.map_or("text", |r| r.name.as_str()).into(),
            typmod,
            kind,
            infinity: options.infinity,
            numeric_special: match options.numeric_special {
                Unrepresentable::Null => Unrepresentable::Null,
                _ => Unrepresentable::Error,
            },
        }
    }

    fn kind(&self, row: &TypeRow, typmod: i32, dimensions: i32, options: &TypeOptions, depth: usize) -> PgKind {
        let inner = |oid, typmod, dimensions| self.at_depth(oid, typmod, dimensions, options, depth + 1);
        match row.typtype.as_str() {
            "e" => PgKind::Enum(row.labels.clone().into()),
            "c" => {
                let attribute = |(name, oid, typmod, dimensions): &(String, u32, i32, i32)| PgAttribute {
                    name: name.clone(),
                    pg_type: inner(*oid, *typmod, *dimensions),
                };
                let attributes: Vec<PgAttribute> = row.attributes.iter().map(attribute).collect();
                let binary = attributes.iter().all(|a| a.pg_type.wire() == Wire::Binary);
                if binary && !attributes.is_empty() { PgKind::Composite(attributes.into()) } else { PgKind::Other }
            }
            "r" | "m" => {
                let subtype = inner(row.subtype, -1, 0);
                match (subtype.wire(), row.typtype.as_str()) {
                    (Wire::Binary, "r") => PgKind::Range(Arc::new(subtype)),
                    (Wire::Binary, _) => PgKind::Multirange(Arc::new(subtype)),
                    _ => PgKind::Other,
                }
            }
            "b" if row.element != 0 => match options.arrays {
                ArrayMode::Text => PgKind::Other,
                // A value of six dimensions is the most that Postgres makes (MAXDIM).
                ArrayMode::List => match inner(row.element, typmod, 0) {
                    // A domain over an array as element is an array inside a one-dimensional array: no List of Lists on the wire.
                    element if matches!(element.kind, PgKind::Array { .. }) => PgKind::Other,
                    element => PgKind::Array {
                        element: Arc::new(element),
                        dimensions: usize::try_from(dimensions).unwrap_or(1).clamp(1, 6),
                    },
                },
            },
            "b" if row.oid < FIRST_USER_OID => built_in(&row.send, typmod, options),
            "b" => match row.send.as_str() {
                "citextsend" => PgKind::Citext,
                "geometry_send" | "geography_send" => PgKind::Ewkb,
                _ => PgKind::Other,
            },
            _ => PgKind::Other,
        }
    }
}

fn type_row(row: &Row) -> Result<TypeRow, tokio_postgres::Error> {
    let names: Vec<String> = row.try_get(10)?;
    let (oids, typmods, dimensions): (Vec<u32>, Vec<i32>, Vec<i32>) =
        (row.try_get(11)?, row.try_get(12)?, row.try_get(13)?);
    let rest = oids.into_iter().zip(typmods).zip(dimensions);
    Ok(TypeRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        typtype: row.try_get(2)?,
        send: row.try_get(3)?,
        element: row.try_get(4)?,
        base: row.try_get(5)?,
        base_typmod: row.try_get(6)?,
        base_dimensions: row.try_get(7)?,
        subtype: row.try_get(8)?,
        labels: row.try_get(9)?,
        attributes: names.into_iter().zip(rest).map(|(n, ((o, t), d))| (n, o, t, d)).collect(),
    })
}

/// The server's own base types, by the function that writes their binary form.
fn built_in(send: &str, typmod: i32, options: &TypeOptions) -> PgKind {
    match send {
        "boolsend" => PgKind::Bool,
        "int2send" => PgKind::Int2,
        "int4send" => PgKind::Int4,
        "int8send" => PgKind::Int8,
        "oidsend" | "xidsend" | "cidsend" => PgKind::Oid,
        "regprocsend" | "regproceduresend" | "regopersend" | "regoperatorsend" | "regclasssend" | "regtypesend"
        | "regconfigsend" | "regdictionarysend" | "regrolesend" | "regnamespacesend" | "regcollationsend" => PgKind::Oid,
        "xid8send" => PgKind::Xid8,
        "float4send" => PgKind::Float4,
        "float8send" => PgKind::Float8,
        "numeric_send" => PgKind::Numeric(numeric_form(typmod, options.numeric)),
        "cash_send" => PgKind::Money,
        "textsend" => PgKind::Text,
        "varcharsend" => PgKind::Varchar,
        "bpcharsend" => PgKind::Bpchar,
        "namesend" => PgKind::Name,
        "charsend" => PgKind::InternalChar,
        "xml_send" => PgKind::Xml,
        "json_send" => PgKind::Json,
        "jsonb_send" => PgKind::Jsonb,
        "byteasend" => PgKind::Bytea,
        "date_send" => PgKind::Date,
        "time_send" => PgKind::Time,
        "timetz_send" => PgKind::TimeTz,
        "timestamp_send" => PgKind::Timestamp,
        "timestamptz_send" => PgKind::TimestampTz,
        "interval_send" => PgKind::Interval,
        "uuid_send" => PgKind::Uuid,
        "inet_send" => PgKind::Inet,
        "cidr_send" => PgKind::Cidr,
        "macaddr_send" => PgKind::MacAddr,
        "macaddr8_send" => PgKind::MacAddr8,
        "bit_send" | "varbit_send" => PgKind::Bit,
        "point_send" => PgKind::Point,
        "lseg_send" => PgKind::Lseg,
        "path_send" => PgKind::Path,
        "poly_send" => PgKind::Polygon,
        _ => PgKind::Other,
    }
}

/// A scale over the precision or below zero (Postgres 15 and later) becomes the smallest decimal that holds every such value.
fn numeric_form(typmod: i32, mode: NumericMode) -> NumericForm {
    let (precision, scale) = match (numeric::typmod(typmod), mode) {
        (Some(declared), _) => declared,
        (None, NumericMode::Decimal(precision, scale)) => (i32::from(precision), i32::from(scale)),
        (None, NumericMode::Text) => return NumericForm::Text,
        (None, NumericMode::Float8) => return NumericForm::Float8,
    };
    let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p @ 1..=38), Ok(s)) => NumericForm::Decimal128(p, s),
        (Ok(p @ 39..=76), Ok(s)) => NumericForm::Decimal256(p, s),
        _ => match mode {
            NumericMode::Float8 => NumericForm::Float8,
            _ => NumericForm::Text,
        },
    }
}

#[cfg(test)]
mod tests;
