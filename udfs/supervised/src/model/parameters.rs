//! Parameters of algorithms by name, as numbers.

use headwater_common::{Error, Result};

use crate::model::Algorithm;

/// A parameter as a number, and back.
trait Parameter: Copy {
    fn number(self) -> f64;
    /// `None` when the number is none of this kind.
    fn of(number: f64) -> Option<Self>;
}

impl Parameter for f64 {
    fn number(self) -> f64 {
        self
    }

    fn of(number: f64) -> Option<Self> {
        number.is_finite().then_some(number)
    }
}

impl Parameter for usize {
    fn number(self) -> f64 {
        self as f64
    }

    fn of(number: f64) -> Option<Self> {
        ((0.0..=1e9).contains(&number) && number.fract() == 0.0).then_some(number as Self)
    }
}

impl Parameter for bool {
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }

    fn of(number: f64) -> Option<Self> {
        (number == 0.0 || number == 1.0).then_some(number == 1.0)
    }
}

/// Reads and writes the named fields of a structure.
macro_rules! fields {
    ($value:expr, $visit:expr, $($field:ident),*) => {
        $(
            $visit(stringify!($field), &mut Slot { get: $value.$field.number(), set: &mut |n| {
                Parameter::of(n).map(|v| $value.$field = v)
            }});
        )*
    };
}

/// One parameter while it is visited.
struct Slot<'a> {
    get: f64,
    set: &'a mut dyn FnMut(f64) -> Option<()>,
}

impl Algorithm {
    /// Calls back with each parameter. Optional ones are visited when they are set, or when they can be.
    fn visit(&mut self, visit: &mut dyn FnMut(&'static str, &mut Slot<'_>)) {
        match self {
            Self::Boosting(a) => {
                fields!(
                    a,
                    visit,
                    rounds,
                    learning_rate,
                    leaves_max,
                    depth_max,
                    rows_min,
                    l2,
                    row_share,
                    feature_share,
                    bins_max,
                    holdout,
                    refit
                );
                // 0 rounds of patience are none.
                let mut patience = a.patience.unwrap_or(0);
                let get = patience.number();
                visit("patience", &mut Slot { get, set: &mut |n| usize::of(n).map(|v| patience = v) });
                a.patience = (patience > 0).then_some(patience);
            }
            Self::Forest(a) => {
                fields!(a, visit, trees, leaves_max, depth_max, rows_min);
                // A share of 0 is the usual one.
                let mut share = a.feature_share.unwrap_or(0.0);
                visit("feature_share", &mut Slot { get: share, set: &mut |n| f64::of(n).map(|v| share = v) });
                a.feature_share = (share != 0.0).then_some(share);
            }
            Self::Linear(a) => {
                fields!(a, visit, l1, l2);
            }
            Self::Logistic(a) => {
                fields!(a, visit, l2);
            }
            Self::Neighbors(a) => {
                fields!(a, visit, k, by_distance, rows_max);
            }
            Self::Network(a) => {
                fields!(a, visit, units, epochs, learning_rate, l2, patience);
            }
            Self::Stack(a) => {
                fields!(a, visit, folds);
            }
        }
    }

    /// Names and values of all parameters.
    pub fn parameters(&self) -> Vec<(&'static str, f64)> {
        let mut out = Vec::new();
        self.clone().visit(&mut |name, slot| out.push((name, slot.get)));
        out
    }

    /// The algorithm with another value of a parameter. Truth values are 0 and 1. Ranges are checked by the fit.
    /// Errors: there is no such parameter (the message lists those there are), or it takes no such number.
    pub fn with(&self, name: &str, value: f64) -> Result<Self> {
        let mut new = self.clone();
        let mut outcome = None;
        new.visit(&mut |here, slot| {
            if here == name {
                outcome = Some((slot.set)(value).is_some());
            }
        });
        match outcome {
            Some(true) => Ok(new),
            Some(false) => Err(Error::invalid(format!("{}: {name} takes no such number", self.name()))),
            None => {
                let names: Vec<&str> = self.parameters().iter().map(|p| p.0).collect();
                let names = names.join(", ");
                Err(Error::invalid(format!("{} has no parameter {name}; it has {names}", self.name())))
            }
        }
    }

    /// Parameters that are not the usual ones, as `name=value, ...`.
    pub fn describe(&self) -> String {
        if let Self::Stack(stack) = self {
            let members = stack.members.iter().map(|m| match m.describe() {
                text if text.is_empty() => m.name().to_owned(),
                text => format!("{}({text})", m.name()),
            });
            return members.collect::<Vec<_>>().join(" + ");
        }
        let task = crate::data::Task::Regression;
        let usual = Self::parse(self.name(), task).map(|a| a.parameters()).unwrap_or_default();
        let own = self.parameters().into_iter().filter(|p| !usual.contains(p));
        own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Task;

    #[test]
    fn every_parameter_is_read_and_written_by_name() {
        for name in Algorithm::NAMES {
            let usual = Algorithm::parse(name, Task::Regression).unwrap();
            for (parameter, value) in usual.parameters() {
                let changed = usual.with(parameter, if value == 1.0 { 0.0 } else { 1.0 }).unwrap();
                assert_ne!(changed, usual, "{name} {parameter}");
                assert_eq!(changed.with(parameter, value).unwrap(), usual);
            }
            assert_eq!(usual.describe().is_empty(), *name != "stack");
        }
    }

    #[test]
    fn unknown_names_and_wrong_numbers_say_what_there_is() {
        let boosting = Algorithm::parse("boosting", Task::Regression).unwrap();
        assert!(boosting.with("depth", 3.0).unwrap_err().message().contains("learning_rate, leaves_max"));
        assert!(boosting.with("rounds", 1.5).unwrap_err().message().contains("rounds takes no such number"));
        assert!(boosting.with("l2", f64::NAN).is_err());
        assert_eq!(boosting.with("patience", 9.0).unwrap().describe(), "patience=9");
        assert!(Algorithm::parse("svm", Task::Regression).unwrap_err().message().contains("boosting, forest"));
    }
}
