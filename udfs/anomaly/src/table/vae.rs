//! Rows that a small network cannot tell from few numbers.
#![allow(clippy::needless_range_loop, reason = "several arrays are read best by index")]

use headwater_timeseries::Cancel;
use headwater_timeseries::adam::Adam;
use headwater_timeseries::random::Random;

use super::columns::Columns;
use super::sample::{distinct, order_by_content};
use super::{FittedDetector, TableDetector, TableScores};
use crate::statistics::random::Random as Draw;
use crate::status::Status;

/// A variational autoencoder (Kingma & Welling, "Auto-encoding variational Bayes", 2014; as a detector An & Cho, 2015): one
/// hidden layer to each side of a few latent numbers, fitted by Adam on a sample of the standardized rows. A score is minus the
/// evidence bound at the mean of the latent numbers: how far a row is from what comes back, and how far out its latent numbers
/// lie. Which rows are drawn follows from the seed and the rows themselves. On most tables trees and tails find more (Han et
/// al., "ADBench", 2022). O((n + steps) x columns x units).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vae {
    /// Seed of the sample, the first weights and the noise.
    pub seed: u64,
    /// Steps of Adam, each on [`BATCH`] rows.
    pub steps: usize,
}

impl Default for Vae {
    fn default() -> Self {
        Self { seed: 0, steps: 1500 }
    }
}

/// Rows of a step.
const BATCH: usize = 32;
/// Most rows that are learnt.
const SAMPLE_MAX: usize = 4096;
const COLUMNS_MAX: usize = 1000;
const RATE: f64 = 3e-3;
/// Variance of what the network need not tell, of columns whose variance is 1.
const NOISE: f64 = 0.2;
/// The network reads values further out as so far.
const REACH: f64 = 8.0;

impl TableDetector for Vae {
    fn name(&self) -> &'static str {
        "vae"
    }

    fn fit_until(&self, columns: &[&[f64]], cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        let known = Columns::of(columns, 10)?;
        if known.used.len() > COLUMNS_MAX {
            return Err(Status::TooLong { most: COLUMNS_MAX });
        }
        let scales = known.scales(columns);
        let mut fitted = Fitted { network: Network::random(known.used.len(), self.seed), columns: known, scales };
        let order = order_by_content(&fitted.columns, columns, self.seed);
        let places = distinct(order.len(), SAMPLE_MAX.min(order.len()), &mut Draw::new(self.seed, 0));
        let rows: Vec<Vec<f64>> = places.into_iter().map(|place| fitted.row(columns, order[place].1 as usize)).collect();
        let mut random = Random::new(self.seed);
        let mut adam = Adam::new(fitted.network.weights.len(), RATE, 1e-5);
        for _ in 0..self.steps {
            if cancel.is_cancelled() {
                break;
            }
            let mut gradient = vec![0.0; fitted.network.weights.len()];
            for _ in 0..BATCH {
                let row = &rows[random.below(rows.len())];
                let noise: Vec<f64> = (0..fitted.network.latent).map(|_| random.normal()).collect();
                fitted.network.learn(row, &noise, &mut gradient);
            }
            gradient.iter_mut().for_each(|g| *g /= BATCH as f64);
            adam.step(&mut fitted.network.weights, &gradient);
        }
        Ok(Box::new(fitted))
    }
}

#[derive(Debug, Clone)]
struct Fitted {
    columns: Columns,
    /// Mean and standard deviation of each column.
    scales: Vec<(f64, f64)>,
    network: Network,
}

impl Fitted {
    fn row(&self, columns: &[&[f64]], row: usize) -> Vec<f64> {
        let used = self.columns.used.iter().zip(&self.scales);
        used.map(|((i, column), (center, scale))| (column.value(columns[*i][row]) - center) / scale).collect()
    }
}

