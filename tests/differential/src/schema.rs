//! The tables that every source has: the same columns, different rows.

use crate::random::Random;
use crate::value::{Type, Value};

/// A column name that needs quoting everywhere.
pub(crate) const AWKWARD_NAME: &str = "v'\"\\é";

/// A column whose values are ids of the first table.
pub(crate) const REFERENCE: &str = "p";

/// A column of every table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    /// Values small enough that sums of them are exact and do not overflow.
    pub(crate) tame: bool,
    /// Whether ClickHouse has it: all other sources do.
    pub(crate) everywhere: bool,
}

const fn column(name: &'static str, ty: Type, tame: bool) -> Column {
    Column { name, ty, tame, everywhere: true }
}

/// A column with a type or with values that ClickHouse does not have.
const fn elsewhere(name: &'static str, ty: Type) -> Column {
    Column { name, ty, tame: false, everywhere: false }
}

/// `id` is unique and not null; `p` refers to the first table's; `z` holds signed zeros; `d` and `tz` stay within the years 1900 to 2299.
pub(crate) const COLUMNS: [Column; 19] = [
    column("id", Type::Int8, true),
    column(REFERENCE, Type::Int8, true),
    column("k", Type::Int4, true),
    column("i2", Type::Int2, true),
    column("i4", Type::Int4, false),
    column("i8", Type::Int8, false),
    column("g", Type::Float, true),
    column("f", Type::Float, false),
    column("z", Type::Float, false),
    column("n", Type::Decimal, true),
    column("b", Type::Bool, false),
    column("s", Type::Text, false),
    column(AWKWARD_NAME, Type::Text, false),
    column("d", Type::Date, false),
    elsewhere("dw", Type::Date),
    elsewhere("ts", Type::Timestamp),
    column("tz", Type::Instant, false),
    elsewhere("y", Type::Bytes),
    column("u", Type::Uuid, false),
];

/// Names of the tables.
pub(crate) const TABLES: [&str; 4] = ["t1", "t2", "t3", "t4"];

/// One table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// Texts that engines like to treat differently.
pub(crate) const TEXTS: [&str; 28] = [
    "",
    "a",
    "A",
    "b",
    "B",
    "ab",
    "aB",
    " a",
    "a ",
    "a  ",
    "é",
    "É",
    "e\u{301}",
    "ß",
    "Z",
    "z",
    "a'b",
    "a''b",
    "a\\b",
    "a\\'b",
    "'\\",
    "a%",
    "a_b",
    "%",
    "_",
    "日本",
    "\u{1f600}",
    "10",
];

/// Random rows for all tables; some tables are empty or have one row.
pub(crate) fn tables(random: &mut Random) -> Vec<Table> {
    let sizes = [8 + random.below(17), 6 + random.below(12), random.below(2), 1 + random.below(8)];
    let table = |(name, size): (&'static str, usize), random: &mut Random| {
        let mut rows = Vec::with_capacity(size);
        for id in 0..size {
            let row = COLUMNS.iter().map(|c| value(random, c, id, sizes[0])).collect();
            rows.push(row);
        }
        Table { name, rows }
    };
    TABLES.into_iter().zip(sizes).map(|t| table(t, random)).collect()
}

/// A random value for a literal of a type.
pub(crate) fn literal(random: &mut Random, ty: Type, tame: bool) -> Value {
    if random.chance(4) {
        return Value::Null;
    }
    match ty {
        Type::Bool => Value::Bool(random.chance(50)),
        Type::Int2 | Type::Int4 | Type::Int8 if tame || random.chance(70) => Value::Int(random.below(12) as i64 - 3),
        Type::Int2 => Value::Int(*random.pick(&[i64::from(i16::MIN), i64::from(i16::MAX), 100])),
        Type::Int4 => Value::Int(*random.pick(&[i64::from(i32::MIN), i64::from(i32::MAX), 100_000])),
        Type::Int8 => Value::Int(*random.pick(&[i64::MIN, i64::MAX, 1 << 40])),
        Type::Float if tame || random.chance(60) => Value::Float((random.below(41) as f64 - 20.0) / 4.0),
        Type::Float => Value::Float(*random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 5e-324])),
        Type::Decimal if tame || random.chance(70) => Value::Decimal(i128::from(random.below(41) as i64 - 20) * 2_500),
        Type::Decimal => Value::Decimal(*random.pick(&[999_999_999_999_999_999, -999_999_999_999_999_999, 1, -1])),
        Type::Text => Value::Text((*random.pick(&TEXTS)).to_owned()),
        Type::Date => Value::Date(*random.pick(&[0, 19_782, -1, 2_932_896, -141_418, 11_016, 19_783])),
        Type::Timestamp | Type::Instant => Value::Timestamp(timestamp(random)),
        Type::Bytes => Value::Bytes(random.pick(&[&b""[..], b"\0", b"\0\xff", b"\xff", b"'\\", b"a"]).to_vec()),
        Type::Uuid => Value::Uuid(
            (*random.pick(&[
                "550e8400-e29b-41d4-a716-446655440000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "00000000-0000-0000-0000-000000000000",
                "0a000000-0000-0000-0000-000000000001",
            ]))
            .to_owned(),
        ),
    }
}

fn timestamp(random: &mut Random) -> i64 {
    *random.pick(&[0, -1, 1_709_251_199_999_999, 253_402_300_799_999_999, -12_218_515_200_000_000, 951_782_400_000_000, 1])
}

fn value(random: &mut Random, column: &Column, id: usize, parents: usize) -> Value {
    if column.name == "id" {
        return Value::Int(id as i64);
    }
    if random.chance(18) {
        return Value::Null;
    }
    match column.name {
        REFERENCE => Value::Int(random.below(parents) as i64),
        "k" => Value::Int(random.below(9) as i64 - 2),
        "g" => Value::Float((random.below(17) as f64 - 8.0) / 4.0),
        "z" => Value::Float(*random.pick(&[0.0, -0.0, 1.0, f64::NAN])),
        // Before the common era and beyond what nanoseconds reach; literals stay within four-digit years.
        "dw" if random.chance(20) => Value::Date(*random.pick(&[-735_598, -2_440_588 + 1_000, 2_932_897])),
        "ts" if random.chance(20) => Value::Timestamp(*random.pick(&[-63_555_667_200_000_001, 253_402_300_800_000_000])),
        // All that ClickHouse's types reach.
        "d" => Value::Date(*random.pick(&[0, 19_782, -1, -25_567, 120_529, 11_016, 19_783])),
        "tz" => Value::Timestamp(*random.pick(&[
            0,
            -1,
            1_709_251_199_999_999,
            10_413_791_999_999_999,
            -2_208_988_800_000_000,
            951_782_400_000_000,
            1,
        ])),
        _ => literal(random, column.ty, false),
    }
}
