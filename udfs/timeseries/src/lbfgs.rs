//! Minimisation with a gradient.

use crate::linear::dot;
use crate::nelder_mead::Minimum;

const MEMORY: usize = 8;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most steps.
    pub steps_max: usize,
    /// Largest entry of the gradient, relative to the value, that ends the search.
    pub gradient_tolerance: f64,
    /// Relative gain of a step that ends the search.
    pub value_tolerance: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { steps_max: 200, gradient_tolerance: 1e-7, value_tolerance: 1e-10 }
    }
}

/// Limited-memory BFGS (Liu & Nocedal, "On the limited memory BFGS method for large scale optimization", 1989) with
/// backtracking by interpolation. The function returns its value and writes its gradient; a value that is not finite
/// shortens the step. O(steps x (dimensions + one call)).
pub fn minimize(mut f: impl FnMut(&[f64], &mut [f64]) -> f64, start: &[f64], bounds: Bounds) -> Minimum {
    let n = start.len();
    let (mut x, mut gradient) = (start.to_vec(), vec![0.0; n]);
    let mut value = f(&x, &mut gradient);
    let mut evaluations = 1;
    let mut memory: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::with_capacity(MEMORY);
    let (mut trial, mut trial_gradient) = (vec![0.0; n], vec![0.0; n]);
    for _ in 0..bounds.steps_max {
        let largest = gradient.iter().fold(0.0, |a: f64, g| a.max(g.abs()));
        if !value.is_finite() || !largest.is_finite() || largest <= bounds.gradient_tolerance * value.abs().max(1.0) {
            break;
        }
        let mut direction = descent(&gradient, &memory);
        let mut slope = dot(&direction, &gradient);
        if !(slope < 0.0) {
            memory.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        let mut step = if memory.is_empty() { (1.0 / dot(&gradient, &gradient).sqrt()).min(1.0) } else { 1.0 };
        let mut accepted = None;
        for _ in 0..25 {
            (0..n).for_each(|i| trial[i] = x[i] + step * direction[i]);
            let found = f(&trial, &mut trial_gradient);
            evaluations += 1;
            if found <= value + 1e-4 * step * slope && trial_gradient.iter().all(|g| g.is_finite()) {
                accepted = Some(found);
                break;
            }
            let parabola = -slope * step * step / (2.0 * (found - value - slope * step));
            step = if parabola.is_finite() { parabola.clamp(0.1 * step, 0.5 * step) } else { 0.1 * step };
        }
        let Some(found) = accepted else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        let change: Vec<f64> = trial.iter().zip(&x).map(|(a, b)| a - b).collect();
        let bend: Vec<f64> = trial_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&change, &bend);
        if curvature > 1e-12 * dot(&bend, &bend) {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push((change, bend, 1.0 / curvature));
        }
        let gain = value - found;
        std::mem::swap(&mut x, &mut trial);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        value = found;
        if gain <= bounds.value_tolerance * value.abs().max(1.0) {
            break;
        }
    }
    Minimum { x, value, evaluations }
}

/// The two-loop recursion.
fn descent(gradient: &[f64], memory: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(memory.len());
    for (change, bend, rho) in memory.iter().rev() {
        let alpha = rho * dot(change, &q);
        q.iter_mut().zip(bend).for_each(|(q, b)| *q -= alpha * b);
        alphas.push(alpha);
    }
    if let Some((_, bend, rho)) = memory.last() {
        let scale = 1.0 / (rho * dot(bend, bend));
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((change, bend, rho), alpha) in memory.iter().zip(alphas.iter().rev()) {
        let beta = rho * dot(bend, &q);
        q.iter_mut().zip(change).for_each(|(q, c)| *q += (alpha - beta) * c);
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            g[0] = -2.0 * (1.0 - x[0]) - 400.0 * x[0] * (x[1] - x[0] * x[0]);
            g[1] = 200.0 * (x[1] - x[0] * x[0]);
            (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2)
        };
        let found = minimize(rosenbrock, &[-1.2, 1.0], Bounds { value_tolerance: 0.0, ..Bounds::default() });
        assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
        assert!(found.evaluations < 100);
    }

    #[test]
    fn functions_without_values_end_the_search() {
        assert!(
            minimize(
                |_, g| {
                    g.fill(f64::NAN);
                    f64::NAN
                },
                &[1.0],
                Bounds::default()
            )
            .value
            .is_nan()
        );
        let undefined_left = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        };
        let found = minimize(undefined_left, &[40.0], Bounds::default());
        assert!((found.x[0] - 1.0).abs() < 1e-3, "{found:?}");
    }
}
