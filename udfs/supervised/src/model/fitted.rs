//! A fitted model of any algorithm but a stack.

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::{Codec, Reader, Writer};

use crate::boosting::BoostingModel;
use crate::data::{Features, Task};
use crate::forest::ForestModel;
use crate::linear::LinearModel;
use crate::neighbors::NeighborsModel;
use crate::network::NetworkModel;

/// What a fit left behind.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// Boosted trees.
    Boosting(BoostingModel),
    /// A random forest.
    Forest(ForestModel),
    /// A linear or logistic model.
    Linear(LinearModel),
    /// Nearest neighbours.
    Neighbors(NeighborsModel),
    /// A neural network.
    Network(NetworkModel),
}

impl Codec for Model {
    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Boosting(m) => {
                1_u8.encode(to);
                m.encode(to);
            }
            Self::Forest(m) => {
                2_u8.encode(to);
                m.encode(to);
            }
            Self::Linear(m) => {
                3_u8.encode(to);
                m.encode(to);
            }
            Self::Neighbors(m) => {
                4_u8.encode(to);
                m.encode(to);
            }
            Self::Network(m) => {
                5_u8.encode(to);
                m.encode(to);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Ok(match u8::decode(from)? {
            1 => Self::Boosting(Codec::decode(from)?),
            2 => Self::Forest(Codec::decode(from)?),
            3 => Self::Linear(Codec::decode(from)?),
            4 => Self::Neighbors(Codec::decode(from)?),
            5 => Self::Network(Codec::decode(from)?),
            _ => return Err(damaged("it has a model of no known algorithm")),
        })
    }
}

impl Model {
    /// The kind of prediction.
    pub fn task(&self) -> Task {
        match self {
            Self::Boosting(m) => m.task(),
            Self::Forest(m) => m.task(),
            Self::Linear(m) => m.task(),
            Self::Neighbors(m) => m.task(),
            Self::Network(m) => m.task(),
        }
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        match self {
            Self::Boosting(m) => m.width(),
            Self::Forest(m) => m.width(),
            Self::Linear(m) => m.width(),
            Self::Neighbors(m) => m.width(),
            Self::Network(m) => m.width(),
        }
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features than it was fitted with.
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        match self {
            Self::Boosting(m) => m.predict(features),
            Self::Forest(m) => m.predict(features),
            Self::Linear(m) => m.predict(features),
            Self::Neighbors(m) => m.predict(features),
            Self::Network(m) => m.predict(features),
        }
    }

    /// Share of each feature in the fit, where the algorithm says: gain of splits, or size of coefficients.
    pub fn importance(&self) -> Option<Vec<f64>> {
        match self {
            Self::Boosting(m) => Some(m.importance()),
            Self::Forest(m) => Some(m.importance()),
            Self::Linear(m) => Some(m.importance()),
            Self::Neighbors(_) | Self::Network(_) => None,
        }
    }
}
