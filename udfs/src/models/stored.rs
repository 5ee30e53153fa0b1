//! What is in the file of a model that SQL trained.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{Artifact, Codec, Reader, Writer, record};
use headwater_supervised::Trained;

use super::series_model::{self, SeriesModel};

/// Kind of the artifact of a model of rows.
const ROWS: &str = "rows/1";
/// Memory that a model may take when it is read.
const MEMORY_MAX_BYTES: usize = 1 << 30;

/// What a column's values are to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Numbers of any type.
    Numbers,
    /// Texts and truth values.
    Texts,
    /// Dates and timestamps.
    Times,
}

impl Kind {
    /// As it stands in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Texts => "texts",
            Self::Times => "times",
        }
    }
}

impl Codec for Kind {
    fn encode(&self, to: &mut Writer) {
        (*self as u8).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        match u8::decode(from)? {
            0 => Ok(Self::Numbers),
            1 => Ok(Self::Texts),
            2 => Ok(Self::Times),
            _ => Err(damaged("a column is of no known kind")),
        }
    }
}

/// The type in which a predicted class is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A number.
    Number,
    /// A class by its name.
    Text,
    /// True or false.
    Boolean,
    /// A class that is a whole number.
    Whole,
    /// A class that is a number of a column of floating-point numbers.
    Double,
}

impl Codec for Answer {
    fn encode(&self, to: &mut Writer) {
        (*self as u8).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        match u8::decode(from)? {
            0 => Ok(Self::Number),
            1 => Ok(Self::Text),
            2 => Ok(Self::Boolean),
            3 => Ok(Self::Whole),
            4 => Ok(Self::Double),
            _ => Err(damaged("the predicted column is of no known type")),
        }
    }
}

/// A column that a model reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its name.
    pub(crate) name: String,
    /// What it has.
    pub(crate) kind: Kind,
}

record!(Input { name, kind });

/// One row of a leaderboard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Name of the algorithm.
    pub(crate) algorithm: String,
    /// Its parameters that are not the usual ones.
    pub(crate) parameters: String,
    /// Share of the rows that it was fitted on.
    pub(crate) share: f64,
    /// What it was judged by.
    pub(crate) value: Option<f64>,
    /// Time of its cross-validation.
    pub(crate) seconds: f64,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

record!(Place { algorithm, parameters, share, value, seconds, error });

/// Values of a column of the training rows, for a comparison with later ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The column.
    pub(crate) name: String,
    /// Evenly spaced ones in order.
    pub(crate) values: Vec<f64>,
}

record!(Sample { name, values });

/// A model that predicts rows, with what SQL has to know of it.
#[derive(Debug, PartialEq)]
pub(crate) struct RowModel {
    /// The model.
    pub(crate) trained: Trained,
    /// Columns it reads, in the order of the training query.
    pub(crate) inputs: Vec<Input>,
    /// Type of the predicted column.
    pub(crate) answer: Answer,
    /// What trials were judged by; empty when nothing was searched.
    pub(crate) metric: String,
    /// Trials of the search, the best first.
    pub(crate) leaderboard: Vec<Place>,
    /// Numbers of the training rows.
    pub(crate) samples: Vec<Sample>,
}

record!(RowModel { trained, inputs, answer, metric, leaderboard, samples } check check);

impl RowModel {
    fn check(&self) -> Result<()> {
        let fits = match self.answer {
            Answer::Number => self.trained.classes().is_empty(),
            Answer::Text => !self.trained.classes().is_empty(),
            Answer::Boolean => self.all_classes(|c| c.parse::<bool>().is_ok()),
            Answer::Whole => self.all_classes(|c| c.parse::<i64>().is_ok()),
            Answer::Double => self.all_classes(|c| c.parse::<f64>().is_ok()),
        };
        if fits { Ok(()) } else { Err(damaged("the type of the predicted column does not fit its values")) }
    }

    fn all_classes(&self, is: impl Fn(&str) -> bool) -> bool {
        !self.trained.classes().is_empty() && self.trained.classes().iter().all(|c| is(c))
    }

    /// Whether a row is predicted from earlier rows too.
    pub(crate) fn looks_back(&self) -> bool {
        let derivation = self.trained.derivation();
        !derivation.lags.is_empty() || !derivation.rolling.is_empty()
    }

    /// The model as a file's content.
    pub(crate) fn to_artifact(&self) -> Artifact {
        Artifact { kind: ROWS.to_owned(), payload: self.to_bytes() }
    }
}

/// A model of any kind.
#[derive(Debug)]
pub(crate) enum Stored {
    /// One that predicts rows.
    Rows(Box<RowModel>),
    /// One that forecasts series.
    Series(Box<SeriesModel>),
}

impl Stored {
    /// The model of a file. Errors: another kind of model, or bytes that are none.
    pub(crate) fn read(artifact: &Artifact) -> Result<Self> {
        match artifact.kind.as_str() {
            ROWS => RowModel::from_bytes(&artifact.payload, MEMORY_MAX_BYTES).map(|m| Self::Rows(Box::new(m))),
            series_model::KIND => {
                SeriesModel::from_bytes(&artifact.payload, MEMORY_MAX_BYTES).map(|m| Self::Series(Box::new(m)))
            }
            other => Err(Error::unsupported(format!("the model is of kind {other}, which this version does not know"))),
        }
    }
}
