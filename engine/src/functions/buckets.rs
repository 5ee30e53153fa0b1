//! `date_trunc` and `date_bin` over the whole range of timestamps. DataFusion's compute with nanoseconds, where times before 1677
//! and after 2262 are errors or NULL.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowTimestampType, DataType, Field, FieldRef, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions::datetime;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use headwater_source::arrow_types::units_per_second;

use super::rule::{invalid, missing};

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// 1970-01-01 was a Thursday: so many days after a Monday.
const MONDAY_BEFORE_EPOCH: i64 = 3;
const SECONDS_A_DAY: i64 = 86_400;

/// Both functions.
pub(super) fn all() -> [ScalarUDF; 2] {
    let signature = || Signature::user_defined(Volatility::Immutable);
    let bucket = |within, arguments, compute| {
        ScalarUDF::new_from_impl(Bucket { within, arguments, compute, signature: signature() })
    };
    [bucket(datetime::date_trunc(), truncated_types, truncated), bucket(datetime::date_bin(), binned_types, binned)]
}

/// A function over timestamps; what it says of itself, and times of day, are DataFusion's.
struct Bucket {
    within: Arc<ScalarUDF>,
    /// The types that its arguments are cast to; `None` for those that DataFusion takes or refuses.
    arguments: fn(&[DataType]) -> Option<Vec<DataType>>,
    compute: fn(&ScalarFunctionArgs) -> Result<ArrayRef>,
    signature: Signature,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.within.name()).finish()
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Self) -> bool {
        self.within == other.within
    }
}

impl Eq for Bucket {}

impl Hash for Bucket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.within.hash(state);
    }
}

impl ScalarUDFImpl for Bucket {
    fn name(&self) -> &str {
        self.within.name()
    }

    fn aliases(&self) -> &[String] {
        self.within.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if let Some(coerced) = (self.arguments)(types) {
            return Ok(coerced);
        }
        let fields: Vec<FieldRef> = types.iter().map(|t| Arc::new(Field::new("", t.clone(), true))).collect();
        let coerced = datafusion::logical_expr::type_coercion::functions::fields_with_udf(&fields, self.within.as_ref())?;
        Ok(coerced.iter().map(|f| f.data_type().clone()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.get(1).cloned().ok_or_else(missing)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let time = args.arg_fields.get(1).ok_or_else(missing)?.data_type().clone();
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), time, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if !matches!(args.args.get(1).map(ColumnarValue::data_type), Some(DataType::Timestamp(..))) {
            return self.within.invoke_with_args(args);
        }
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let computed = (self.compute)(&args)?;
        if constant {
            ScalarValue::try_from_array(&computed, 0).map(ColumnarValue::Scalar)
        } else {
            Ok(ColumnarValue::Array(computed))
        }
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        self.within.output_ordering(input)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.within.documentation()
    }
}

/// Dates and texts are timestamps of microseconds, as everywhere.
fn as_timestamp(time: &DataType) -> Option<DataType> {
    match time {
        DataType::Timestamp(..) => Some(time.clone()),
        DataType::Date32 | DataType::Date64 | DataType::Null => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        text if text.is_string() => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        _ => None,
    }
}

fn truncated_types(types: &[DataType]) -> Option<Vec<DataType>> {
    let [unit, time] = types else { return None };
    (unit.is_string() || unit.is_null()).then(|| as_timestamp(time).map(|time| vec![DataType::Utf8, time])).flatten()
}

fn binned_types(types: &[DataType]) -> Option<Vec<DataType>> {
    let (width, times) = types.split_first()?;
    let width_fits = matches!(width, DataType::Interval(_) | DataType::Duration(_) | DataType::Null) || width.is_string();
    if !width_fits || times.is_empty() || times.len() > 2 {
        return None;
    }
    let times: Option<Vec<DataType>> = times.iter().map(as_timestamp).collect();
    times.map(|times| std::iter::once(INTERVAL).chain(times).collect())
}

/// Each timestamp as another one.
fn each(
    times: &ArrayRef,
    change: impl Fn(i64, i64) -> Option<i64>,
    failed: impl Fn() -> datafusion::error::DataFusionError,
) -> Result<ArrayRef> {
    fn changed<T: ArrowTimestampType>(
        times: &ArrayRef,
        change: impl Fn(i64, i64) -> Option<i64>,
        failed: impl Fn() -> datafusion::error::DataFusionError,
    ) -> Result<ArrayRef> {
        let a_second = units_per_second(T::UNIT);
        let array = times.as_primitive_opt::<T>().ok_or_else(missing)?;
        let made: PrimitiveArray<T> = array.try_unary(|t| change(t, a_second).ok_or_else(&failed))?;
        Ok(Arc::new(made.with_data_type(times.data_type().clone())))
    }
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => changed::<TimestampSecondType>(times, change, failed),
        DataType::Timestamp(TimeUnit::Millisecond, _) => changed::<TimestampMillisecondType>(times, change, failed),
        DataType::Timestamp(TimeUnit::Microsecond, _) => changed::<TimestampMicrosecondType>(times, change, failed),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => changed::<TimestampNanosecondType>(times, change, failed),
        _ => Err(missing()),
    }
}

