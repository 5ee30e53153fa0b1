//! Which algorithm with which parameters.

use headwater_common::{Error, Result};

use crate::boosting::Boosting;
use crate::context::Context;
use crate::data::{Target, Task};
use crate::encoding::Encoding;
use crate::forest::Forest;
use crate::linear::{Linear, Logistic};
use crate::model::{Model, Stack};
use crate::neighbors::Neighbors;
use crate::network::Network;

/// An algorithm and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Algorithm {
    /// Boosted trees.
    Boosting(Boosting),
    /// A random forest.
    Forest(Forest),
    /// A linear model of a number.
    Linear(Linear),
    /// Logistic regression of classes.
    Logistic(Logistic),
    /// Nearest neighbours.
    Neighbors(Neighbors),
    /// A neural network.
    Network(Network),
    /// Several of these, weighed by a linear model of their answers.
    Stack(Stack),
}

impl Algorithm {
    /// Names of all algorithms.
    pub const NAMES: &'static [&'static str] =
        &["boosting", "forest", "linear", "logistic", "neighbors", "network", "stack"];

    /// An algorithm with its usual parameters. Errors: there is none of this name; the message lists those there are.
    pub fn parse(name: &str, task: Task) -> Result<Self> {
        Ok(match name {
            "boosting" => Self::Boosting(Boosting::default()),
            "forest" => Self::Forest(Forest::default()),
            "linear" => Self::Linear(Linear::default()),
            "logistic" => Self::Logistic(Logistic::default()),
            "neighbors" => Self::Neighbors(Neighbors::default()),
            "network" => Self::Network(Network::default()),
            "stack" => Self::Stack(Stack::usual(task)),
            _ => {
                let names = Self::NAMES.join(", ");
                return Err(Error::invalid(format!("there is no algorithm {name}; there are {names}")));
            }
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boosting(_) => "boosting",
            Self::Forest(_) => "forest",
            Self::Linear(_) => "linear",
            Self::Logistic(_) => "logistic",
            Self::Neighbors(_) => "neighbors",
            Self::Network(_) => "network",
            Self::Stack(_) => "stack",
        }
    }

    /// How it wants its features.
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Boosting(_) | Self::Forest(_) | Self::Stack(_) => Encoding::Native,
            Self::Linear(_) | Self::Logistic(_) | Self::Neighbors(_) | Self::Network(_) => Encoding::Dense,
        }
    }

    /// Whether it can predict for a task.
    pub fn fits(&self, task: Task) -> bool {
        match self {
            Self::Linear(_) => task == Task::Regression,
            Self::Logistic(_) => task != Task::Regression,
            Self::Stack(stack) => stack.members.iter().all(|m| m.fits(task)),
            _ => true,
        }
    }

    /// Fits features that have the form of [`Algorithm::encoding`]. Errors: those of the algorithm. A stack is fitted by
    /// [`crate::estimator::Estimator::fit`], because its members want different forms.
    pub(crate) fn fit(&self, features: &crate::data::Features, target: &Target, context: &Context) -> Result<Model> {
        Ok(match self {
            Self::Boosting(a) => Model::Boosting(a.fit(features, target, context)?),
            Self::Forest(a) => Model::Forest(a.fit(features, target, context)?),
            Self::Linear(a) => Model::Linear(a.fit(features, target, context)?),
            Self::Logistic(a) => Model::Linear(a.fit(features, target, context)?),
            Self::Neighbors(a) => Model::Neighbors(a.fit(features, target, context)?),
            Self::Network(a) => Model::Network(a.fit(features, target, context)?),
            Self::Stack(_) => return Err(Error::invalid("a stack cannot be a member of a stack")),
        })
    }
}
