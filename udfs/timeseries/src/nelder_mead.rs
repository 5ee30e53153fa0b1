//! Minimisation without derivatives.

/// Where a minimum was found.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// Arguments.
    pub x: Vec<f64>,
    /// Value of the function there.
    pub value: f64,
    /// How often the function was called.
    pub evaluations: usize,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most calls of the function.
    pub evaluations_max: usize,
    /// Relative difference of the simplex' best and worst value that ends the search.
    pub tolerance: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { evaluations_max: 2_000, tolerance: 1e-8 }
    }
}

/// The simplex method of Nelder & Mead, "A simplex method for function minimization", 1965, from a start with one step
/// for each argument. Values that are not finite count as infinitely large. O(evaluations x dimensions).
pub fn minimize(mut f: impl FnMut(&[f64]) -> f64, start: &[f64], steps: &[f64], bounds: Bounds) -> Minimum {
    let n = start.len();
    let mut evaluations = 0;
    let mut call = |x: &[f64]| {
        evaluations += 1;
        let value = f(x);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut simplex: Vec<(f64, Vec<f64>)> = Vec::with_capacity(n + 1);
    simplex.push((call(start), start.to_vec()));
    for i in 0..n {
        let mut x = start.to_vec();
        x[i] += steps[i];
        simplex.push((call(&x), x));
    }
    let mut calls = n + 1;
    let (mut middle, mut trial, mut second) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    while calls < bounds.evaluations_max && n > 0 {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst, next) = (simplex[0].0, simplex[n].0, simplex[n - 1].0);
        if !(worst - best > bounds.tolerance * (best.abs() + bounds.tolerance)) {
            break;
        }
        for i in 0..n {
            middle[i] = simplex[..n].iter().map(|p| p.1[i]).sum::<f64>() / n as f64;
        }
        let towards = |factor: f64, out: &mut Vec<f64>, worst: &[f64], middle: &[f64]| {
            (0..n).for_each(|i| out[i] = middle[i] + factor * (worst[i] - middle[i]));
        };
        towards(-1.0, &mut trial, &simplex[n].1, &middle);
        let reflected = call(&trial);
        calls += 1;
        if reflected < best {
            towards(-2.0, &mut second, &simplex[n].1, &middle);
            let expanded = call(&second);
            calls += 1;
            let (value, x) = if expanded < reflected { (expanded, &second) } else { (reflected, &trial) };
            simplex[n].0 = value;
            simplex[n].1.copy_from_slice(x);
        } else if reflected < next {
            simplex[n].0 = reflected;
            simplex[n].1.copy_from_slice(&trial);
        } else {
            towards(if reflected < worst { -0.5 } else { 0.5 }, &mut second, &simplex[n].1, &middle);
            let contracted = call(&second);
            calls += 1;
            if contracted < worst.min(reflected) {
                simplex[n].0 = contracted;
                simplex[n].1.copy_from_slice(&second);
            } else {
                let (first, rest) = simplex.split_at_mut(1);
                for (value, x) in rest {
                    x.iter_mut().zip(&first[0].1).for_each(|(v, b)| *v = b + 0.5 * (*v - b));
                    *value = call(x);
                }
                calls += n;
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (value, x) = simplex.swap_remove(0);
    Minimum { x, value, evaluations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let rosenbrock = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimize(rosenbrock, &[-1.2, 1.0], &[0.5, 0.5], Bounds { evaluations_max: 2_000, tolerance: 1e-14 });
        assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn functions_without_values_end_the_search() {
        let found = minimize(|_| f64::NAN, &[1.0, 2.0], &[0.1, 0.1], Bounds::default());
        assert!(found.value.is_infinite());
        assert_eq!(minimize(|_| 3.0, &[], &[], Bounds::default()).value, 3.0);
    }
}
