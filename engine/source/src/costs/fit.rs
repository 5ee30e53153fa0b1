//! A plane through observations that a few odd ones do not move.

/// What one statement took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Rows that it returned.
    pub rows: f64,
    /// Bytes of them.
    pub bytes: f64,
    /// Microseconds that were waited for them.
    pub micros: f64,
}

impl Observation {
    fn terms(&self) -> [f64; 3] {
        [1.0, self.rows, self.bytes]
    }
}

/// Rounds of weighting; more change the third digit.
const ROUNDS: usize = 12;
/// Residuals of more than so many times the usual one count less (Huber 1964: 1.345 keeps 95 % of the efficiency of least
/// squares where nothing is odd).
const HUBER: f64 = 1.345;
/// The median of absolute residuals is this share of their standard deviation.
const MEDIAN_OF_SIGMA: f64 = 0.6745;
/// Added to each square on the diagonal, as a share of it: rows and bytes of one table are proportional to each other.
const RIDGE: f64 = 1e-9;

/// Microseconds of a statement, of a row and of a byte, none below 0, with the least sum of weighted squares of relative
/// residuals, and the median of the absolute relative residuals. `None` without observations.
///
/// Residuals are relative because statements take from a millisecond to minutes; weights are Huber's, found by iteratively
/// reweighted least squares (Holland and Welsch 1977).
pub(super) fn fit(observations: &[Observation]) -> Option<([f64; 3], f64)> {
    let scales: Vec<f64> = observations.iter().map(|o| 1.0 / o.micros.max(1.0)).collect();
    let mut weights = vec![1.0; observations.len()];
    let mut found = None;
    for _ in 0..ROUNDS {
        let coefficients = least_squares(observations, &scales, &weights)?;
        let residuals: Vec<f64> =
            observations.iter().zip(&scales).map(|(o, scale)| (value(&coefficients, o) - o.micros).abs() * scale).collect();
        let middle = median(&residuals);
        let usual = (middle / MEDIAN_OF_SIGMA).max(1e-6) * HUBER;
        weights = residuals.iter().map(|r| if *r <= usual { 1.0 } else { usual / r }).collect();
        found = Some((coefficients, middle));
    }
    found
}

fn value(coefficients: &[f64; 3], observation: &Observation) -> f64 {
    coefficients.iter().zip(observation.terms()).map(|(c, t)| c * t).sum()
}

/// Of the solutions that use some of the terms and have nothing below 0, the best.
fn least_squares(observations: &[Observation], scales: &[f64], weights: &[f64]) -> Option<[f64; 3]> {
    let mut best: Option<(f64, [f64; 3])> = None;
    for used in 1u8..8 {
        let terms: Vec<usize> = (0..3).filter(|i| used & (1 << i) != 0).collect();
        let Some(coefficients) = solve(observations, scales, weights, &terms) else { continue };
        if coefficients.iter().any(|c| *c < 0.0 || !c.is_finite()) {
            continue;
        }
        let squares = observations.iter().zip(scales).zip(weights).map(|((o, scale), weight)| {
            let residual = (value(&coefficients, o) - o.micros) * scale;
            weight * residual * residual
        });
        let sum: f64 = squares.sum();
        if best.is_none_or(|(least, _)| sum < least) {
            best = Some((sum, coefficients));
        }
    }
    best.map(|(_, coefficients)| coefficients)
}

/// The normal equations of some terms, by elimination with pivots.
fn solve(observations: &[Observation], scales: &[f64], weights: &[f64], terms: &[usize]) -> Option<[f64; 3]> {
    let mut rows = vec![[0.0f64; 4]; terms.len()];
    for ((o, scale), weight) in observations.iter().zip(scales).zip(weights) {
        let all = o.terms();
        let of = |term: usize| all.get(term).copied().unwrap_or_default() * scale;
        for (row, i) in rows.iter_mut().zip(terms) {
            for (cell, j) in row.iter_mut().zip(terms) {
                *cell += weight * of(*i) * of(*j);
            }
            let [.., right] = row;
            *right += weight * of(*i) * o.micros * scale;
        }
    }
    let size = rows.len();
    for (i, row) in rows.iter_mut().enumerate() {
        let cell = row.get_mut(i)?;
        *cell += *cell * RIDGE;
    }
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| at(&rows, *a, column).abs().total_cmp(&at(&rows, *b, column).abs()))?;
        rows.swap(column, pivot);
        let head = *rows.get(column)?;
        let divisor = *head.get(column)?;
        if divisor.abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (i, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != column) {
            let factor = row.get(column).copied().unwrap_or_default() / divisor;
            if i < size && factor != 0.0 {
                row.iter_mut().zip(&head).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
    }
    let mut found = [0.0; 3];
    for (i, term) in terms.iter().enumerate() {
        *found.get_mut(*term)? = at(&rows, i, 3) / at(&rows, i, i);
    }
    Some(found)
}

fn at(rows: &[[f64; 4]], row: usize, column: usize) -> f64 {
    rows.get(row).and_then(|r| r.get(column)).copied().unwrap_or_default()
}

/// The middle value; 0 of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements of 800 µs and 0.2 µs for each row and 0.004 for each byte, some of them odd.
    fn observed(odd: impl Fn(usize) -> f64) -> Vec<Observation> {
        let one = |i: usize| {
            let (rows, width) = ((i * 37 % 101) as f64 * 500.0, (8 + i % 7 * 30) as f64);
            let bytes = rows * width;
            Observation { rows, bytes, micros: (800.0 + 0.2 * rows + 0.004 * bytes) * odd(i) }
        };
        (0..120).map(one).collect()
    }

    fn near(found: f64, wanted: f64, share: f64) -> bool {
        (found - wanted).abs() <= wanted * share
    }

    #[test]
    fn prices_are_found_again_beside_odd_statements() {
        let ([a, b, c], error) = fit(&observed(|_| 1.0)).unwrap();
        assert!(near(a, 800.0, 1e-3) && near(b, 0.2, 1e-3) && near(c, 0.004, 1e-3) && error < 1e-3, "{a} {b} {c} {error}");
        // Every tenth waited behind something else, and all differ a little.
        let odd = |i: usize| if i.is_multiple_of(10) { 20.0 } else { 0.95 + (i % 11) as f64 / 100.0 };
        let ([a, b, c], error) = fit(&observed(odd)).unwrap();
        assert!(near(a, 800.0, 0.1) && near(b, 0.2, 0.15) && near(c, 0.004, 0.1), "{a} {b} {c}");
        assert!(error < 0.1, "{error}");
    }

    #[test]
    fn nothing_is_below_zero_and_few_statements_are_enough() {
        let same = [Observation { rows: 1.0, bytes: 8.0, micros: 500.0 }; 3];
        let (found, _) = fit(&same).unwrap();
        assert!(found.iter().all(|c| *c >= 0.0) && near(value(&found, &same[0]), 500.0, 1e-6), "{found:?}");
        let falling = [(0.0, 900.0), (100.0, 500.0), (200.0, 100.0)];
        let falling = falling.map(|(rows, micros)| Observation { rows, bytes: rows * 8.0, micros });
        assert!(fit(&falling).unwrap().0.iter().all(|c| *c >= 0.0));
        assert_eq!(fit(&[]), None);
    }
}
