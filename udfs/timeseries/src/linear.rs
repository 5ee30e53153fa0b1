//! Least squares and symmetric systems for small dense matrices.

/// Rows x columns, row by row.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// A matrix with an entry for each row and column.
    pub fn from_fn(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let data = (0..rows * columns).map(|i| entry(i / columns, i % columns)).collect();
        Self { rows, columns, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// One row, to change it.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// Matrix times vector. O(rows x columns).
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|r| dot(self.row(r), x)).collect()
    }

    /// Transposed matrix times vector. O(rows x columns).
    pub fn transposed_times(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.columns];
        for (r, weight) in x.iter().enumerate().take(self.rows) {
            out.iter_mut().zip(self.row(r)).for_each(|(o, v)| *o += weight * v);
        }
        out
    }

    /// The product of the transposed matrix with the matrix. O(rows x columns²).
    pub fn gram(&self) -> Self {
        let mut out = Self::zeros(self.columns, self.columns);
        for r in 0..self.rows {
            let row = self.row(r);
            for i in 0..self.columns {
                let weight = row[i];
                if weight != 0.0 {
                    out.row_mut(i).iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
                }
            }
        }
        out
    }
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves a symmetric positive definite system by Cholesky's method; `None` when it is not positive definite. O(n³).
pub fn solve_positive(matrix: &Matrix, right: &[f64]) -> Option<Vec<f64>> {
    let n = matrix.rows;
    let mut l = matrix.clone();
    for j in 0..n {
        for k in 0..j {
            let factor = l.row(j)[k];
            for i in j..n {
                let sub = l.row(i)[k] * factor;
                l.row_mut(i)[j] -= sub;
            }
        }
        let pivot = l.row(j)[j];
        if !(pivot > 1e-13 * matrix.row(j)[j].abs()) || !pivot.is_finite() {
            return None;
        }
        let root = pivot.sqrt();
        (j..n).for_each(|i| l.row_mut(i)[j] /= root);
    }
    let mut x = right.to_vec();
    for i in 0..n {
        let sum = dot(&l.row(i)[..i], &x[..i]);
        x[i] = (x[i] - sum) / l.row(i)[i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| l.row(k)[i] * x[k]).sum();
        x[i] = (x[i] - sum) / l.row(i)[i];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

/// Coefficients that minimise the squared error, by Householder reflections; `None` when columns depend on each other.
/// O(rows x columns²).
pub fn least_squares(design: &Matrix, target: &[f64]) -> Option<Vec<f64>> {
    let (n, k) = (design.rows, design.columns);
    if n < k || target.len() != n {
        return None;
    }
    // Columns are contiguous here: each reflection works on whole columns.
    let mut a: Vec<Vec<f64>> = (0..k).map(|c| (0..n).map(|r| design.row(r)[c]).collect()).collect();
    let mut y = target.to_vec();
    let mut diagonal = vec![0.0; k];
    for j in 0..k {
        let size = dot(&a[j], &a[j]).sqrt();
        let norm = dot(&a[j][j..], &a[j][j..]).sqrt();
        if !(norm > 1e-10 * size) {
            return None;
        }
        let alpha = if a[j][j] > 0.0 { -norm } else { norm };
        diagonal[j] = alpha;
        a[j][j] -= alpha;
        let (head, tail) = a.split_at_mut(j + 1);
        let v = &head[j][j..];
        let scale = 2.0 / dot(v, v);
        for column in tail.iter_mut().map(|c| &mut c[j..]).chain(std::iter::once(&mut y[j..])) {
            let factor = scale * dot(v, column);
            column.iter_mut().zip(v).for_each(|(c, v)| *c -= factor * v);
        }
    }
    let mut x = vec![0.0; k];
    for j in (0..k).rev() {
        let sum: f64 = (j + 1..k).map(|c| a[c][j] * x[c]).sum();
        x[j] = (y[j] - sum) / diagonal[j];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

/// Intercept and slope of a straight line through values at 0, 1, 2, ... O(n).
pub fn straight_line(y: &[f64]) -> (f64, f64) {
    let n = y.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = crate::statistics::mean(y);
    let spread = n * (n * n - 1.0) / 12.0;
    if spread <= 0.0 {
        return (mean, 0.0);
    }
    let slope = y.iter().enumerate().map(|(t, v)| (t as f64 - middle) * (v - mean)).sum::<f64>() / spread;
    (mean - slope * middle, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_finds_the_coefficients_of_exact_data() {
        let design = Matrix::from_fn(12, 3, |r, c| (r as f64 / 5.0).powi(c as i32));
        let target = design.times(&[1.0, -2.0, 0.5]);
        let found = least_squares(&design, &target).unwrap();
        assert!(found.iter().zip([1.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-10));
        let normal = solve_positive(&design.gram(), &design.transposed_times(&target)).unwrap();
        assert!(normal.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-8));
    }

    #[test]
    fn dependent_columns_have_no_solution() {
        let design = Matrix::from_fn(6, 2, |r, _| r as f64);
        assert!(least_squares(&design, &[1.0; 6]).is_none());
        assert!(solve_positive(&design.gram(), &[1.0; 2]).is_none());
    }

    #[test]
    fn a_straight_line_is_found() {
        let (intercept, slope) = straight_line(&[1.0, 3.0, 5.0, 7.0]);
        assert!((intercept - 1.0).abs() < 1e-12 && (slope - 2.0).abs() < 1e-12);
        assert_eq!(straight_line(&[4.0]), (4.0, 0.0));
    }
}