fn zone_of(time: &DataType) -> Result<Option<Tz>> {
    match time {
        DataType::Timestamp(_, Some(zone)) if !["UTC", "+00:00", "Z"].contains(&zone.as_ref()) => Ok(Some(zone.parse()?)),
        _ => Ok(None),
    }
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    /// So many of them are a second.
    Part(i64),
    /// So many seconds.
    Seconds(i64),
    Week,
    /// So many months of a year.
    Months(u32),
    /// So many years; those of more than ten begin with their first year, as 2001.
    Years(i32),
}

fn unit(name: &str) -> Option<Unit> {
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "microsecond" | "microseconds" => Unit::Part(1_000_000),
        "millisecond" | "milliseconds" => Unit::Part(1_000),
        "second" | "seconds" => Unit::Seconds(1),
        "minute" | "minutes" => Unit::Seconds(60),
        "hour" | "hours" => Unit::Seconds(3_600),
        "day" | "days" => Unit::Seconds(SECONDS_A_DAY),
        "week" | "weeks" => Unit::Week,
        "month" | "months" => Unit::Months(1),
        "quarter" | "quarters" => Unit::Months(3),
        "year" | "years" => Unit::Years(1),
        "decade" | "decades" => Unit::Years(10),
        "century" | "centuries" => Unit::Years(100),
        "millennium" | "millennia" | "millenniums" => Unit::Years(1_000),
        _ => return None,
    })
}

fn truncated(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let [name, times] = args.args.as_slice() else { return Err(missing()) };
    let ColumnarValue::Scalar(name) = name else {
        return Err(invalid("the unit of date_trunc must be the same for all rows"));
    };
    let rows = if matches!(times, ColumnarValue::Scalar(_)) { 1 } else { args.number_rows };
    let times = times.to_array(rows)?;
    let Some(name) = name.try_as_str().flatten() else {
        return Ok(datafusion::arrow::array::new_null_array(times.data_type(), rows));
    };
    let unit = unit(name).ok_or_else(|| {
        invalid(
            "date_trunc knows microsecond, millisecond, second, minute, hour, day, week, month, quarter, year, decade, \
             century and millennium",
        )
    })?;
    let zone = zone_of(times.data_type())?;
    let cut = |time: i64, a_second: i64| match (zone, unit) {
        // The offsets of zones are whole minutes as far as they are known.
        (_, Unit::Part(_) | Unit::Seconds(1 | 60)) | (None, Unit::Seconds(_) | Unit::Week) => floor(time, a_second, unit),
        (None, _) => ticks(floor_date(date_time(time, a_second)?.date(), unit)?.and_time(chrono::NaiveTime::MIN), a_second),
        (Some(zone), _) => in_zone(time, a_second, zone, unit),
    };
    each(&times, cut, || invalid("date_trunc leaves the range of timestamps"))
}

/// Units that are the same length everywhere.
fn floor(time: i64, a_second: i64, unit: Unit) -> Option<i64> {
    let (width, shift) = match unit {
        Unit::Part(parts) => ((a_second / parts).max(1), 0),
        Unit::Seconds(seconds) => (a_second * seconds, 0),
        Unit::Week => (a_second * SECONDS_A_DAY * 7, a_second * SECONDS_A_DAY * MONDAY_BEFORE_EPOCH),
        Unit::Months(_) | Unit::Years(_) => return None,
    };
    let (time, width, shift) = (i128::from(time), i128::from(width), i128::from(shift));
    i64::try_from((time + shift).div_euclid(width) * width - shift).ok()
}

