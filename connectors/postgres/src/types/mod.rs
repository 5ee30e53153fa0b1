//! Postgres types: the Arrow type of each, and the binary COPY format in both directions.
//!
//! | Postgres | Arrow |
//! |---|---|
//! | bool, int2, int4, int8, float4, float8 | Boolean, Int16, Int32, Int64, Float32, Float64 |
//! | oid, xid, cid, reg... / xid8 | UInt32 / UInt64 |
//! | numeric(p, s) | Decimal128 up to p = 38, Decimal256 up to 76 |
//! | numeric | Decimal128(38, 20) (option `numeric`); a value that does not fit is an error |
//! | numeric(p, s), p above 76 | Utf8 |
//! | money | Decimal128(19, 2) |
//! | text, varchar, char, name, citext, xml, json, jsonb, uuid, inet, cidr, macaddr, bit, varbit, timetz, "char" | Utf8 |
//! | bytea | Binary |
//! | date, time, timestamp, timestamptz | Date32, Time64(us), Timestamp(us), Timestamp(us, UTC) |
//! | interval | Interval(MonthDayNano) |
//! | array | List, nested by the declared dimensions (option `arrays`) |
//! | enum | Dictionary(Int32, Utf8) |
//! | composite | Struct |
//! | range / multirange | Struct{lower, upper, lower_inclusive, upper_inclusive, empty} / List of it |
//! | point, lseg, path, polygon, PostGIS geometry and geography | Binary (WKB, EWKB for PostGIS) |
//! | domain | as its base type |
//! | everything else | Utf8, cast to text by the server ([`Wire::CastToText`]) |

mod catalog;
mod decode;
mod encode;
mod fault;
mod literal;
mod numeric;
mod options;
mod pg_type;
mod reader;
mod temporal;
mod text_form;
mod wkb;

pub use catalog::{TypeCatalog, TypeRow};
pub use decode::CopyDecoder;
pub use encode::CopyEncoder;
pub use literal::parse_array_literal;
pub use options::{ArrayMode, NumericMode, TypeOptions, Unrepresentable};
pub use pg_type::{CopyIn, NumericForm, PgAttribute, PgKind, PgType, Wire};
