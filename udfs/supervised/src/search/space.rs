//! What a search may choose from.

use crate::data::Task;
use crate::model::Algorithm;

/// A parameter and its range.
#[derive(Debug, Clone, Copy)]
struct Dimension {
    name: &'static str,
    low: f64,
    high: f64,
    scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    /// Equal steps are equal factors.
    Logarithmic,
    /// The same, for whole numbers.
    Whole,
}

const fn dimension(name: &'static str, low: f64, high: f64, scale: Scale) -> Dimension {
    Dimension { name, low, high, scale }
}

const BOOSTING: &[Dimension] = &[
    dimension("learning_rate", 0.02, 0.3, Scale::Logarithmic),
    dimension("leaves_max", 7.0, 127.0, Scale::Whole),
    dimension("rows_min", 3.0, 100.0, Scale::Whole),
    dimension("feature_share", 0.4, 1.0, Scale::Linear),
    dimension("row_share", 0.5, 1.0, Scale::Linear),
    dimension("l2", 0.01, 20.0, Scale::Logarithmic),
];
const FOREST: &[Dimension] =
    &[dimension("rows_min", 1.0, 20.0, Scale::Whole), dimension("feature_share", 0.1, 1.0, Scale::Linear)];
const LINEAR: &[Dimension] =
    &[dimension("l1", 1e-5, 0.3, Scale::Logarithmic), dimension("l2", 1e-6, 1.0, Scale::Logarithmic)];
const LOGISTIC: &[Dimension] = &[dimension("l2", 1e-6, 1.0, Scale::Logarithmic)];
const NEIGHBORS: &[Dimension] =
    &[dimension("k", 1.0, 60.0, Scale::Whole), dimension("by_distance", 0.0, 1.0, Scale::Whole)];
const NETWORK: &[Dimension] = &[
    dimension("units", 8.0, 128.0, Scale::Whole),
    dimension("learning_rate", 5e-4, 2e-2, Scale::Logarithmic),
    dimension("l2", 1e-6, 1e-2, Scale::Logarithmic),
];

/// Rounds of boosting without gain before a fit of a search ends, and the most rounds.
const PATIENCE: f64 = 25.0;
const ROUNDS_MAX: f64 = 600.0;

/// One algorithm and its ranges. A point of the unit cube stands for a choice of its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    /// The algorithm with its usual parameters.
    pub(crate) usual: Algorithm,
    dimensions: &'static [Dimension],
}

impl Space {
    pub(crate) fn new(usual: Algorithm) -> Self {
        let dimensions = match usual {
            Algorithm::Boosting(_) => BOOSTING,
            Algorithm::Forest(_) => FOREST,
            Algorithm::Linear(_) => LINEAR,
            Algorithm::Logistic(_) => LOGISTIC,
            Algorithm::Neighbors(_) => NEIGHBORS,
            Algorithm::Network(_) => NETWORK,
            Algorithm::Stack(_) => &[],
        };
        Self { usual, dimensions }
    }

    /// Spaces of all algorithms but stacks that fit a task, the most promising first.
    pub(crate) fn all(task: Task) -> Vec<Self> {
        let fitting = Algorithm::NAMES.iter().filter_map(|name| Algorithm::parse(name, task).ok());
        fitting.filter(|a| a.fits(task) && !matches!(a, Algorithm::Stack(_))).map(Self::new).collect()
    }

    /// Number of parameters.
    pub(crate) fn width(&self) -> usize {
        self.dimensions.len()
    }

    /// The algorithm of a point; coordinates are in 0 to 1.
    pub(crate) fn at(&self, point: &[f64]) -> Algorithm {
        let mut algorithm = self.usual.clone();
        if let Algorithm::Boosting(_) = algorithm {
            algorithm = set(algorithm, "patience", PATIENCE);
            algorithm = set(algorithm, "rounds", ROUNDS_MAX);
            algorithm = set(algorithm, "refit", 0.0);
        }
        for (dimension, at) in self.dimensions.iter().zip(point) {
            algorithm = set(algorithm, dimension.name, dimension.value(at.clamp(0.0, 1.0)));
        }
        algorithm
    }
}

fn set(algorithm: Algorithm, name: &str, value: f64) -> Algorithm {
    algorithm.with(name, value).unwrap_or(algorithm)
}

impl Dimension {
    fn value(&self, at: f64) -> f64 {
        let logarithmic = |low: f64, high: f64| (low.ln() + at * (high.ln() - low.ln())).exp();
        match self.scale {
            Scale::Linear => self.low + at * (self.high - self.low),
            Scale::Logarithmic => logarithmic(self.low, self.high),
            Scale::Whole if self.low > 0.0 => logarithmic(self.low, self.high).round(),
            Scale::Whole => (self.low + at * (self.high - self.low)).round(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_of_the_cube_are_the_ends_of_the_ranges() {
        for task in [Task::Regression, Task::Classification(3)] {
            let spaces = Space::all(task);
            assert_eq!(spaces.len(), 5);
            for space in spaces {
                for (corner, end) in [(0.0, 0), (1.0, 1)] {
                    let parameters = space.at(&vec![corner; space.width()]).parameters();
                    for dimension in space.dimensions {
                        let value = parameters.iter().find(|p| p.0 == dimension.name).unwrap().1;
                        let wanted = [dimension.low, dimension.high][end];
                        assert!((value / wanted - 1.0).abs() < 1e-9 || value == wanted, "{} {value}", dimension.name);
                    }
                }
            }
        }
    }
}
