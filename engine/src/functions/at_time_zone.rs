//! `time AT TIME ZONE zone`.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone, Utc};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowTimestampType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_source::ErrorExt;
use headwater_source::arrow_types::units_per_second;

/// Name of the function.
pub(crate) const NAME: &str = "at_time_zone";
/// Zone of the instants that it makes.
const UTC: &str = "UTC";

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(AtTimeZone { signature: Signature::user_defined(Volatility::Immutable) })
}

/// `at_time_zone(time, zone)`: what the clocks of a zone show at an instant (a timestamp with time zone), or the instant at which
/// they show a timestamp without one. A date and a text are instants. A clock that is put back shows a time twice, of which the
/// second is taken; one that is put forward leaves times out, which are counted on from before.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AtTimeZone {
    signature: Signature,
}

impl ScalarUDFImpl for AtTimeZone {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [time, zone] = types else { return Err(wrong()) };
        let time = match time {
            DataType::Timestamp(..) => time.clone(),
            DataType::Null | DataType::Date32 | DataType::Date64 => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
            }
            text if text.is_string() => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            _ => return Err(wrong()),
        };
        if zone.is_string() || zone.is_null() { Ok(vec![time, DataType::Utf8]) } else { Err(wrong()) }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Timestamp(unit, Some(_)), _] => Ok(DataType::Timestamp(*unit, None)),
            [DataType::Timestamp(unit, None), _] => Ok(DataType::Timestamp(*unit, Some(UTC.into()))),
            _ => Err(wrong()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let [time, zone] = args.args.as_slice() else { return Err(wrong()) };
        let rows = if scalar { 1 } else { args.number_rows };
        let zones = match zone {
            ColumnarValue::Scalar(value) => Zones::One(value.try_as_str().flatten().map(parsed).transpose()?),
            ColumnarValue::Array(array) => Zones::Each(Arc::clone(array)),
        };
        let times = time.to_array(rows)?;
        let moved = match times.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => moved::<TimestampSecondType>(&times, &zones),
            DataType::Timestamp(TimeUnit::Millisecond, _) => moved::<TimestampMillisecondType>(&times, &zones),
            DataType::Timestamp(TimeUnit::Microsecond, _) => moved::<TimestampMicrosecondType>(&times, &zones),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => moved::<TimestampNanosecondType>(&times, &zones),
            _ => Err(wrong()),
        }?;
        if scalar {
            return ScalarValue::try_from_array(&moved, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(moved))
    }
}

/// Time zones of rows.
enum Zones {
    One(Option<Tz>),
    Each(ArrayRef),
}

impl Zones {
    fn of(&self, row: usize) -> Result<Option<Tz>> {
        match self {
            Self::One(zone) => Ok(*zone),
            Self::Each(texts) => {
                let texts = texts.as_string_opt::<i32>().ok_or_else(wrong)?;
                if texts.is_null(row) { Ok(None) } else { parsed(texts.value(row)).map(Some) }
            }
        }
    }
}

fn parsed(name: &str) -> Result<Tz> {
    name.parse().map_err(|_| {
        Error::invalid(format!("\"{name}\" is no time zone; use a name such as Europe/Berlin or +02:00")).into_datafusion()
    })
}

fn moved<T: ArrowTimestampType>(times: &ArrayRef, zones: &Zones) -> Result<ArrayRef> {
    let per_second = units_per_second(T::UNIT);
    let times = times.as_primitive_opt::<T>().ok_or_else(wrong)?;
    let instants = matches!(times.data_type(), DataType::Timestamp(_, Some(_)));
    let mut out = Vec::with_capacity(times.len());
    for row in 0..times.len() {
        let zone = if times.is_null(row) { None } else { zones.of(row)? };
        let Some(zone) = zone else {
            out.push(None);
            continue;
        };
        let ticks = times.value(row);
        let seconds = offset(zone, ticks.div_euclid(per_second), instants).ok_or_else(|| outside(ticks / per_second))?;
        let shift = if instants { seconds } else { -seconds };
        let shifted = shift.checked_mul(per_second).and_then(|s| ticks.checked_add(s));
        out.push(Some(shifted.ok_or_else(|| outside(ticks / per_second))?));
    }
    let array: PrimitiveArray<T> = out.into_iter().collect();
    let zone = (!instants).then(|| UTC.into());
    Ok(Arc::new(array.with_timezone_opt::<Arc<str>>(zone)))
}

/// Seconds that the zone's clocks are ahead of UTC, at an instant or when they show a time.
fn offset(zone: Tz, seconds: i64, instant: bool) -> Option<i64> {
    let time: NaiveDateTime = DateTime::<Utc>::from_timestamp(seconds, 0)?.naive_utc();
    let found = match (instant, zone.offset_from_local_datetime(&time)) {
        (true, _) => zone.offset_from_utc_datetime(&time),
        (false, chrono::LocalResult::Single(one)) => one,
        (false, chrono::LocalResult::Ambiguous(_, second)) => second,
        (false, chrono::LocalResult::None) => {
            zone.offset_from_local_datetime(&time.checked_sub_signed(Duration::days(1))?).latest()?
        }
    };
    Some(i64::from(found.fix().local_minus_utc()))
}

fn outside(seconds: i64) -> DataFusionError {
    Error::invalid(format!("AT TIME ZONE: a time {seconds} s from 1970 is outside the range of timestamps"))
        .into_datafusion()
}

fn wrong() -> DataFusionError {
    Error::invalid("AT TIME ZONE takes a timestamp and the name of a time zone as a text").into_datafusion()
}
