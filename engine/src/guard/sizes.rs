//! Sizes of function arguments, row by row, without expanding constants.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

const NANOS_PER_DAY: i128 = 86_400_000_000_000;

/// One value for all rows, or one for each.
enum Each<T> {
    One(T),
    Rows(Vec<T>),
}

impl<T: Copy + Default> Each<T> {
    fn at(&self, row: usize) -> T {
        match self {
            Self::One(value) => *value,
            Self::Rows(values) => values.get(row).copied().unwrap_or_default(),
        }
    }

    /// Of an argument: what `of` says for each row of its array; a constant is an array of one row.
    fn of(argument: Option<&ColumnarValue>, of: impl Fn(&ArrayRef) -> Result<Vec<T>>) -> Result<Self> {
        Ok(match argument {
            None => Self::One(T::default()),
            Some(ColumnarValue::Array(array)) => Self::Rows(of(array)?),
            Some(ColumnarValue::Scalar(value)) => Self::One(of(&value.to_array()?)?.first().copied().unwrap_or_default()),
        })
    }
}

/// Bytes of a value; an absent argument and a null have none.
pub(super) struct Bytes(Each<u64>);

impl Bytes {
    pub(super) fn of(argument: Option<&ColumnarValue>) -> Result<Self> {
        Each::of(argument, |array| Ok(bytes(array))).map(Self)
    }

    /// Number of elements of a list.
    pub(super) fn elements(argument: Option<&ColumnarValue>) -> Result<Self> {
        Each::of(argument, |array| Ok(spans(array).map_or_else(|| vec![1; array.len()], lengths))).map(Self)
    }

    pub(super) fn at(&self, row: usize) -> u64 {
        self.0.at(row)
    }
}

/// First and last child of each list.
fn spans(array: &ArrayRef) -> Option<Vec<(usize, usize)>> {
    let index = |n: i64| usize::try_from(n).unwrap_or(0);
    match array.data_type() {
        DataType::List(_) => {
            let offsets = array.as_list::<i32>().offsets().windows(2);
            Some(offsets.map(|w| (index(i64::from(w[0])), index(i64::from(w[1])))).collect())
        }
        DataType::LargeList(_) => {
            Some(array.as_list::<i64>().offsets().windows(2).map(|w| (index(w[0]), index(w[1]))).collect())
        }
        DataType::FixedSizeList(_, width) => {
            let width = usize::try_from(*width).unwrap_or(0);
            Some((0..array.len()).map(|i| (i * width, (i + 1) * width)).collect())
        }
        _ => None,
    }
}

fn lengths(spans: Vec<(usize, usize)>) -> Vec<u64> {
    spans.into_iter().map(|(from, to)| to.saturating_sub(from) as u64).collect()
}

/// Bytes of each value. A list counts its children, a value of fixed width its width.
fn bytes(array: &ArrayRef) -> Vec<u64> {
    let each = |length: &dyn Fn(usize) -> usize| -> Vec<u64> {
        (0..array.len()).map(|i| if array.is_null(i) { 0 } else { length(i) as u64 }).collect()
    };
    match array.data_type() {
        DataType::Null => vec![0; array.len()],
        DataType::Utf8 => each(&|i| array.as_string::<i32>().value(i).len()),
        DataType::LargeUtf8 => each(&|i| array.as_string::<i64>().value(i).len()),
        DataType::Utf8View => each(&|i| array.as_string_view().value(i).len()),
        DataType::Binary => each(&|i| array.as_binary::<i32>().value(i).len()),
        DataType::LargeBinary => each(&|i| array.as_binary::<i64>().value(i).len()),
        DataType::BinaryView => each(&|i| array.as_binary_view().value(i).len()),
        DataType::List(_) => children(spans(array), array.as_list::<i32>().values()),
        DataType::LargeList(_) => children(spans(array), array.as_list::<i64>().values()),
        DataType::FixedSizeList(..) => children(spans(array), array.as_fixed_size_list().values()),
        DataType::Dictionary(_, values) => match cast(array, values) {
            Ok(plain) => bytes(&plain),
            Err(_) => vec![8; array.len()],
        },
        other => {
            let average = array.get_array_memory_size() / array.len().max(1);
            vec![other.primitive_width().unwrap_or(average).max(1) as u64; array.len()]
        }
    }
}

