//! What each feature adds to a prediction.

use headwater_common::{Error, Result};

use crate::data::Features;
use crate::explain::tree_shap;
use crate::model::Model;
use crate::tree::Tree;

/// Contributions to one output. For every row, `base` and the row's contributions add up to the output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The mean output over the training rows.
    pub base: f64,
    /// Feature by feature, one value a row.
    pub features: Vec<Vec<f64>>,
}

/// Contributions to each output, in its unit: the number itself; the log odds of the second of two classes, or the margin of
/// each class, of boosting and logistic models; the probability of the second of two classes, or of each before they are
/// made to add up to 1, of a forest.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// One output of numbers and of two classes, else one a class.
    pub outputs: Vec<Output>,
}

impl Contributions {
    /// Names of columns and their contributions, by the column that each feature was made of. Shapley values of features that
    /// always change together add up.
    pub(crate) fn by_column(self, origins: &[&str]) -> (Vec<String>, Self) {
        let mut names: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for origin in origins {
            let place = names.iter().position(|name| name == origin);
            places.push(place.unwrap_or(names.len()));
            if place.is_none() {
                names.push((*origin).to_owned());
            }
        }
        let together = |output: Output| {
            let mut columns: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
            for (feature, place) in output.features.into_iter().zip(&places) {
                match &mut columns[*place] {
                    first if first.is_empty() => *first = feature,
                    sums => sums.iter_mut().zip(feature).for_each(|(sum, value)| *sum += value),
                }
            }
            Output { base: output.base, features: columns }
        };
        let outputs = self.outputs.into_iter().map(together).collect();
        (names, Self { outputs })
    }
}

/// Shapley values of each feature for each row: TreeSHAP for boosting and forests, weights times distances from the mean for
/// linear models. Errors: another number of features, or an algorithm that has none; use permutation importance there.
/// O(rows x trees x leaves x depth²).
pub fn contributions(model: &Model, features: &Features) -> Result<Contributions> {
    let outputs = match model {
        Model::Boosting(m) => {
            m.margins(&features.take(&[]))?;
            let (starts, unit) = m.starts();
            let of = |(at, start): (usize, &f64)| of_trees(m.trees_of(at), *start, unit, features);
            starts.iter().enumerate().map(of).collect()
        }
        Model::Forest(m) => {
            m.predict(&features.take(&[]))?;
            let (start, unit) = m.start_and_unit();
            (0..m.columns()).map(|at| of_trees(m.trees_of(at), start, unit, features)).collect()
        }
        Model::Linear(m) => m.contributions(features)?,
        Model::Neighbors(_) | Model::Network(_) => {
            return Err(Error::unsupported(
                "this algorithm has no contributions of features; ask for its permutation importance",
            ));
        }
    };
    Ok(Contributions { outputs })
}

