//! A small neural network.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::record;
use headwater_timeseries::adam::Adam;
use headwater_timeseries::linear::{Matrix, dot};
use headwater_timeseries::random::Random;

use crate::boosting::softmax;
use crate::context::{Context, check_rows};
use crate::data::{Features, Target, Task};
use crate::scale::Scale;
use crate::standard::Standard;
use crate::validation::holdout;

const BATCH: usize = 32;
/// Features beyond this many deviations count as this many.
const REACH: f64 = 10.0;

/// A multilayer perceptron with one hidden layer of rectified units, fitted by Adam (Kingma & Ba, 2015) on batches of 32
/// rows, until the loss of held out rows has not fallen for `patience` epochs. Outputs: a number, or a softmax of classes.
/// O(epochs x rows x features x units).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Units of the hidden layer, 1 to 1024.
    pub units: usize,
    /// Most passes over the rows.
    pub epochs: usize,
    /// Step of Adam.
    pub learning_rate: f64,
    /// Penalty of squared weights.
    pub l2: f64,
    /// Epochs without gain before the end.
    pub patience: usize,
}

impl Default for Network {
    fn default() -> Self {
        Self { units: 32, epochs: 200, learning_rate: 3e-3, l2: 1e-5, patience: 12 }
    }
}

impl Network {
    /// Fits. Errors: a parameter is out of its range, fewer than two rows, too many features, or cancelled.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<NetworkModel> {
        check_rows(features, target)?;
        let positive = self.learning_rate > 0.0 && self.learning_rate <= 1.0 && self.l2 >= 0.0 && self.l2.is_finite();
        if !(1..=1024).contains(&self.units) || self.epochs == 0 || self.patience == 0 || !positive {
            return Err(Error::invalid(
                "network: units must be 1 to 1024, epochs and patience 1 or more, learning_rate above 0 and at most 1, l2 0 or more",
            ));
        }
        let standard = Standard::fit(features)?;
        let rows = bounded(&standard, features)?;
        let mut answers = target.indicators();
        let scale = match target.task() {
            Task::Regression => Scale::of(&answers[0]),
            Task::Classification(_) => Scale::default(),
        };
        answers.iter_mut().flatten().for_each(|a| *a = scale.forward(*a));
        let (mut train, held) = holdout(target, 0.15, context);
        let judged = if held.is_empty() { train.clone() } else { held };
        let mut random = Random::new(context.seed);
        let mut model = NetworkModel::random(target.task(), standard, self.units, scale, &mut random);
        let mut adam = Adam::new(model.weights.len(), self.learning_rate, self.l2);
        let (mut best, mut best_epoch) = ((model.loss(&rows, &answers, &judged), model.weights.clone()), 0);
        for epoch in 1..=self.epochs {
            context.cancel.check()?;
            random.shuffle(&mut train);
            for batch in train.chunks(BATCH) {
                let gradient = model.gradient(&rows, &answers, batch);
                adam.step(&mut model.weights, &gradient);
            }
            let loss = model.loss(&rows, &answers, &judged);
            if loss < best.0 {
                (best, best_epoch) = ((loss, model.weights.clone()), epoch);
            } else if epoch - best_epoch >= self.patience {
                break;
            }
        }
        model.weights = best.1;
        Ok(model)
    }
}

fn bounded(standard: &Standard, features: &Features) -> Result<Matrix> {
    let mut rows = standard.rows(features)?;
    (0..rows.rows()).for_each(|r| rows.row_mut(r).iter_mut().for_each(|z| *z = z.clamp(-REACH, REACH)));
    Ok(rows)
}

/// A fitted network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkModel {
    task: Task,
    standard: Standard,
    units: usize,
    scale: Scale,
    /// Of each unit its features and bias, then of each output its units and bias.
    weights: Vec<f64>,
}

record!(NetworkModel { task, standard, units, scale, weights } check check);

impl NetworkModel {
    fn check(&self) -> Result<()> {
        let hidden = (self.standard.width() + 1).checked_mul(self.units);
        let fits = (1..=1024).contains(&self.units)
            && hidden.and_then(|h| h.checked_add((self.units + 1) * self.task.outputs())) == Some(self.weights.len());
        if fits { Ok(()) } else { Err(damaged("the weights of a network do not fit together")) }
    }

    /// Weights as He et al., "Delving deep into rectifiers", 2015.
    fn random(task: Task, standard: Standard, units: usize, scale: Scale, random: &mut Random) -> Self {
        let (width, outputs) = (standard.width(), task.outputs());
        let mut weights = Vec::with_capacity((width + 1) * units + (units + 1) * outputs);
        for (count, inputs) in [(units, width), (outputs, units)] {
            let spread = (2.0 / inputs.max(1) as f64).sqrt();
            for _ in 0..count {
                weights.extend((0..inputs).map(|_| spread * random.normal()));
                weights.push(0.0);
            }
        }
        Self { task, standard, units, scale, weights }
    }