impl FittedDetector for Fitted {
    fn score_until(&self, columns: &[&[f64]], cancel: &Cancel) -> TableScores {
        let rows = match self.columns.rows_like(columns) {
            Ok(rows) => rows,
            Err(status) => return TableScores::unscored(columns.first().map_or(0, |c| c.len()), status),
        };
        let each = (0..rows).take_while(|row| row % 256 > 0 || !cancel.is_cancelled());
        TableScores::of(each.map(|row| self.network.score(&self.row(columns, row))).collect())
    }
}

/// A layer from `inputs` numbers to `outputs` numbers: of each output the weights and a constant, from a place on.
#[derive(Debug, Clone, Copy)]
struct Layer {
    from: usize,
    inputs: usize,
    outputs: usize,
}

impl Layer {
    fn end(self) -> usize {
        self.from + self.outputs * (self.inputs + 1)
    }

    fn forward(self, weights: &[f64], x: &[f64]) -> Vec<f64> {
        let each = weights[self.from..self.end()].chunks_exact(self.inputs + 1);
        each.map(|w| w[..self.inputs].iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + w[self.inputs]).collect()
    }

    /// Adds to the gradient and returns the derivatives by the inputs.
    fn backward(self, weights: &[f64], x: &[f64], errors: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let mut of_inputs = vec![0.0; self.inputs];
        for (output, error) in errors.iter().enumerate() {
            let from = self.from + output * (self.inputs + 1);
            let slots = gradient[from..from + self.inputs].iter_mut().zip(x);
            slots.for_each(|(slot, x)| *slot += error * x);
            gradient[from + self.inputs] += error;
            let own = of_inputs.iter_mut().zip(&weights[from..from + self.inputs]);
            own.for_each(|(of_input, weight)| *of_input += error * weight);
        }
        of_inputs
    }
}

#[derive(Debug, Clone)]
struct Network {
    latent: usize,
    /// To the hidden numbers, from there to mean and logarithm of the variance of the latent ones, and back.
    layers: [Layer; 4],
    weights: Vec<f64>,
}

fn squash(x: &mut [f64]) {
    x.iter_mut().for_each(|v| *v = v.tanh());
}

/// Derivatives before squashing from those after it.
fn unsquash(errors: &mut [f64], squashed: &[f64]) {
    errors.iter_mut().zip(squashed).for_each(|(e, s)| *e *= 1.0 - s * s);
}

impl Network {
    fn random(width: usize, seed: u64) -> Self {
        let (hidden, latent) = ((2 * width).clamp(4, 24), width.div_ceil(4).clamp(1, 8));
        let sizes = [(width, hidden), (hidden, 2 * latent), (latent, hidden), (hidden, width)];
        let (mut random, mut weights) = (Random::new(seed ^ 0x0076_6165), Vec::new());
        let layers = sizes.map(|(inputs, outputs)| {
            let layer = Layer { from: weights.len(), inputs, outputs };
            let spread = 1.0 / (inputs as f64).sqrt();
            for _ in 0..outputs {
                weights.extend((0..inputs).map(|_| spread * random.normal()));
                weights.push(0.0);
            }
            layer
        });
        Self { latent, layers, weights }
    }

    /// Hidden numbers, and mean and logarithm of the variance of the latent ones.
    fn encode(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut hidden = self.layers[0].forward(&self.weights, x);
        squash(&mut hidden);
        let mut code = self.layers[1].forward(&self.weights, &hidden);
        code[self.latent..].iter_mut().for_each(|v| *v = v.clamp(-10.0, 10.0));
        (hidden, code)
    }

    fn decode(&self, z: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut hidden = self.layers[2].forward(&self.weights, z);
        squash(&mut hidden);
        let back = self.layers[3].forward(&self.weights, &hidden);
        (hidden, back)
    }