fn of_trees<'a>(trees: impl Iterator<Item = &'a Tree> + Clone, start: f64, unit: f64, features: &Features) -> Output {
    let base = start + trees.clone().map(|t| unit * tree_shap::expected(t)).sum::<f64>();
    let mut out = vec![vec![0.0; features.rows()]; features.width()];
    let mut sums = vec![0.0; features.width()];
    for row in 0..features.rows() {
        sums.fill(0.0);
        trees.clone().for_each(|tree| tree_shap::add(tree, features.columns(), row, unit, &mut sums));
        out.iter_mut().zip(&sums).for_each(|(out, sum)| out[row] = *sum);
    }
    Output { base, features: out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosting::Boosting;
    use crate::context::Context;
    use crate::data::{Kind, Target};
    use crate::forest::Forest;
    use crate::linear::{Linear, Logistic};

    /// The mean answer of a tree for a row of which only some features are known.
    fn known_only(tree: &Tree, features: &Features, row: usize, known: u32, at: usize) -> f64 {
        let node = &tree.nodes[at];
        if node.left == 0 {
            return node.value;
        }
        let child = |c: u32| known_only(tree, features, row, known, c as usize);
        if known >> node.feature & 1 == 1 {
            let left = tree.goes_left(node, features.columns()[node.feature as usize][row]);
            return child(if left { node.left } else { node.right });
        }
        let cover = |c: u32| tree.cover[c as usize] / tree.cover[at];
        cover(node.left) * child(node.left) + cover(node.right) * child(node.right)
    }

    /// Shapley's formula over all sets of features.
    fn shapley(tree: &Tree, features: &Features, row: usize, feature: usize) -> f64 {
        let width = features.width();
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        (0..1_u32 << width)
            .filter(|set| set >> feature & 1 == 0)
            .map(|set| {
                let size = set.count_ones() as usize;
                let weight = factorial(size) * factorial(width - size - 1) / factorial(width);
                let value = |known| known_only(tree, features, row, known, 0);
                weight * (value(set | 1 << feature) - value(set))
            })
            .sum()
    }

    fn sample() -> (Features, Target) {
        let n = 120;
        let number = |a: usize, b: usize| (0..n).map(|i| (i * a % b) as f64).collect::<Vec<_>>();
        let mut x0 = number(7, 23);
        x0[5] = f64::NAN;
        let columns = vec![
            ("a".to_owned(), Kind::Numeric, x0.clone()),
            ("b".to_owned(), Kind::Numeric, number(11, 17)),
            ("c".to_owned(), Kind::Category(6), number(5, 6)),
            ("d".to_owned(), Kind::Numeric, number(3, 31)),
        ];
        let y = (0..n).map(|i| if i == 5 { 9.0 } else { x0[i] * (i * 11 % 17) as f64 + (i * 5 % 6 % 2) as f64 * 40.0 });
        (Features::new(n, columns).unwrap(), Target::Numbers(y.collect()))
    }

    #[test]
    fn values_are_those_of_shapleys_formula_over_all_sets() {
        let (features, target) = sample();
        let boosting = Boosting { rounds: 3, leaves_max: 12, rows_min: 1, ..Boosting::default() };
        let model = boosting.fit(&features, &target, &Context::default()).unwrap();
        let unit = model.starts().1;
        let all = contributions(&Model::Boosting(model.clone()), &features).unwrap();
        for row in [0, 5, 17, 119] {
            for feature in 0..4 {
                let exact: f64 = model.trees.iter().map(|t| unit * shapley(t, &features, row, feature)).sum();
                let ours = all.outputs[0].features[feature][row];
                assert!((exact - ours).abs() < 1e-9 * (1.0 + exact.abs()), "{row} {feature}: {exact} {ours}");
            }
        }
    }

    #[test]
    fn contributions_add_up_to_the_margins() {
        let (features, target) = sample();
        let model = Boosting { rounds: 20, ..Boosting::default() }.fit(&features, &target, &Context::default()).unwrap();
        let margins = model.margins(&features).unwrap();
        let found = contributions(&Model::Boosting(model), &features).unwrap();
        for row in 0..features.rows() {
            let sum: f64 = found.outputs[0].features.iter().map(|f| f[row]).sum::<f64>() + found.outputs[0].base;
            assert!((sum - margins[0][row]).abs() < 1e-7, "{sum} {}", margins[0][row]);
        }
    }

    #[test]
    fn forests_and_linear_models_add_up_too() {
        let (features, target) = sample();
        let context = Context::default();
        let numbers = Features::of_numbers(vec![features.columns()[1].clone(), features.columns()[3].clone()]).unwrap();
        let Target::Numbers(values) = &target else { panic!() };
        let codes = values.iter().map(|v| u32::from(*v > 60.0)).collect();
        let classes = Target::Classes { codes, names: vec!["no".into(), "yes".into()] };
        let check = |model: Model, features: &Features, sums: &[f64]| {
            let found = contributions(&model, features).unwrap();
            for (row, known) in sums.iter().enumerate() {
                let sum: f64 = found.outputs[0].features.iter().map(|f| f[row]).sum::<f64>() + found.outputs[0].base;
                assert!((sum - known).abs() < 1e-8 * known.abs().max(1.0), "{sum} {known}");
            }
        };
        let forest = Forest { trees: 4, ..Forest::default() }.fit(&features, &target, &context).unwrap();
        let sums = forest.predict(&features).unwrap().remove(0);
        check(Model::Forest(forest), &features, &sums);
        let linear = Linear::default().fit(&numbers, &target, &context).unwrap();
        let sums = linear.predict(&numbers).unwrap().remove(0);
        check(Model::Linear(linear), &numbers, &sums);
        let logistic = Logistic::default().fit(&numbers, &classes, &context).unwrap();
        let sums = logistic.margins(&numbers).unwrap().remove(0);
        check(Model::Linear(logistic), &numbers, &sums);
    }
}