    pub(crate) fn width(&self) -> usize {
        self.standard.width()
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.task
    }

    fn layers(&self) -> (&[f64], &[f64]) {
        self.weights.split_at((self.standard.width() + 1) * self.units)
    }

    /// Fills the units and outputs of one row; outputs of classes are probabilities.
    fn forward(&self, row: &[f64], units: &mut [f64], outputs: &mut [f64]) {
        let (hidden, last) = self.layers();
        let sum = |w: &[f64], x: &[f64]| dot(&w[..x.len()], x) + w[x.len()];
        units.iter_mut().zip(hidden.chunks(row.len() + 1)).for_each(|(u, w)| *u = sum(w, row).max(0.0));
        outputs.iter_mut().zip(last.chunks(units.len() + 1)).for_each(|(o, w)| *o = sum(w, units));
        if self.task != Task::Regression {
            softmax(outputs);
        }
    }

    fn loss(&self, rows: &Matrix, answers: &[Vec<f64>], judged: &[u32]) -> f64 {
        let (mut units, mut outputs) = (vec![0.0; self.units], vec![0.0; answers.len()]);
        let mut sum = 0.0;
        for &row in judged {
            let row = row as usize;
            self.forward(rows.row(row), &mut units, &mut outputs);
            for (output, known) in outputs.iter().zip(answers) {
                sum += match self.task {
                    Task::Regression => (output - known[row]).powi(2) / 2.0,
                    Task::Classification(_) => -known[row] * output.max(1e-15).ln(),
                };
            }
        }
        sum / judged.len() as f64
    }

    /// The mean gradient of a batch by back-propagation (Rumelhart, Hinton & Williams, 1986).
    fn gradient(&self, rows: &Matrix, answers: &[Vec<f64>], batch: &[u32]) -> Vec<f64> {
        let (width, units_count) = (self.standard.width(), self.units);
        let mut gradient = vec![0.0; self.weights.len()];
        let (hidden, last) = gradient.split_at_mut((width + 1) * units_count);
        let (mut units, mut errors) = (vec![0.0; units_count], vec![0.0; answers.len()]);
        let mut back = vec![0.0; units_count];
        for &row in batch {
            let row = row as usize;
            let x = rows.row(row);
            self.forward(x, &mut units, &mut errors);
            back.fill(0.0);
            for (output, error) in errors.iter_mut().enumerate() {
                // The same for the squared error and for the log loss behind a softmax.
                *error = (*error - answers[output][row]) / batch.len() as f64;
                let at = output * (units_count + 1);
                let weights = &self.layers().1[at..at + units_count];
                back.iter_mut().zip(weights).for_each(|(b, w)| *b += *error * w);
                last[at..at + units_count].iter_mut().zip(&units).for_each(|(g, u)| *g += *error * u);
                last[at + units_count] += *error;
            }
            for (unit, back) in back.iter().enumerate().filter(|(unit, _)| units[*unit] > 0.0) {
                let at = unit * (width + 1);
                hidden[at..at + width].iter_mut().zip(x).for_each(|(g, x)| *g += back * x);
                hidden[at + width] += back;
            }
        }
        gradient
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features.
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        let rows = bounded(&self.standard, features)?;
        let (mut units, mut outputs) = (vec![0.0; self.units], vec![0.0; self.task.outputs()]);
        let mut out = vec![Vec::with_capacity(rows.rows()); outputs.len()];
        for row in 0..rows.rows() {
            self.forward(rows.row(row), &mut units, &mut outputs);
            out.iter_mut().zip(&outputs).for_each(|(out, o)| out.push(self.scale.back(*o)));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_propagation_gives_the_derivatives_of_the_loss() {
        let features = Features::of_numbers(vec![vec![0.1, -0.4, 1.5, 0.7], vec![2.0, 1.0, -1.0, 0.3]]).unwrap();
        let classes = Target::Classes { codes: vec![0, 2, 1, 2], names: ["a", "b", "c"].map(str::to_owned).to_vec() };
        for target in [Target::Numbers(vec![1.0, -2.0, 0.5, 3.0]), classes] {
            let standard = Standard::fit(&features).unwrap();
            let rows = bounded(&standard, &features).unwrap();
            let answers = target.indicators();
            let mut model = NetworkModel::random(target.task(), standard, 4, Scale::default(), &mut Random::new(3));
            let all = [0, 1, 2, 3];
            let gradient = model.gradient(&rows, &answers, &all);
            for at in 0..gradient.len() {
                let mut loss = |step: f64| {
                    model.weights[at] += step;
                    let loss = model.loss(&rows, &answers, &all);
                    model.weights[at] -= step;
                    loss
                };
                let slope = (loss(1e-6) - loss(-1e-6)) / 2e-6;
                assert!((slope - gradient[at]).abs() < 1e-6, "{at}: {slope} {}", gradient[at]);
            }
        }
    }
}
