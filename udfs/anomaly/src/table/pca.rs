//! Rows that lie far out along a component.

use headwater_timeseries::Cancel;

use super::columns::Columns;
use super::{FittedDetector, TableDetector, TableScores};
use crate::statistics::linalg::symmetric_eigen;
use crate::status::Status;

/// Principal components of the standardized columns (Shyu, Chen, Sarinnapakorn, Chang: A novel anomaly detection scheme based on
/// principal component classifier, 2003): the sum of a row's squared coordinates, each over the variance of its component.
/// PyOD's PCA sums distances to the unit vectors of the components instead, which depend on the vectors' signs.
/// O(n d² + d³) time, O(n + d²) memory beside the standardized columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pca;

const COLUMNS_MAX: usize = 1000;
/// Components with a smaller share of the first one's variance are noise of rounding.
const VARIANCE_MIN: f64 = 1e-9;

impl TableDetector for Pca {
    fn name(&self) -> &'static str {
        "pca"
    }

    fn fit_until(&self, columns: &[&[f64]], cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        let known = Columns::of(columns, 3)?;
        if known.used.len() > COLUMNS_MAX {
            return Err(Status::TooLong { most: COLUMNS_MAX });
        }
        let scales = known.scales(columns);
        let mut fitted = Fitted { columns: known, scales, components: Vec::new() };
        let standardized = fitted.standardized(columns);
        let width = standardized.len();
        let mut matrix = vec![0.0; width * width];
        for i in 0..width {
            if cancel.is_cancelled() {
                break;
            }
            for j in 0..=i {
                let product: f64 = standardized[i].iter().zip(&standardized[j]).map(|(a, b)| a * b).sum();
                matrix[i * width + j] = product / standardized[i].len() as f64;
                matrix[j * width + i] = matrix[i * width + j];
            }
        }
        let components = symmetric_eigen(matrix, width, cancel);
        let least = components.first().map_or(0.0, |c| c.0) * VARIANCE_MIN;
        fitted.components = components.into_iter().filter(|c| c.0 > least && c.0 > 0.0).collect();
        Ok(Box::new(fitted))
    }
}

#[derive(Debug, Clone)]
struct Fitted {
    columns: Columns,
    /// Mean and standard deviation of each column.
    scales: Vec<(f64, f64)>,
    components: Vec<(f64, Vec<f64>)>,
}

impl Fitted {
    fn standardized(&self, columns: &[&[f64]]) -> Vec<Vec<f64>> {
        let of = |((i, column), (center, scale)): (&(usize, super::columns::Column), &(f64, f64))| {
            columns[*i].iter().map(|v| (column.value(*v) - center) / scale).collect()
        };
        self.columns.used.iter().zip(&self.scales).map(of).collect()
    }
}

impl FittedDetector for Fitted {
    fn score_until(&self, columns: &[&[f64]], cancel: &Cancel) -> TableScores {
        let rows = match self.columns.rows_like(columns) {
            Ok(rows) => rows,
            Err(status) => return TableScores::unscored(columns.first().map_or(0, |c| c.len()), status),
        };
        let standardized = self.standardized(columns);
        let mut scores = vec![0.0; rows];
        let mut coordinates = vec![0.0; rows];
        for (variance, direction) in &self.components {
            if cancel.is_cancelled() {
                break;
            }
            coordinates.fill(0.0);
            for (share, column) in direction.iter().zip(&standardized) {
                coordinates.iter_mut().zip(column).for_each(|(sum, v)| *sum += share * v);
            }
            scores.iter_mut().zip(&coordinates).for_each(|(score, c)| *score += c * c / variance);
        }
        TableScores::of(scores)
    }
}
