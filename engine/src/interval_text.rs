//! Texts of intervals, as Postgres reads them.
//!
//! | form | example |
//! |---|---|
//! | numbers with units | `1 year 2 mons -3 days`, `@ 1 day ago`, `1.5 hours` |
//! | of SQL | `1-2` for years and months, `3 04:05:06` for days and time |
//! | of ISO 8601 | `P1Y2M3DT4H5M6S` |
//!
//! A unit behind the literal (`INTERVAL '3' DAY`) is that of a number without one, and cuts off what is smaller.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::functions::DAY_NS;

/// A unit of a literal, the smallest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// Parts of a number's unit: numbers are kept in billionths.
const ONE: i128 = 1_000_000_000;
const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;

/// The interval that a text says; `None` when it says none, or one that is too long. `fields` are the first and the last unit that
/// stand behind the literal.
pub(crate) fn parse(text: &str, fields: Option<(Unit, Unit)>) -> Option<IntervalMonthDayNano> {
    let text = text.trim().to_ascii_lowercase();
    let mut sum = Sum::default();
    match text.strip_prefix('p') {
        Some(iso) => sum.iso(iso)?,
        None => sum.words(&text, fields)?,
    }
    if let Some((_, last)) = fields {
        sum.cut(last);
    }
    sum.interval()
}

/// The same interval as a text that every reader of intervals takes.
pub(crate) fn plain(interval: IntervalMonthDayNano) -> String {
    format!("{} months {} days {} nanoseconds", interval.months, interval.days, interval.nanoseconds)
}

/// The text of the interval with the other sign; `None` when it would be too long.
pub(crate) fn negated(interval: IntervalMonthDayNano) -> Option<String> {
    let (months, days) = (interval.months.checked_neg()?, interval.days.checked_neg()?);
    Some(plain(IntervalMonthDayNano::new(months, days, interval.nanoseconds.checked_neg()?)))
}

#[derive(Debug, Default)]
struct Sum {
    months: i128,
    days: i128,
    time: i128,
}

impl Sum {
    /// Adds billionths of a unit. What is left of a month are days, of a day time; of longer units it is rounded to months.
    fn add(&mut self, value: i128, unit: &str) -> Option<()> {
        let years = |n: i128| value.checked_mul(12 * n).map(|v| (v + v.signum() * ONE / 2) / ONE);
        match unit.strip_suffix('s').filter(|u| !u.is_empty() && *u != "m" && *u != "u").unwrap_or(unit) {
            "millennium" | "mil" | "millennia" => self.months += years(1_000)?,
            "century" | "centurie" | "c" | "cent" => self.months += years(100)?,
            "decade" | "dec" => self.months += years(10)?,
            "year" | "y" | "yr" => self.months += years(1)?,
            "month" | "mon" => {
                self.months += value / ONE;
                self.add_days(value % ONE * 30)?;
            }
            "week" | "w" => self.add_days(value.checked_mul(7)?)?,
            "day" | "d" => self.add_days(value)?,
            "hour" | "h" | "hr" => self.add_time(value, HOUR)?,
            "minute" | "m" | "min" => self.add_time(value, MINUTE)?,
            "second" | "sec" | "s" | "" => self.add_time(value, SECOND)?,
            "millisecond" | "ms" | "msec" | "msecond" => self.add_time(value, 1_000_000)?,
            "microsecond" | "us" | "usec" | "usecond" => self.add_time(value, 1_000)?,
            "nanosecond" => self.add_time(value, 1)?,
            _ => return None,
        }
        Some(())
    }

    fn add_days(&mut self, value: i128) -> Option<()> {
        self.days += value / ONE;
        self.add_time(value % ONE, DAY_NS)
    }

    fn add_time(&mut self, value: i128, unit: i128) -> Option<()> {
        self.time = self.time.checked_add(value.checked_mul(unit)? / ONE)?;
        Some(())
    }

    /// `1y2m3dt4h5m6s`, behind the `p`.
    fn iso(&mut self, text: &str) -> Option<()> {
        let (date, time) = match text.split_once('t') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        if date.is_empty() && time.is_none_or(str::is_empty) {
            return None;
        }
        let units = |text: &str, known: [(&str, &str); 4], sum: &mut Self| {
            let mut rest = text;
            while !rest.is_empty() {
                let (value, behind) = number(rest)?;
                let letter = behind.get(..1)?;
                let (_, unit) = known.iter().find(|(short, _)| *short == letter)?;
                sum.add(value, unit)?;
                rest = behind.get(1..)?;
            }
            Some(())
        };
        units(date, [("y", "year"), ("m", "month"), ("w", "week"), ("d", "day")], self)?;
        units(time.unwrap_or(""), [("h", "hour"), ("m", "minute"), ("s", "second"), ("", "")], self)
    }

