//! Dates and times: from Postgres's epoch (2000-01-01) and infinities to Arrow's, and back.

use arrow::datatypes::IntervalMonthDayNano;

use super::fault::Fault;
use super::options::Unrepresentable;
use super::reader::{Reader, exact};

/// Days from 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;
/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;
/// 0001-01-01 and 9999-12-31, in days from 1970-01-01.
const DAY_FIRST: i32 = -719_162;
const DAY_LAST: i32 = 2_932_896;

/// What stands for a value that Arrow cannot hold; `None` is null.
fn stand_in<T>(policy: Unrepresentable, clamped: T) -> Result<Option<T>, Fault> {
    match policy {
        Unrepresentable::Error => Err(Fault::Infinity),
        Unrepresentable::Null => Ok(None),
        Unrepresentable::Clamp => Ok(Some(clamped)),
    }
}

/// Days from 1970-01-01.
#[inline]
pub(super) fn date(value: &[u8], policy: Unrepresentable) -> Result<Option<i32>, Fault> {
    match i32::from_be_bytes(exact(value)?) {
        i32::MAX => stand_in(policy, DAY_LAST),
        i32::MIN => stand_in(policy, DAY_FIRST),
        days => days.checked_add(EPOCH_DAYS).map(Some).ok_or(Fault::TemporalRange),
    }
}

/// Microseconds from 1970-01-01.
#[inline]
pub(super) fn timestamp(value: &[u8], policy: Unrepresentable) -> Result<Option<i64>, Fault> {
    match i64::from_be_bytes(exact(value)?) {
        i64::MAX => stand_in(policy, i64::from(DAY_LAST) * DAY_MICROS + DAY_MICROS - 1),
        i64::MIN => stand_in(policy, i64::from(DAY_FIRST) * DAY_MICROS),
        micros => micros.checked_add(EPOCH_MICROS).map(Some).ok_or(Fault::TemporalRange),
    }
}

/// Microseconds since midnight. Postgres has 24:00:00, Arrow has not.
pub(super) fn time(value: &[u8], policy: Unrepresentable) -> Result<Option<i64>, Fault> {
    match i64::from_be_bytes(exact(value)?) {
        DAY_MICROS => stand_in(policy, DAY_MICROS - 1),
        micros @ 0..DAY_MICROS => Ok(Some(micros)),
        _ => Err(Fault::Frame("time of day")),
    }
}

/// Microseconds, days, months. All three at their largest (smallest) is infinity, from Postgres 17 on.
pub(super) fn interval(value: &[u8], policy: Unrepresentable) -> Result<Option<IntervalMonthDayNano>, Fault> {
    let mut reader = Reader::new(value);
    let (micros, days, months) = (reader.i64()?, reader.i32()?, reader.i32()?);
    reader.end()?;
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => stand_in(policy, IntervalMonthDayNano::new(i32::MAX, i32::MAX, i64::MAX)),
        (i64::MIN, i32::MIN, i32::MIN) => stand_in(policy, IntervalMonthDayNano::new(i32::MIN, i32::MIN, i64::MIN)),
        _ => {
            let nanos = micros.checked_mul(1000).ok_or(Fault::TemporalRange)?;
            Ok(Some(IntervalMonthDayNano::new(months, days, nanos)))
        }
    }
}

const WRITE_RANGE: Fault =
    Fault::Write("a date, timestamp or interval is outside the range of Postgres, or finer than a microsecond");

/// Days from 2000-01-01.
pub(super) fn to_date(days: i32) -> Result<i32, Fault> {
    // The smallest and largest numbers stand for infinity.
    days.checked_sub(EPOCH_DAYS).filter(|d| *d != i32::MIN).ok_or(WRITE_RANGE)
}

/// Microseconds from 2000-01-01.
pub(super) fn to_timestamp(micros: i64) -> Result<i64, Fault> {
    micros.checked_sub(EPOCH_MICROS).filter(|m| *m != i64::MIN).ok_or(WRITE_RANGE)
}

/// Microseconds, days and months.
pub(super) fn to_interval(value: IntervalMonthDayNano) -> Result<[u8; 16], Fault> {
    if value.nanoseconds % 1000 != 0 {
        return Err(WRITE_RANGE);
    }
    let mut sent = [0; 16];
    sent[..8].copy_from_slice(&(value.nanoseconds / 1000).to_be_bytes());
    sent[8..12].copy_from_slice(&value.days.to_be_bytes());
    sent[12..].copy_from_slice(&value.months.to_be_bytes());
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_follow_the_option() {
        use Unrepresentable::{Clamp, Error, Null};
        let infinite = i64::MAX.to_be_bytes();
        assert_eq!(timestamp(&infinite, Error), Err(Fault::Infinity));
        assert_eq!(timestamp(&infinite, Null), Ok(None));
        assert_eq!(timestamp(&infinite, Clamp), Ok(Some(253_402_300_799_999_999)));
        assert_eq!(timestamp(&i64::MIN.to_be_bytes(), Clamp), Ok(Some(-62_135_596_800_000_000)));
        assert_eq!(date(&i32::MIN.to_be_bytes(), Clamp), Ok(Some(DAY_FIRST)));
        assert_eq!(time(&DAY_MICROS.to_be_bytes(), Error), Err(Fault::Infinity));
        assert_eq!(time(&DAY_MICROS.to_be_bytes(), Clamp), Ok(Some(DAY_MICROS - 1)));
        assert!(time(&(-1i64).to_be_bytes(), Null).is_err() && time(&(DAY_MICROS + 1).to_be_bytes(), Null).is_err());
    }

    #[test]
    fn a_value_outside_arrow_is_an_error_under_every_option() {
        for policy in [Unrepresentable::Error, Unrepresentable::Null, Unrepresentable::Clamp] {
            assert_eq!(timestamp(&(i64::MAX - 1).to_be_bytes(), policy), Err(Fault::TemporalRange));
            assert_eq!(date(&(i32::MAX - 1).to_be_bytes(), policy), Err(Fault::TemporalRange));
            let long = [&(i64::MAX / 1000 + 1).to_be_bytes()[..], &[0; 8]].concat();
            assert_eq!(interval(&long, policy), Err(Fault::TemporalRange));
        }
    }
}
