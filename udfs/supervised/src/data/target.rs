//! What is predicted.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{Codec, Reader, Writer};

use crate::data::Categories;

/// Most classes of a target.
pub const CLASSES_MAX: u32 = 1000;

/// The kind of prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A number.
    Regression,
    /// One of this many classes, at least two.
    Classification(usize),
}

impl Codec for Task {
    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Regression => 0_u32.encode(to),
            Self::Classification(classes) => (*classes as u32).encode(to),
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        match u32::decode(from)? {
            0 => Ok(Self::Regression),
            1 => Err(damaged("one class is none")),
            classes if classes <= CLASSES_MAX => Ok(Self::Classification(classes as usize)),
            _ => Err(damaged("too many classes")),
        }
    }
}

impl Task {
    /// Columns of a prediction: one number, or a probability for each class.
    pub fn outputs(self) -> usize {
        match self {
            Self::Regression => 1,
            Self::Classification(classes) => classes,
        }
    }
}

/// The known answers, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Finite numbers.
    Numbers(Vec<f64>),
    /// Codes of classes below the number of names.
    Classes {
        /// Class of each row.
        codes: Vec<u32>,
        /// Name of each class.
        names: Vec<String>,
    },
}

impl Target {
    /// Numbers to be predicted. Errors: one is missing or infinite.
    pub fn numbers(values: Vec<f64>) -> Result<Self> {
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(Self::Numbers(values)),
            false => Err(Error::invalid("the target has values that are missing or infinite; filter those rows out")),
        }
    }

    /// Classes to be predicted, of the categories that occur. Errors: one is missing, fewer than two occur, or more than
    /// [`CLASSES_MAX`].
    pub fn classes(categories: &Categories) -> Result<Self> {
        let names = categories.names();
        let mut order: Vec<usize> = categories.codes().iter().map(|c| *c as usize).collect();
        order.sort_unstable();
        order.dedup();
        order.sort_by_key(|c| names.get(*c));
        if order.iter().any(|c| *c >= names.len()) {
            return Err(Error::invalid("the target has missing values; filter those rows out"));
        }
        order.dedup_by_key(|c| &names[*c]);
        if order.len() < 2 {
            return Err(Error::invalid("the target has one class only; classification needs two or more"));
        }
        if order.len() > CLASSES_MAX as usize {
            return Err(Error::invalid(format!(
                "the target has more than {CLASSES_MAX} classes; is it a number or an id?"
            )));
        }
        let place = |code: &u32| order.binary_search_by_key(&&names[*code as usize], |c| &names[*c]).unwrap_or(0) as u32;
        Ok(Self::Classes {
            codes: categories.codes().iter().map(place).collect(),
            names: order.iter().map(|c| names[*c].clone()).collect(),
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Classes { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        match self {
            Self::Numbers(_) => Task::Regression,
            Self::Classes { names, .. } => Task::Classification(names.len()),
        }
    }

    /// The target of some rows, in the order given; classes keep their codes.
    pub fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|&r| values[r]).collect()),
            Self::Classes { codes, names } => {
                Self::Classes { codes: rows.iter().map(|&r| codes[r]).collect(), names: names.clone() }
            }
        }
    }

    /// One column an output: the numbers, or 1 where a row has the class and 0 elsewhere.
    pub(crate) fn indicators(&self) -> Vec<Vec<f64>> {
        match self {
            Self::Numbers(values) => vec![values.clone()],
            Self::Classes { codes, names } => {
                let of = |class: usize| codes.iter().map(|c| f64::from(u8::from(*c as usize == class))).collect();
                (0..names.len()).map(of).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_that_occur_in_the_order_of_their_names() {
        let names = ["z", "unused", "a", "z"].map(str::to_owned).to_vec();
        let target = Target::classes(&Categories::new(vec![0, 2, 3], names.clone()).unwrap()).unwrap();
        assert_eq!(target, Target::Classes { codes: vec![1, 0, 1], names: vec!["a".into(), "z".into()] });
        let one = Target::classes(&Categories::new(vec![0, 3], names.clone()).unwrap());
        assert!(one.unwrap_err().message().contains("one class"));
        let missing = Categories::new(vec![0, u32::MAX, 2], names).unwrap();
        assert!(Target::classes(&missing).unwrap_err().message().contains("missing"));
        assert!(Target::numbers(vec![1.0, f64::INFINITY]).is_err());
    }
}