    fn words(&mut self, text: &str, fields: Option<(Unit, Unit)>) -> Option<()> {
        let text = text.strip_prefix('@').unwrap_or(text);
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let ago = words.last() == Some(&"ago");
        if ago {
            words.pop();
        }
        if words.is_empty() {
            return None;
        }
        let mut rest = words.as_slice();
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            let (sign, plain) = sign(word);
            if plain.contains(':') {
                self.time = self.time.checked_add(sign * clock(plain, fields)?)?;
                continue;
            }
            if let Some((years, months)) = plain.split_once('-') {
                let (years, months) = (whole(years)?, whole(months).filter(|months| *months < 12)?);
                self.months += sign * (years * 12 + months);
                continue;
            }
            let (value, unit) = number(word)?;
            match (unit, rest.split_first()) {
                ("", Some((next, behind))) if is_unit(next) => {
                    self.add(value, next)?;
                    rest = behind;
                }
                // Days before the time of day.
                ("", Some((next, _))) if next.contains(':') => self.add(value, "day")?,
                ("", None) => self.add(value, fields.map_or("second", |(_, last)| name(last)))?,
                ("", Some(_)) => return None,
                (unit, _) => self.add(value, unit)?,
            }
        }
        if ago {
            (self.months, self.days, self.time) = (-self.months, -self.days, -self.time);
        }
        Some(())
    }

    /// Leaves out what is smaller than a unit.
    fn cut(&mut self, last: Unit) {
        self.time -= match last {
            Unit::Second => 0,
            Unit::Minute => self.time % MINUTE,
            Unit::Hour => self.time % HOUR,
            _ => self.time,
        };
        if last < Unit::Day {
            self.days = 0;
        }
        if last == Unit::Year {
            self.months -= self.months % 12;
        }
    }

    fn interval(&self) -> Option<IntervalMonthDayNano> {
        let (months, days) = (i32::try_from(self.months).ok()?, i32::try_from(self.days).ok()?);
        Some(IntervalMonthDayNano::new(months, days, i64::try_from(self.time).ok()?))
    }
}

fn is_unit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Year => "year",
        Unit::Month => "month",
        Unit::Day => "day",
        Unit::Hour => "hour",
        Unit::Minute => "minute",
        Unit::Second => "second",
    }
}

fn sign(word: &str) -> (i128, &str) {
    match word.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    }
}

fn whole(digits: &str) -> Option<i128> {
    let valid = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| digits.parse().ok()).flatten()
}

/// The number that a text begins with, in billionths, and what stands behind it.
fn number(text: &str) -> Option<(i128, &str)> {
    let (sign, plain) = sign(text);
    let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let (digits, behind) = plain.split_at_checked(end)?;
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let large = if before.is_empty() { 0 } else { whole(before)? };
    Some((sign * (large * ONE + fraction(after)?), behind))
}

/// Digits behind the point in billionths.
fn fraction(digits: &str) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = digits.get(..9).unwrap_or(digits);
    Some(whole(kept)? * 10_i128.pow(9 - u32::try_from(kept.len()).ok()?))
}

/// `4:05:06.7` and `4:05`, which is hours and minutes, or minutes and seconds where the literal says so.
fn clock(text: &str, fields: Option<(Unit, Unit)>) -> Option<i128> {
    let parts: Vec<&str> = text.split(':').collect();
    let seconds =
        |text: &str| number(text).filter(|(value, rest)| rest.is_empty() && *value < 60 * ONE).map(|(value, _)| value);
    let minutes = |text: &str| whole(text).filter(|minutes| *minutes < 60);
    match parts.as_slice() {
        [first, second] if fields == Some((Unit::Minute, Unit::Second)) || second.contains('.') => {
            Some(whole(first)? * MINUTE + seconds(second)?)
        }
        [hours, minute] => Some(whole(hours)? * HOUR + minutes(minute)? * MINUTE),
        [hours, minute, second] => Some(whole(hours)? * HOUR + minutes(minute)? * MINUTE + seconds(second)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(months: i32, days: i32, milliseconds: i64) -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano::new(months, days, milliseconds * 1_000_000))
    }

    #[test]
    fn texts_say_what_they_say_in_postgres() {
        for (text, interval) in [
            ("P1Y2M3DT4H5M6S", made(14, 3, 14_706_000)),
            ("P2W", made(0, 14, 0)),
            ("PT-1.5S", made(0, 0, -1_500)),
            ("1-2", made(14, 0, 0)),
            ("-1-2", made(-14, 0, 0)),
            ("1-2 3 04:05:06", made(14, 3, 14_706_000)),
            ("1 day ago", made(0, -1, 0)),
            ("@ 1 year -2 mons 3 hours ago", made(-10, 0, -10_800_000)),
            ("1 12:30", made(0, 1, 45_000_000)),
            ("-1 day -00:00:01.5", made(0, -1, -1_500)),
            ("1.5 months", made(1, 15, 0)),
            ("1.5 weeks", made(0, 10, 43_200_000)),
            ("1.55 years", made(19, 0, 0)),
            ("2days 3h", made(0, 2, 10_800_000)),
            ("5", made(0, 0, 5_000)),
            ("2:03.5", made(0, 0, 123_500)),
            ("1 ms", made(0, 0, 1)),
            ("1 s", made(0, 0, 1_000)),
            ("1 day 2", made(0, 1, 2_000)),
        ] {
            assert_eq!(parse(text, None), interval, "{text}");
        }
        for text in ["", "P", "ago", "1-13", "1:60", "day", "1 parsec", "1 2 3", "99999999999 years", "--1"] {
            assert_eq!(parse(text, None), None, "{text}");
        }
    }

    #[test]
    fn units_behind_a_literal_cut_it() {
        let read = |text, first, last| parse(text, Some((first, last)));
        assert_eq!(read("1 2:03", Unit::Day, Unit::Minute), made(0, 1, 7_380_000));
        assert_eq!(read("1 2:03:04", Unit::Day, Unit::Minute), made(0, 1, 7_380_000));
        assert_eq!(read("2:03", Unit::Minute, Unit::Second), made(0, 0, 123_000));
        assert_eq!(read("3", Unit::Day, Unit::Day), made(0, 3, 0));
        assert_eq!(read("1-2", Unit::Year, Unit::Month), made(14, 0, 0));
        assert_eq!(read("1 year 5 months", Unit::Year, Unit::Year), made(12, 0, 0));
        assert_eq!(read("1.5", Unit::Second, Unit::Second), made(0, 0, 1_500));
    }
}