fn floor_date(date: NaiveDate, unit: Unit) -> Option<NaiveDate> {
    match unit {
        Unit::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))),
        Unit::Months(months) => NaiveDate::from_ymd_opt(date.year(), (date.month0() / months) * months + 1, 1),
        Unit::Years(years @ (1 | 10)) => NaiveDate::from_ymd_opt(date.year().div_euclid(years) * years, 1, 1),
        Unit::Years(years) => NaiveDate::from_ymd_opt((date.year() - 1).div_euclid(years) * years + 1, 1, 1),
        Unit::Part(_) | Unit::Seconds(_) => Some(date),
    }
}

fn date_time(time: i64, a_second: i64) -> Option<NaiveDateTime> {
    let rest = u32::try_from(time.rem_euclid(a_second) * (1_000_000_000 / a_second)).ok()?;
    Some(DateTime::from_timestamp(time.div_euclid(a_second), rest)?.naive_utc())
}

fn ticks(time: NaiveDateTime, a_second: i64) -> Option<i64> {
    let time = time.and_utc();
    let parts = i64::from(time.timestamp_subsec_nanos()) / (1_000_000_000 / a_second);
    time.timestamp().checked_mul(a_second)?.checked_add(parts)
}

/// What the clocks of a zone show, truncated, as an instant. Of two instants the one with the offset of before is taken; a time
/// that the clocks leave out is counted on from before.
fn in_zone(time: i64, a_second: i64, zone: Tz, unit: Unit) -> Option<i64> {
    let utc = date_time(time, a_second)?;
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    let local = utc.checked_add_offset(offset)?;
    let cut = match unit {
        Unit::Seconds(_) => date_time(floor(ticks(local, 1)?, 1, unit)?, 1)?,
        _ => floor_date(local.date(), unit)?.and_time(chrono::NaiveTime::MIN),
    };
    let instant = match zone.from_local_datetime(&cut) {
        LocalResult::Single(instant) => instant.naive_utc(),
        LocalResult::Ambiguous(one, other) => if one.offset().fix() == offset { one } else { other }.naive_utc(),
        LocalResult::None => {
            let before = cut.checked_sub_signed(Duration::hours(3))?;
            zone.from_local_datetime(&before).single()?.naive_utc().checked_add_signed(Duration::hours(3))?
        }
    };
    ticks(instant, a_second)
}

fn binned(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let [width, times, origin @ ..] = args.args.as_slice() else { return Err(missing()) };
    let fixed = |value: &ColumnarValue| match value {
        ColumnarValue::Scalar(value) => value.to_array(),
        ColumnarValue::Array(_) => Err(invalid("the width and the origin of date_bin must be the same for all rows")),
    };
    let rows = if matches!(times, ColumnarValue::Scalar(_)) { 1 } else { args.number_rows };
    let times = times.to_array(rows)?;
    let width = fixed(width)?;
    let origin = origin.first().map(fixed).transpose()?;
    if width.is_null(0) || origin.as_ref().is_some_and(|o| o.is_null(0)) {
        return Ok(datafusion::arrow::array::new_null_array(times.data_type(), rows));
    }
    let width = width.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(missing)?.value(0);
    let origin = origin.as_ref().map_or(Ok(0), nanoseconds)?;
    let bin: Box<dyn Fn(i64, i64) -> Option<i64>> = match (width.months, fixed_nanoseconds(width)) {
        (0, nanoseconds) if nanoseconds > 0 => Box::new(move |time, a_second| {
            let tick = i128::from(1_000_000_000 / a_second);
            let begin = (i128::from(time) * tick - origin).div_euclid(nanoseconds) * nanoseconds + origin;
            i64::try_from(begin.div_euclid(tick)).ok()
        }),
        (months, 0) if months > 0 => {
            let origin = i64::try_from(origin.div_euclid(1_000_000_000))
                .ok()
                .zip(u32::try_from(origin.rem_euclid(1_000_000_000)).ok());
            let origin = origin.and_then(|(seconds, rest)| DateTime::from_timestamp(seconds, rest)).map(|t| t.naive_utc());
            let origin = origin.ok_or_else(|| invalid("the origin of date_bin is out of the range of timestamps"))?;
            Box::new(move |time, a_second| ticks(month_bin(date_time(time, a_second)?, origin, months)?, a_second))
        }
        (0, _) | (_, 0) => return Err(invalid("the width of date_bin must be above zero")),
        _ => return Err(invalid("the width of date_bin is months, or days and parts of them, and not both")),
    };
    each(&times, bin, || invalid("date_bin leaves the range of timestamps"))
}

