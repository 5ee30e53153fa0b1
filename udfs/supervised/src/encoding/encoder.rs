//! The features of a model, learnt once and used for training and for serving.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{Codec, Reader, Writer, record};
use headwater_timeseries::statistics::median;

use crate::context::Context;
use crate::data::{CATEGORIES_MAX, Categories, Features, Kind, Table, Target, Values};
use crate::encoding::TargetMean;
use crate::encoding::target_mean::places;

/// Most categories that trees see as sets.
const SETS_MAX: usize = 200;
/// Most categories with a column each.
const ONE_HOT_MAX: usize = 16;

/// The form in which an algorithm wants its features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Numbers with missing values, and categories by code; more than 200 categories become target means.
    Native,
    /// Numbers only, none missing: medians with a column that says so, a column for each of at most 16 categories, target
    /// means for more.
    Dense,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// The numbers as they are.
    Plain,
    /// Missing numbers become the median; the flag adds a column that says where.
    Filled { median: f64, flag: bool },
    /// Codes by place in the dictionary.
    Codes { names: Vec<String> },
    /// A column for each name.
    OneHot { names: Vec<String> },
    /// Target means.
    Means(TargetMean),
}

impl Codec for Form {
    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Plain => 0_u8.encode(to),
            Self::Filled { median, flag } => {
                1_u8.encode(to);
                (*median, *flag).encode(to);
            }
            Self::Codes { names } => {
                2_u8.encode(to);
                names.encode(to);
            }
            Self::OneHot { names } => {
                3_u8.encode(to);
                names.encode(to);
            }
            Self::Means(means) => {
                4_u8.encode(to);
                means.encode(to);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let names = |from: &mut Reader<'_>| -> Result<Vec<String>> {
            let names = Vec::<String>::decode(from)?;
            let fits = names.windows(2).all(|w| w[0] < w[1]) && names.len() <= CATEGORIES_MAX as usize;
            if fits { Ok(names) } else { Err(damaged("categories are not in order")) }
        };
        Ok(match u8::decode(from)? {
            0 => Self::Plain,
            1 => {
                let (median, flag) = Codec::decode(from)?;
                Self::Filled { median, flag }
            }
            2 => Self::Codes { names: names(from)? },
            3 => Self::OneHot { names: names(from)? },
            4 => Self::Means(Codec::decode(from)?),
            _ => return Err(damaged("a feature has no known form")),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    column: String,
    form: Form,
}

record!(Step { column, form });

/// Turns tables into features.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    steps: Vec<Step>,
}

record!(Encoder { steps });

type Feature = (String, Kind, Vec<f64>);

impl Encoder {
    /// Learns from training rows and gives their features, in which no row's target is known from that row. Columns of
    /// times have no features of their own. Errors: a column is not there. O(rows x columns).
    pub fn fit(
        table: &Table,
        columns: &[String],
        target: &Target,
        encoding: Encoding,
        context: &Context,
    ) -> Result<(Self, Features)> {
        let mut new = Self { steps: Vec::new() };
        let mut features = Vec::new();
        for column in columns {
            let values = table.values(column)?;
            let form = match values {
                Values::Times(_) => continue,
                Values::Numbers(x) => number_form(x, encoding),
                Values::Categories(x) => {
                    let names = occurring(x);
                    let most = if encoding == Encoding::Native { SETS_MAX } else { ONE_HOT_MAX };
                    match encoding {
                        _ if names.len() > most => {
                            let (means, trained) = TargetMean::fit(x, target, context.ordered);
                            features.extend(named_means(column, trained));
                            new.steps.push(Step { column: column.clone(), form: Form::Means(means) });
                            continue;
                        }
                        Encoding::Native => Form::Codes { names },
                        Encoding::Dense => Form::OneHot { names },
                    }
                }
            };
            let step = Step { column: column.clone(), form };
            features.extend(step.features(values)?);
            new.steps.push(step);
        }
        Ok((new, Features::new(table.rows(), features)?))
    }

    /// The features of rows. Errors: a column is not there, or has other values than when it was learnt. Columns that the
    /// model does not know are left out. O(rows x features).
    pub fn transform(&self, table: &Table) -> Result<Features> {
        let mut features = Vec::new();
        for step in &self.steps {
            features.extend(step.features(table.values(&step.column)?)?);
        }
        Features::new(table.rows(), features)
    }

    /// Whether features are made of a column.
    pub fn uses(&self, column: &str) -> bool {
        self.steps.iter().any(|s| s.column == column)
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.steps.iter().map(Step::width).sum()
    }

    /// The column that each feature was made of.
    pub fn origins(&self) -> Vec<&str> {
        self.steps.iter().flat_map(|step| std::iter::repeat_n(step.column.as_str(), step.width())).collect()
    }
}

impl Step {
    fn width(&self) -> usize {
        match &self.form {
            Form::Plain | Form::Codes { .. } => 1,
            Form::Filled { flag, .. } => 1 + usize::from(*flag),
            Form::OneHot { names } => names.len(),
            Form::Means(means) => means.outputs(),
        }
    }

