//! A model of series: their forecasts, as far as they were asked for when it was trained.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit};
use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::{Artifact, Codec, Reader, Writer, record};

use crate::error::arrow;

/// Kind of the artifact.
pub(crate) const KIND: &str = "series/1";

/// Types of columns that are stored.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    Text,
    Whole,
    Number,
    Date,
    /// Milliseconds.
    LongDate,
    /// Its unit by place, and its time zone.
    Timestamp(u8, Option<String>),
}

const UNITS: [TimeUnit; 4] = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];

impl Type {
    /// The type in which a column is stored; what has none of its own becomes text.
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Float32 | DataType::Float64 => Self::Number,
            DataType::Date32 => Self::Date,
            DataType::Date64 => Self::LongDate,
            DataType::Timestamp(unit, zone) => {
                let place = UNITS.iter().position(|u| u == unit).unwrap_or_default();
                Self::Timestamp(place as u8, zone.as_ref().map(|z| z.to_string()))
            }
            t if t.is_integer() && *t != DataType::UInt64 => Self::Whole,
            _ => Self::Text,
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::LongDate => DataType::Date64,
            Self::Timestamp(unit, zone) => {
                DataType::Timestamp(UNITS[usize::from(*unit) % UNITS.len()], zone.as_deref().map(Arc::from))
            }
        }
    }
}

impl Codec for Type {
    fn encode(&self, to: &mut Writer) {
        let number: u8 = match self {
            Self::Text => 0,
            Self::Whole => 1,
            Self::Number => 2,
            Self::Date => 3,
            Self::LongDate => 4,
            Self::Timestamp(..) => 5,
        };
        number.encode(to);
        if let Self::Timestamp(unit, zone) = self {
            unit.encode(to);
            zone.encode(to);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Ok(match u8::decode(from)? {
            0 => Self::Text,
            1 => Self::Whole,
            2 => Self::Number,
            3 => Self::Date,
            4 => Self::LongDate,
            5 => match u8::decode(from)? {
                unit if usize::from(unit) < UNITS.len() => Self::Timestamp(unit, Option::decode(from)?),
                _ => return Err(damaged("a time has no known unit")),
            },
            _ => return Err(damaged("a column is of no known type")),
        })
    }
}

/// The type in which a column of this one is stored.
pub(crate) fn stored_type(data_type: &DataType) -> DataType {
    Type::of(data_type).data_type()
}

/// A column: numbers as they are, texts as texts, all else as whole numbers.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    name: String,
    of: Type,
    texts: Vec<Option<String>>,
    wholes: Vec<Option<i64>>,
    numbers: Vec<Option<f64>>,
}

record!(Stored { name, of, texts, wholes, numbers } check check);

impl Stored {
    fn check(&self) -> Result<()> {
        let used = match self.of {
            Type::Text => self.wholes.is_empty() && self.numbers.is_empty(),
            Type::Number => self.wholes.is_empty() && self.texts.is_empty(),
            _ => self.texts.is_empty() && self.numbers.is_empty(),
        };
        if used { Ok(()) } else { Err(damaged("a column has values of two types")) }
    }

    fn rows(&self) -> usize {
        self.texts.len() + self.wholes.len() + self.numbers.len()
    }

    fn read(name: &str, column: &ArrayRef) -> Result<Self> {
        let of = Type::of(column.data_type());
        let mut new = Self { name: name.to_owned(), of, texts: vec![], wholes: vec![], numbers: vec![] };
        let plain = cast(column, &new.of.data_type()).map_err(arrow)?;
        match new.of {
            Type::Text => new.texts = plain.as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect(),
            Type::Number => new.numbers = plain.as_primitive::<Float64Type>().iter().collect(),
            Type::Date => {
                let days = cast(&cast(&plain, &DataType::Int32).map_err(arrow)?, &DataType::Int64).map_err(arrow)?;
                new.wholes = days.as_primitive::<Int64Type>().iter().collect();
            }
            _ => {
                let wholes = cast(&plain, &DataType::Int64).map_err(arrow)?;
                new.wholes = wholes.as_primitive::<Int64Type>().iter().collect();
            }
        }
        Ok(new)
    }

    fn array(&self, rows: &[usize]) -> Result<ArrayRef> {
        let wholes = || -> ArrayRef { Arc::new(rows.iter().map(|r| self.wholes[*r]).collect::<Int64Array>()) };
        match self.of {
            Type::Text => Ok(Arc::new(rows.iter().map(|r| self.texts[*r].as_deref()).collect::<StringArray>())),
            Type::Number => Ok(Arc::new(rows.iter().map(|r| self.numbers[*r]).collect::<Float64Array>())),
            Type::Whole => Ok(wholes()),
            Type::Date => cast(&cast(&wholes(), &DataType::Int32).map_err(arrow)?, &DataType::Date32).map_err(arrow),
            Type::LongDate | Type::Timestamp(..) => cast(&wholes(), &self.of.data_type()).map_err(arrow),
        }
    }
}

/// Forecasts of series: the columns that FORECAST gives.
#[derive(Debug, PartialEq)]
pub(crate) struct SeriesModel {
    /// How many columns are ids, from the first on.
    ids: usize,
    columns: Vec<Stored>,
}