    /// Adds the gradient of minus the evidence bound of a row, with this noise.
    fn learn(&self, row: &[f64], noise: &[f64], gradient: &mut [f64]) {
        let x: Vec<f64> = row.iter().map(|v| v.clamp(-REACH, REACH)).collect();
        let (encoded, code) = self.encode(&x);
        let (mean, log_variance) = code.split_at(self.latent);
        let spread: Vec<f64> = log_variance.iter().map(|v| (0.5 * v).exp()).collect();
        let z: Vec<f64> = (0..self.latent).map(|i| mean[i] + spread[i] * noise[i]).collect();
        let (decoded, back) = self.decode(&z);
        let errors: Vec<f64> = back.iter().zip(&x).map(|(b, x)| (b - x) / NOISE).collect();
        let mut of_decoded = self.layers[3].backward(&self.weights, &decoded, &errors, gradient);
        unsquash(&mut of_decoded, &decoded);
        let of_z = self.layers[2].backward(&self.weights, &z, &of_decoded, gradient);
        let mut of_code = vec![0.0; 2 * self.latent];
        for i in 0..self.latent {
            of_code[i] = of_z[i] + mean[i];
            let inside = log_variance[i].abs() < 10.0;
            let bound = 0.5 * (log_variance[i].exp() - 1.0);
            of_code[self.latent + i] = if inside { of_z[i] * noise[i] * 0.5 * spread[i] + bound } else { bound };
        }
        let mut of_encoded = self.layers[1].backward(&self.weights, &encoded, &of_code, gradient);
        unsquash(&mut of_encoded, &encoded);
        self.layers[0].backward(&self.weights, &x, &of_encoded, gradient);
    }

    /// Minus the evidence bound, without constants, at the mean of the latent numbers.
    fn score(&self, row: &[f64]) -> f64 {
        let x: Vec<f64> = row.iter().map(|v| v.clamp(-REACH, REACH)).collect();
        let (_, code) = self.encode(&x);
        let (mean, log_variance) = code.split_at(self.latent);
        let (_, back) = self.decode(mean);
        let far: f64 = back.iter().zip(row).map(|(b, x)| (b - x) * (b - x)).sum();
        let out: f64 = mean.iter().zip(log_variance).map(|(m, v)| m * m + v.exp() - 1.0 - v).sum();
        0.5 * (far / NOISE + out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_evidence_bound() {
        let mut network = Network::random(3, 4);
        let (row, noise) = ([0.4, -1.1, 0.7], [0.3]);
        let mut gradient = vec![0.0; network.weights.len()];
        network.learn(&row, &noise, &mut gradient);
        for at in 0..gradient.len() {
            let mut loss = |step: f64| {
                network.weights[at] += step;
                let (_, code) = network.encode(&row);
                let z = [code[0] + (0.5 * code[1]).exp() * noise[0]];
                let far: f64 = network.decode(&z).1.iter().zip(&row).map(|(b, x)| (b - x) * (b - x)).sum();
                network.weights[at] -= step;
                0.5 * (far / NOISE + code[0] * code[0] + code[1].exp() - 1.0 - code[1])
            };
            let slope = (loss(1e-6) - loss(-1e-6)) / 2e-6;
            assert!((slope - gradient[at]).abs() < 1e-5, "{at}: {slope} {}", gradient[at]);
        }
    }

    #[test]
    fn a_row_off_the_line_of_the_others_scores_highest() {
        let mut random = Random::new(2);
        let mut columns = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..400 {
            let t = random.normal();
            let values = [t, 2.0 * t + 0.1 * random.normal(), -t + 0.1 * random.normal()];
            columns.iter_mut().zip(values).for_each(|(c, v)| c.push(v));
        }
        // Each value is a usual one.
        columns.iter_mut().zip([2.0, -4.0, 2.0]).for_each(|(c, v)| c.push(v));
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let found = Vae::default().fit_score(&columns);
        let highest = (0..401).max_by(|a, b| found.score[*a].total_cmp(&found.score[*b]));
        assert_eq!((highest, found.status), (Some(400), Status::Ok));
    }
}