    fn features(&self, values: &Values) -> Result<Vec<Feature>> {
        let name = &self.column;
        Ok(match (&self.form, values) {
            (Form::Plain, Values::Numbers(x)) => vec![(name.clone(), Kind::Numeric, x.clone())],
            (Form::Filled { median, flag }, Values::Numbers(x)) => {
                let filled = x.iter().map(|v| if v.is_finite() { *v } else { *median }).collect();
                let mut out = vec![(name.clone(), Kind::Numeric, filled)];
                if *flag {
                    let missing = x.iter().map(|v| f64::from(u8::from(!v.is_finite()))).collect();
                    out.push((format!("{name} is missing"), Kind::Numeric, missing));
                }
                out
            }
            (Form::Codes { names }, Values::Categories(x)) => {
                let code = |place: &Option<usize>| place.filter(|p| *p < names.len()).map_or(f64::NAN, |p| p as f64);
                let codes = places(x, names).iter().map(code).collect();
                vec![(name.clone(), Kind::Category(names.len() as u32), codes)]
            }
            (Form::OneHot { names }, Values::Categories(x)) => {
                let places = places(x, names);
                let column = |at: usize| places.iter().map(|p| f64::from(u8::from(*p == Some(at)))).collect();
                let named = |(at, text): (usize, &String)| (format!("{name} = {text}"), Kind::Numeric, column(at));
                names.iter().enumerate().map(named).collect()
            }
            (Form::Means(means), Values::Categories(x)) => named_means(name, means.columns(x)),
            (form, values) => {
                let wanted = if matches!(form, Form::Plain | Form::Filled { .. }) { "numbers" } else { "texts" };
                let kind = values.kind();
                return Err(Error::invalid(format!("column {name} has {kind}; the model was trained with {wanted}")));
            }
        })
    }
}

fn named_means(column: &str, means: Vec<Vec<f64>>) -> Vec<Feature> {
    let one = means.len() == 1;
    let name = |at: usize| if one { format!("{column} mean") } else { format!("{column} mean {}", at + 1) };
    means.into_iter().enumerate().map(|(at, x)| (name(at), Kind::Numeric, x)).collect()
}

fn number_form(x: &[f64], encoding: Encoding) -> Form {
    match encoding {
        Encoding::Native => Form::Plain,
        Encoding::Dense => {
            let finite: Vec<f64> = x.iter().copied().filter(|v| v.is_finite()).collect();
            let middle = if finite.is_empty() { 0.0 } else { median(&finite) };
            Form::Filled { median: middle, flag: finite.len() < x.len() && !finite.is_empty() }
        }
    }
}

/// Names that rows have, in order.
fn occurring(categories: &Categories) -> Vec<String> {
    let mut seen = vec![false; categories.names().len()];
    for code in categories.codes() {
        if let Some(seen) = seen.get_mut(*code as usize) {
            *seen = true;
        }
    }
    let names = categories.names().iter().zip(seen).filter(|(_, seen)| *seen).map(|(n, _)| n.clone());
    names.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    fn table(x: Vec<f64>, c: &[Option<&str>]) -> Table {
        Table::new(vec![Column::numbers("x", x), Column::texts("c", c)]).unwrap()
    }

    fn fitted(encoding: Encoding) -> (Encoder, Features) {
        let table = table(vec![1.0, f64::NAN, 5.0, f64::INFINITY], &[Some("b"), Some("a"), None, Some("b")]);
        let target = Target::Numbers(vec![1.0, 2.0, 3.0, 4.0]);
        let columns = ["x".to_owned(), "c".to_owned()];
        Encoder::fit(&table, &columns, &target, encoding, &Context::default()).unwrap()
    }

    #[test]
    fn dense_features_have_no_missing_values_and_unknown_categories_no_column() {
        let (encoder, trained) = fitted(Encoding::Dense);
        assert_eq!(trained.names(), ["x", "x is missing", "c = a", "c = b"]);
        assert_eq!(encoder.origins(), ["x", "x", "c", "c"]);
        assert_eq!(trained.columns()[0], [1.0, 3.0, 5.0, 3.0]);
        let served = encoder.transform(&table(vec![f64::NAN], &[Some("new")])).unwrap();
        assert_eq!(served.columns(), [[3.0], [1.0], [0.0], [0.0]]);
    }

    #[test]
    fn codes_follow_names_and_not_the_dictionary_of_the_rows() {
        let (encoder, trained) = fitted(Encoding::Native);
        assert_eq!(trained.columns()[1][..2], [1.0, 0.0]);
        let dictionary = Categories::new(vec![0, 1, 2], ["zzz", "b", "a"].map(str::to_owned).to_vec()).unwrap();
        let c = Column { name: "c".into(), values: Values::Categories(dictionary) };
        let served = encoder.transform(&Table::new(vec![c, Column::numbers("x", vec![0.0; 3])]).unwrap()).unwrap();
        assert!(served.columns()[1][0].is_nan());
        assert_eq!(served.columns()[1][1..], [1.0, 0.0]);
    }

    #[test]
    fn columns_that_changed_their_kind_or_are_gone_are_errors() {
        let (encoder, _) = fitted(Encoding::Dense);
        let texts = Table::new(vec![Column::texts("x", &[Some("1")]), Column::texts("c", &[Some("a")])]).unwrap();
        assert!(encoder.transform(&texts).unwrap_err().message().contains("column x has texts"));
        let gone = Table::new(vec![Column::numbers("x", vec![0.0])]).unwrap();
        assert!(encoder.transform(&gone).unwrap_err().message().contains("no column c"));
    }
}