fn children(spans: Option<Vec<(usize, usize)>>, values: &ArrayRef) -> Vec<u64> {
    let mut sums = vec![0u64];
    let mut sum = 0u64;
    for bytes in bytes(values) {
        sum = sum.saturating_add(bytes);
        sums.push(sum);
    }
    let upto = |i: usize| sums.get(i).copied().unwrap_or(sum);
    spans.unwrap_or_default().into_iter().map(|(from, to)| upto(to).saturating_sub(upto(from))).collect()
}

/// A whole number; what is none, null or negative counts as zero.
pub(super) struct Numbers(Each<u64>);

impl Numbers {
    pub(super) fn of(argument: Option<&ColumnarValue>) -> Result<Self> {
        let positive = |n: Option<i128>| n.map_or(0, |n| u64::try_from(n).unwrap_or(0));
        Each::of(argument, |array| Ok(numbers(array).into_iter().map(positive).collect())).map(Self)
    }

    pub(super) fn at(&self, row: usize) -> u64 {
        self.0.at(row)
    }
}

/// Whole numbers as they are, moments and intervals in nanoseconds.
fn numbers(array: &ArrayRef) -> Vec<Option<i128>> {
    let scale = match array.data_type() {
        DataType::Date32 => NANOS_PER_DAY,
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            // The shortest month, so that steps are never underestimated.
            let nanos = |i: datafusion::arrow::datatypes::IntervalMonthDayNano| {
                (i128::from(i.months) * 28 + i128::from(i.days)) * NANOS_PER_DAY + i128::from(i.nanoseconds)
            };
            return intervals.iter().map(|i| i.map(nanos)).collect();
        }
        _ => 1,
    };
    // A date has no direct cast to a number of 64 bits.
    let plain = match array.data_type() {
        DataType::Date32 => cast(array, &DataType::Int32),
        _ => Ok(Arc::clone(array)),
    };
    let whole = plain.and_then(|a| cast(&a, &DataType::Int64));
    match whole {
        Ok(whole) => {
            let whole: &Int64Array = whole.as_primitive();
            whole.iter().map(|n| n.map(|n| i128::from(n) * scale)).collect()
        }
        Err(_) => vec![None; array.len()],
    }
}

/// Start, stop and step of a series.
pub(super) struct Span {
    start: Each<Option<i128>>,
    stop: Each<Option<i128>>,
    step: Each<Option<i128>>,
}

impl Span {
    /// With one argument a series runs from zero to it.
    pub(super) fn of(args: &[ColumnarValue]) -> Result<Self> {
        let number = |i: usize| Each::of(args.get(i), |array| Ok(numbers(array)));
        let zero = Each::One(Some(0));
        Ok(match args.len() {
            1 => Self { start: zero, stop: number(0)?, step: Each::One(Some(1)) },
            2 => Self { start: number(0)?, stop: number(1)?, step: Each::One(Some(1)) },
            _ => Self { start: number(0)?, stop: number(1)?, step: number(2)? },
        })
    }

    /// Whether a series of times leaves the years that DataFusion computes it in: its times are nanoseconds.
    pub(super) fn is_beyond(&self, row: usize) -> bool {
        let (Some(start), Some(stop), Some(step)) = (self.start.at(row), self.stop.at(row), self.step.at(row)) else {
            return false;
        };
        [start, stop, stop - step.abs(), stop + step.abs()].into_iter().any(|time| i64::try_from(time).is_err())
    }

