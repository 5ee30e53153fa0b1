//! The shop's data, the same on every machine.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::parquet::arrow::ArrowWriter;
use headwater_common::{Error, Result};

const ORDERS: usize = 200_000;
const CUSTOMERS: i64 = 20_000;
const PRODUCTS: i64 = 500;
const HOURS: usize = 8_760;
const SENSORS: usize = 10;
/// 2025-01-01 00:00:00 UTC, in microseconds.
const START: i64 = 1_735_689_600_000_000;
const HOUR: i64 = 3_600_000_000;

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number in `[0, below)`.
    fn below(&mut self, below: i64) -> i64 {
        (self.next() % below.unsigned_abs().max(1)).cast_signed()
    }

    /// A number in `[0, 1)`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Every table by name.
pub(super) fn tables() -> Result<Vec<(&'static str, RecordBatch)>> {
    let mut random = Random(20_250_101);
    Ok(vec![
        ("customers", customers(&mut random)?),
        ("products", products(&mut random)?),
        ("orders", orders(&mut random)?),
        ("readings", readings(&mut random)?),
    ])
}

/// Writes one table as Parquet.
pub(super) fn write(path: &Path, batch: &RecordBatch) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::invalid(format!("cannot write {}: {e}", path.display()));
    let file = std::fs::File::create(path).map_err(|e| failed(&e))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(|e| failed(&e))?;
    writer.write(batch).map_err(|e| failed(&e))?;
    writer.close().map(drop).map_err(|e| failed(&e))
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> Result<RecordBatch> {
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| Error::internal(e.to_string()))
}

fn money(cents: impl Iterator<Item = i64>) -> Result<ArrayRef> {
    let values = Decimal128Array::from_iter_values(cents.map(i128::from)).with_precision_and_scale(12, 2);
    Ok(Arc::new(values.map_err(|e| Error::internal(e.to_string()))?))
}

fn times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn customers(random: &mut Random) -> Result<RecordBatch> {
    let countries = ["AT", "BR", "CA", "DE", "FR", "IN", "JP", "PL", "SE", "US"];
    let first = ["Ada", "Björn", "Chiara", "Dmitri", "Élise", "Farid", "Grace", "Hana", "Ivo", "Jun"];
    let last = ["Almeida", "Bauer", "Costa", "Dvořák", "Eriksson", "Fischer", "García", "Haddad", "Ito", "Jansen"];
    let pick = |random: &mut Random, of: &[&'static str]| of[usize::try_from(random.below(10)).unwrap_or(0)];
    let names: Vec<String> =
        (0..CUSTOMERS).map(|i| format!("{} {} {i}", pick(random, &first), pick(random, &last))).collect();
    let country: Vec<Option<&str>> =
        (0..CUSTOMERS).map(|_| (random.below(50) > 0).then(|| pick(random, &countries))).collect();
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..CUSTOMERS)), false),
        ("name", Arc::new(StringArray::from(names)), false),
        ("country", Arc::new(StringArray::from(country)), true),
    ])
}

fn products(random: &mut Random) -> Result<RecordBatch> {
    let prices: Vec<i64> = (0..PRODUCTS).map(|_| 199 + random.below(20_000)).collect();
    let names = (0..PRODUCTS).map(|i| format!("Product {i:03}"));
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..PRODUCTS)), false),
        ("name", Arc::new(StringArray::from_iter_values(names)), false),
        ("price", money(prices.into_iter())?, false),
    ])
}

fn orders(random: &mut Random) -> Result<RecordBatch> {
    let year = 365 * 24 * HOUR;
    // Later in the year there are more orders, and some customers order more than others.
    let at: Vec<i64> = (0..ORDERS).map(|_| START + (random.unit().sqrt() * year as f64) as i64).collect();
    let customer: Vec<i64> = (0..ORDERS).map(|_| (random.unit().powi(2) * CUSTOMERS as f64) as i64).collect();
    // The last products are new: nobody has ordered them.
    let product: Vec<i64> = (0..ORDERS).map(|_| random.below(PRODUCTS - 7)).collect();
    let amount: Vec<i64> = (0..ORDERS).map(|_| 199 + random.below(40_000)).collect();
    let coupon: Vec<Option<&str>> = (0..ORDERS).map(|_| (random.below(10) == 0).then_some("WELCOME")).collect();
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..ORDERS as i64)), false),
        ("customer_id", Arc::new(Int64Array::from(customer)), false),
        ("product_id", Arc::new(Int64Array::from(product)), false),
        ("amount", money(amount.into_iter())?, false),
        ("coupon", Arc::new(StringArray::from(coupon)), true),
        ("ordered_at", times(at), false),
    ])
}

fn readings(random: &mut Random) -> Result<RecordBatch> {
    let rows = SENSORS * HOURS;
    let (mut sensor, mut at, mut value) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let (s, hour) = (row / HOURS, row % HOURS);
        let daily = (hour % 24) as f64 / 24.0 * std::f64::consts::TAU;
        let yearly = hour as f64 / HOURS as f64 * std::f64::consts::TAU;
        let spike = if random.below(4_000) == 0 { 40.0 } else { 0.0 };
        let level = 20.0 + s as f64 + 8.0 * yearly.sin() + 3.0 * daily.sin() + random.unit() + spike;
        sensor.push(format!("s{s}"));
        at.push(START + hour as i64 * HOUR);
        value.push((random.below(500) > 0).then_some((level * 100.0).round() / 100.0));
    }
    batch(vec![
        ("sensor", Arc::new(StringArray::from(sensor)), false),
        ("at", times(at), false),
        ("value", Arc::new(Float64Array::from(value)), true),
    ])
}