record!(SeriesModel { ids, columns } check check);

impl SeriesModel {
    fn check(&self) -> Result<()> {
        let rows = self.columns.first().map_or(0, Stored::rows);
        let even = self.columns.iter().all(|c| c.rows() == rows);
        let has = |name: &str, of: &Type| self.columns.iter().any(|c| c.name == name && c.of == *of);
        match even && self.ids < self.columns.len() && has("step", &Type::Whole) && has("status", &Type::Text) {
            true => Ok(()),
            false => Err(damaged("the columns of its forecasts do not fit together")),
        }
    }

    /// The model of the rows that FORECAST gave, whose first columns are the ids.
    pub(crate) fn of(rows: &RecordBatch, ids: usize) -> Result<Self> {
        let schema = rows.schema();
        let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| Stored::read(field.name(), column));
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        let order = order(&columns, ids, rows.num_rows());
        for column in &mut columns {
            let array = column.array(&order)?;
            *column = Stored::read(&column.name, &array)?;
        }
        Ok(Self { ids, columns })
    }

    /// The model as a file's content.
    pub(crate) fn to_artifact(&self) -> Artifact {
        Artifact { kind: KIND.to_owned(), payload: self.to_bytes() }
    }

    /// How many columns are ids, from the first on; the time follows them.
    pub(crate) fn ids(&self) -> usize {
        self.ids
    }

    /// The most steps that are known.
    pub(crate) fn horizon(&self) -> usize {
        let steps = self.columns.iter().find(|c| c.name == "step");
        let most = steps.and_then(|c| c.wholes.iter().flatten().max().copied()).unwrap_or_default();
        usize::try_from(most).unwrap_or_default()
    }

    /// The first steps of every series, and the rows of series that have none.
    pub(crate) fn rows(&self, horizon: usize) -> Result<RecordBatch> {
        let steps = self.columns.iter().find(|c| c.name == "step");
        let near = |row: &usize| {
            let step = steps.and_then(|c| c.wholes.get(*row).copied().flatten());
            step.is_none_or(|step| usize::try_from(step).is_ok_and(|step| step <= horizon))
        };
        let all = self.columns.first().map_or(0, Stored::rows);
        let rows: Vec<usize> = (0..all).filter(near).collect();
        let fields: Vec<Field> = self.columns.iter().map(|c| Field::new(&c.name, c.of.data_type(), true)).collect();
        let arrays = self.columns.iter().map(|c| c.array(&rows)).collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(arrow)
    }
}

/// Rows by ids and step, so that the file does not depend on the order in which series were computed.
fn order(columns: &[Stored], ids: usize, rows: usize) -> Vec<usize> {
    let step = columns.iter().position(|c| c.name == "step");
    let keys: Vec<&Stored> = columns.iter().take(ids).chain(step.map(|at| &columns[at])).collect();
    let key = |row: usize| keys.iter().map(|c| (c.texts.get(row), c.wholes.get(row))).collect::<Vec<_>>();
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| key(*a).cmp(&key(*b)));
    order
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Date32Array, Int32Array, TimestampMillisecondArray};

    use super::*;

    fn forecasts() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("store", Arc::new(StringArray::from(vec![Some("b"), Some("a"), Some("a"), None]))),
            ("item", Arc::new(Int32Array::from(vec![1, 2, 2, 3]))),
            ("day", Arc::new(Date32Array::from(vec![Some(10), Some(11), Some(10), None]))),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(-5), Some(1), Some(0), None]).with_timezone("UTC"))),
            ("step", Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(1), None]))),
            ("forecast", Arc::new(Float64Array::from(vec![Some(1.5), Some(2.5), Some(0.5), None]))),
            ("status", Arc::new(StringArray::from(vec!["", "", "", "too short"]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
    }

    #[test]
    fn forecasts_come_back_in_order_with_their_types() {
        let model = SeriesModel::of(&forecasts(), 2).unwrap();
        let again = SeriesModel::from_bytes(&model.to_bytes(), 1 << 20).unwrap();
        assert_eq!(again, model);
        assert_eq!(again.horizon(), 2);
        let rows = again.rows(1).unwrap();
        assert_eq!(rows.num_rows(), 3);
        assert_eq!(rows.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("a"), Some("b")]);
        assert_eq!(rows.schema().field(2).data_type(), &DataType::Date32);
        let zoned = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        assert_eq!(rows.schema().field(3).data_type(), &zoned);
        assert_eq!(again.rows(2).unwrap().num_rows(), 4);
    }

    #[test]
    fn changed_bytes_are_refused_or_give_a_model_that_works() {
        let bytes = SeriesModel::of(&forecasts(), 2).unwrap().to_bytes();
        for at in 0..bytes.len() {
            for flip in [1, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                if let Ok(model) = SeriesModel::from_bytes(&changed, 1 << 20) {
                    let _ = model.rows(model.horizon());
                }
            }
            assert!(SeriesModel::from_bytes(&bytes[..at], 1 << 20).is_err());
        }
    }
}