fn fixed_nanoseconds(width: IntervalMonthDayNano) -> i128 {
    i128::from(width.days) * i128::from(SECONDS_A_DAY) * 1_000_000_000 + i128::from(width.nanoseconds)
}

fn nanoseconds(origin: &ArrayRef) -> Result<i128> {
    let DataType::Timestamp(unit, _) = origin.data_type() else { return Err(missing()) };
    let count = datafusion::arrow::compute::cast(origin, &DataType::Int64)?;
    let count = count.as_primitive_opt::<datafusion::arrow::datatypes::Int64Type>().ok_or_else(missing)?.value(0);
    Ok(i128::from(count) * i128::from(1_000_000_000 / units_per_second(*unit)))
}

/// The last time that is a multiple of so many months after an origin, and not after a time.
fn month_bin(time: NaiveDateTime, origin: NaiveDateTime, width: i32) -> Option<NaiveDateTime> {
    let months = |t: NaiveDateTime| i64::from(t.year()) * 12 + i64::from(t.month0());
    let width = i64::from(width);
    let moved = |by: i64| {
        let count = Months::new(u32::try_from(by.unsigned_abs()).ok()?);
        if by < 0 { origin.checked_sub_months(count) } else { origin.checked_add_months(count) }
    };
    let by = (months(time) - months(origin)).div_euclid(width) * width;
    let begin = moved(by)?;
    if begin > time { moved(by - width) } else { Some(begin) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros()
    }

    #[test]
    fn units_are_those_of_postgres() {
        let cut = |name: &str, text: &str| {
            let (time, unit) = (micros(text), unit(name).unwrap());
            floor(time, 1_000_000, unit).or_else(|| {
                ticks(floor_date(date_time(time, 1_000_000)?.date(), unit)?.and_time(chrono::NaiveTime::MIN), 1_000_000)
            })
        };
        for (name, text, begin) in [
            ("millisecond", "2024-02-29T13:14:15.123456", "2024-02-29T13:14:15.123"),
            ("hour", "1500-12-31T13:14:15.123456", "1500-12-31T13:00:00"),
            ("week", "2024-03-03T23:00:00", "2024-02-26T00:00:00"),
            ("week", "1969-12-29T00:00:00", "1969-12-29T00:00:00"),
            ("month", "9999-12-31T23:59:59", "9999-12-01T00:00:00"),
            ("quarter", "0001-06-30T00:00:01", "0001-04-01T00:00:00"),
            ("decade", "2019-06-30T00:00:01", "2010-01-01T00:00:00"),
            ("century", "2000-06-30T00:00:01", "1901-01-01T00:00:00"),
            ("millennium", "2001-06-30T00:00:01", "2001-01-01T00:00:00"),
        ] {
            assert_eq!(cut(name, text), Some(micros(begin)), "{name} {text}");
        }
        assert!(unit("fortnight").is_none());
    }

    #[test]
    fn clocks_that_move_are_followed() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let cut = |text: &str, name: &str| in_zone(micros(text), 1_000_000, zone, unit(name).unwrap());
        assert_eq!(cut("2024-03-31T10:30:00", "day"), Some(micros("2024-03-30T23:00:00")));
        assert_eq!(cut("2024-07-01T10:30:00", "month"), Some(micros("2024-06-30T22:00:00")));
        assert_eq!(cut("2024-10-27T00:30:00", "hour"), Some(micros("2024-10-27T00:00:00")));
        assert_eq!(cut("2024-10-27T01:30:00", "hour"), Some(micros("2024-10-27T01:00:00")));
    }

    #[test]
    fn bins_of_months_begin_at_the_origin() {
        let at = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        let origin = at("2000-01-15T12:00:00");
        assert_eq!(month_bin(at("2000-03-15T11:59:59"), origin, 1), Some(at("2000-02-15T12:00:00")));
        assert_eq!(month_bin(at("1999-12-31T00:00:00"), origin, 3), Some(at("1999-10-15T12:00:00")));
        assert_eq!(month_bin(origin, origin, 3), Some(origin));
    }
}
