//! Eigenvalues of symmetric matrices.

use headwater_timeseries::Cancel;

/// Eigenvalues of a symmetric matrix (row by row), largest first, and the eigenvector of each, by cyclic Jacobi rotations
/// (Golub and Van Loan, 8.5); unfinished once cancelled. O(n³) a sweep, a handful of sweeps.
pub(crate) fn symmetric_eigen(mut a: Vec<f64>, n: usize, cancel: &Cancel) -> Vec<(f64, Vec<f64>)> {
    const SWEEPS_MAX: usize = 50;
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
    }
    for _ in 0..SWEEPS_MAX {
        let outside: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j].powi(2)).sum();
        let inside: f64 = (0..n).map(|i| a[i * n + i].powi(2)).sum();
        if outside <= inside * 1e-26 || cancel.is_cancelled() {
            break;
        }
        for p in 0..n {
            if cancel.is_cancelled() {
                break;
            }
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..n).map(|i| (a[i * n + i], v[i * n..(i + 1) * n].to_vec())).collect();
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0));
    pairs
}

/// Makes the element (p, q) zero; eigenvectors are the rows of `v`.
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
    if apq.abs() <= 1e-15 * (app * aqq).abs().sqrt() || apq == 0.0 {
        return;
    }
    let theta = (aqq - app) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    // Rows first, then the same columns: the matrix is kept whole and symmetric.
    for m in [&mut *a, &mut *v] {
        let (head, tail) = m.split_at_mut(q * n);
        for (x, y) in head[p * n..(p + 1) * n].iter_mut().zip(&mut tail[..n]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    for row in a.chunks_exact_mut(n) {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_values_make_the_matrix_again() {
        let n = 6;
        let a: Vec<f64> =
            (0..n * n).map(|i| ((i / n) * (i % n)) as f64 % 5.0 + if i / n == i % n { 3.0 } else { 0.0 }).collect();
        let pairs = symmetric_eigen(a.clone(), n, &Cancel::default());
        assert!(pairs.windows(2).all(|w| w[0].0 >= w[1].0));
        for i in 0..n {
            for j in 0..n {
                let made: f64 = pairs.iter().map(|(value, vector)| value * vector[i] * vector[j]).sum();
                assert!((made - a[i * n + j]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_matrix_of_zeros_has_zero_eigenvalues() {
        assert!(symmetric_eigen(vec![0.0; 4], 2, &Cancel::default()).iter().all(|p| p.0 == 0.0));
        assert!(symmetric_eigen(Vec::new(), 0, &Cancel::default()).is_empty());
    }
}
