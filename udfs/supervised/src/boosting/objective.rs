//! What boosting minimises: loss, gradient and curvature of the margins.

use crate::data::{Target, Task};
use crate::scale::Scale;

/// Margins become answers by a link, and are judged by a loss.
#[derive(Debug)]
pub(crate) struct Objective<'a> {
    target: &'a Target,
    /// Scaled numbers; empty for classes.
    scaled: Vec<f64>,
    pub(crate) scale: Scale,
}

/// Number of margins of a task: one, or one a class if there are more than two.
pub(crate) fn margins_of(task: Task) -> usize {
    match task {
        Task::Classification(classes) if classes > 2 => classes,
        _ => 1,
    }
}

/// Turns the margins of one row into probabilities: the logistic function, or the softmax.
pub(crate) fn softmax(margins: &mut [f64]) {
    let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    margins.iter_mut().for_each(|m| *m = (*m - largest).exp());
    let sum: f64 = margins.iter().sum();
    margins.iter_mut().for_each(|m| *m /= sum);
}

pub(crate) fn logistic(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

impl<'a> Objective<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        match target {
            Target::Numbers(values) => {
                let scale = Scale::of(values);
                Self { target, scaled: values.iter().map(|v| scale.forward(*v)).collect(), scale }
            }
            Target::Classes { .. } => Self { target, scaled: Vec::new(), scale: Scale::default() },
        }
    }

    /// Margins before the first tree: the mean, or the log odds of the classes among some rows.
    pub(crate) fn start(&self, rows: &[u32]) -> Vec<f64> {
        let count = rows.len().max(1) as f64;
        match self.target {
            Target::Numbers(_) => vec![rows.iter().map(|&r| self.scaled[r as usize]).sum::<f64>() / count],
            Target::Classes { codes, names } => {
                let mut shares = vec![0.0; names.len()];
                rows.iter().for_each(|&r| shares[codes[r as usize] as usize] += 1.0 / count);
                let log = |share: f64| share.max(0.5 / count).ln();
                match shares[..] {
                    [a, b] => vec![log(b) - log(a)],
                    _ => shares.iter().map(|s| log(*s)).collect(),
                }
            }
        }
    }

    /// Writes gradients and curvatures, margin by margin. O(rows x margins).
    pub(crate) fn slopes(&self, margins: &[Vec<f64>], gradients: &mut [Vec<f64>], curvatures: &mut [Vec<f64>]) {
        match self.target {
            Target::Numbers(_) => {
                for (row, y) in self.scaled.iter().enumerate() {
                    gradients[0][row] = margins[0][row] - y;
                    curvatures[0][row] = 1.0;
                }
            }
            Target::Classes { codes, .. } if margins.len() == 1 => {
                for (row, code) in codes.iter().enumerate() {
                    let p = logistic(margins[0][row]);
                    gradients[0][row] = p - f64::from(*code);
                    curvatures[0][row] = (p * (1.0 - p)).max(1e-16);
                }
            }
            Target::Classes { codes, names } => {
                let factor = names.len() as f64 / (names.len() as f64 - 1.0);
                let mut p = vec![0.0; names.len()];
                for (row, code) in codes.iter().enumerate() {
                    p.iter_mut().zip(margins).for_each(|(p, m)| *p = m[row]);
                    softmax(&mut p);
                    for (class, p) in p.iter().enumerate() {
                        gradients[class][row] = p - f64::from(u8::from(class == *code as usize));
                        curvatures[class][row] = (factor * p * (1.0 - p)).max(1e-16);
                    }
                }
            }
        }
    }

    /// Mean loss of some rows: half the squared error, or the log loss.
    pub(crate) fn loss(&self, margins: &[Vec<f64>], rows: &[u32]) -> f64 {
        let of = |row: usize| match self.target {
            Target::Numbers(_) => (margins[0][row] - self.scaled[row]).powi(2) / 2.0,
            Target::Classes { codes, .. } if margins.len() == 1 => {
                let sign = if codes[row] == 1 { -1.0 } else { 1.0 };
                log_1_plus_exp(sign * margins[0][row])
            }
            Target::Classes { codes, .. } => {
                let largest = margins.iter().map(|m| m[row]).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = margins.iter().map(|m| (m[row] - largest).exp()).sum();
                sum.ln() + largest - margins[codes[row] as usize][row]
            }
        };
        rows.iter().map(|&r| of(r as usize)).sum::<f64>() / rows.len().max(1) as f64
    }
}

/// ln(1 + exp(x)) without overflow.
pub(crate) fn log_1_plus_exp(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(count: usize) -> Target {
        let codes = (0..12).map(|i| (i * 5 % count) as u32).collect();
        Target::Classes { codes, names: (0..count).map(|c| c.to_string()).collect() }
    }

    /// Gradients are the slopes of the loss, seen by small steps.
    #[test]
    fn gradients_are_the_derivatives_of_the_loss() {
        let numbers = Target::Numbers((0..12).map(|i| f64::from(i * i)).collect());
        for target in [numbers, classes(2), classes(4)] {
            let objective = Objective::new(&target);
            let count = margins_of(target.task());
            let mut margins: Vec<Vec<f64>> =
                (0..count).map(|k| (0..12).map(|r| f64::from(r) / 7.0 - k as f64 / 3.0).collect()).collect();
            let (mut gradients, mut curvatures) = (vec![vec![0.0; 12]; count], vec![vec![0.0; 12]; count]);
            objective.slopes(&margins, &mut gradients, &mut curvatures);
            for k in 0..count {
                for row in 0..12 {
                    let mut at = |step: f64| {
                        margins[k][row] += step;
                        let loss = objective.loss(&margins, &[row as u32]);
                        margins[k][row] -= step;
                        loss
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!((slope - gradients[k][row]).abs() < 1e-6, "{slope} {}", gradients[k][row]);
                    assert!(curvatures[k][row] > 0.0);
                }
            }
        }
    }

    #[test]
    fn huge_margins_give_finite_losses_and_probabilities() {
        let target = classes(2);
        let objective = Objective::new(&target);
        assert!(objective.loss(&[vec![1e6; 12]], &[0, 1]).is_finite());
        let mut margins = [1e300, -1e300, 0.0];
        softmax(&mut margins);
        assert_eq!(margins, [1.0, 0.0, 0.0]);
        assert_eq!((logistic(1e9), logistic(-1e9)), (1.0, 0.0));
    }
}
