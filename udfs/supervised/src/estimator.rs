//! An algorithm together with the features it learnt: what a fold fits, and what serves.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{Codec, Reader, Writer};

use crate::context::Context;
use crate::data::{Features, Table, Target, Task};
use crate::encoding::Encoder;
use crate::model::{Algorithm, Model, StackModel};

/// A fitted encoder and a fitted model, or a stack of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimator {
    /// One algorithm.
    Single(Single),
    /// Several, weighed.
    Stack(StackModel),
}

/// One algorithm and its features.
#[derive(Debug, Clone, PartialEq)]
pub struct Single {
    /// From rows to features.
    pub encoder: Encoder,
    /// From features to predictions.
    pub model: Model,
}

headwater_registry::record!(Single { encoder, model } check check);

impl Single {
    fn check(&self) -> Result<()> {
        match self.encoder.width() == self.model.width() {
            true => Ok(()),
            false => Err(damaged("features and model do not fit together")),
        }
    }

    /// Learns features and fits. Errors: those of the encoder and the algorithm.
    pub fn fit(
        algorithm: &Algorithm,
        table: &Table,
        columns: &[String],
        target: &Target,
        context: &Context,
    ) -> Result<Self> {
        let (encoder, features) = Encoder::fit(table, columns, target, algorithm.encoding(), context)?;
        let model = algorithm.fit(&features, target, context)?;
        Ok(Self { encoder, model })
    }

    /// The features of rows and their predictions.
    pub fn predict(&self, table: &Table) -> Result<(Features, Vec<Vec<f64>>)> {
        let features = self.encoder.transform(table)?;
        let predicted = self.model.predict(&features)?;
        Ok((features, predicted))
    }
}

impl Estimator {
    /// Learns features from columns of a table and fits an algorithm to a target.
    /// Errors: the algorithm does not fit the task, and those of the encoder and the fit.
    pub fn fit(
        algorithm: &Algorithm,
        table: &Table,
        columns: &[String],
        target: &Target,
        context: &Context,
    ) -> Result<Self> {
        if !algorithm.fits(target.task()) {
            let wanted = if target.task() == Task::Regression { "numbers" } else { "classes" };
            return Err(Error::invalid(format!("{} does not predict {wanted}", algorithm.name())));
        }
        Ok(match algorithm {
            Algorithm::Stack(stack) => Self::Stack(stack.fit(table, columns, target, context)?),
            _ => Self::Single(Single::fit(algorithm, table, columns, target, context)?),
        })
    }

    /// Numbers, or a column of probabilities for each class. Errors: a column is missing or has other values.
    pub fn predict(&self, table: &Table) -> Result<Vec<Vec<f64>>> {
        match self {
            Self::Single(single) => Ok(single.predict(table)?.1),
            Self::Stack(stack) => stack.predict(table),
        }
    }

    /// Whether features are made of a column.
    pub fn uses(&self, column: &str) -> bool {
        match self {
            Self::Single(single) => single.encoder.uses(column),
            Self::Stack(stack) => stack.uses(column),
        }
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        match self {
            Self::Single(single) => single.model.task(),
            Self::Stack(stack) => stack.task(),
        }
    }
}

impl Codec for Estimator {
    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Single(single) => {
                0_u8.encode(to);
                single.encode(to);
            }
            Self::Stack(stack) => {
                1_u8.encode(to);
                stack.encode(to);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        match u8::decode(from)? {
            0 => Ok(Self::Single(Codec::decode(from)?)),
            1 => Ok(Self::Stack(Codec::decode(from)?)),
            _ => Err(damaged("it is neither one model nor a stack")),
        }
    }
}