    /// Number of steps; none when a part is null.
    pub(super) fn steps(&self, row: usize) -> u64 {
        let (Some(start), Some(stop), Some(step)) = (self.start.at(row), self.stop.at(row), self.step.at(row)) else {
            return 0;
        };
        let steps = stop.abs_diff(start) / step.unsigned_abs().max(1);
        u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// What a replacement would do to one text.
pub(super) struct Found {
    pub(super) matches: u64,
    pub(super) text_bytes: u64,
    /// Of one match, with groups that it refers to taken as the whole match would allow.
    pub(super) replacement_bytes: u64,
}

/// Counts the matches of a text, or of a regular expression, in a row; `None` when an argument is missing.
pub(super) fn matches_of(args: &[ColumnarValue], row: usize, pattern: bool) -> Option<Found> {
    let (text, from, to) = (text(args.first()?, row)?, text(args.get(1)?, row)?, text(args.get(2)?, row)?);
    let matches = if pattern {
        let expression = regex::Regex::new(&from).ok()?;
        expression.find_iter(&text).count()
    } else {
        text.matches(from.as_str()).count()
    };
    // Group references repeat parts of the match; all matches together are at most the text.
    let references = if pattern { to.matches(['\\', '$']).count() as u64 } else { 0 };
    let text_bytes = (text.len() as u64).saturating_mul(references.saturating_add(1));
    Some(Found { matches: matches as u64, text_bytes, replacement_bytes: to.len() as u64 })
}

fn text(argument: &ColumnarValue, row: usize) -> Option<String> {
    let value = match argument {
        ColumnarValue::Scalar(value) => value.clone(),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row).ok()?,
    };
    value.try_as_str().flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ListArray, StringArray, StringViewArray};
    use datafusion::arrow::datatypes::Int64Type;

    fn array(array: impl Array + 'static) -> ColumnarValue {
        ColumnarValue::Array(Arc::new(array))
    }

    #[test]
    fn bytes_are_those_of_each_row() {
        let texts = Bytes::of(Some(&array(StringArray::from(vec![Some("abc"), None, Some("")])))).unwrap();
        assert_eq!([texts.at(0), texts.at(1), texts.at(2)], [3, 0, 0]);
        let views = Bytes::of(Some(&array(StringViewArray::from(vec!["é", "0123456789abcdef"])))).unwrap();
        assert_eq!([views.at(0), views.at(1)], [2, 16]);
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let sizes = Bytes::of(Some(&array(lists.clone()))).unwrap();
        assert_eq!([sizes.at(0), sizes.at(1), sizes.at(2)], [16, 0, 0]);
        assert_eq!(Bytes::elements(Some(&array(lists))).unwrap().at(0), 2);
        let constant = ColumnarValue::Scalar(ScalarValue::from("xyz"));
        assert_eq!(Bytes::of(Some(&constant)).unwrap().at(999), 3);
    }

    #[test]
    fn a_series_of_moments_counts_its_steps() {
        let moment = |s: i64| ColumnarValue::Scalar(ScalarValue::TimestampSecond(Some(s), None));
        let step = ScalarValue::new_interval_mdn(0, 0, 1_000);
        let span = Span::of(&[moment(0), moment(1), ColumnarValue::Scalar(step)]).unwrap();
        assert_eq!(span.steps(0), 1_000_001);
        let whole = |n: i64| ColumnarValue::Scalar(ScalarValue::Int64(Some(n)));
        assert_eq!(Span::of(&[whole(10), whole(-10), whole(-5)]).unwrap().steps(0), 5);
        assert_eq!(Span::of(&[whole(7)]).unwrap().steps(0), 8);
        let day = || ColumnarValue::Scalar(ScalarValue::new_interval_mdn(0, 1, 0));
        for (year, beyond) in [(50, false), (400, true), (-400, true)] {
            let times = [moment(0), moment(year * 31_557_600), day()];
            assert_eq!(Span::of(&times).unwrap().is_beyond(0), beyond, "{year}");
        }
    }

    #[test]
    fn matches_are_counted_when_the_bound_is_too_high() {
        let args = ["a-b-c", "-", "--->"].map(|t| ColumnarValue::Scalar(ScalarValue::from(t)));
        let found = matches_of(&args, 0, false).unwrap();
        assert_eq!((found.matches, found.text_bytes, found.replacement_bytes), (2, 5, 4));
        assert_eq!(matches_of(&args, 0, true).unwrap().matches, 2);
    }
}
