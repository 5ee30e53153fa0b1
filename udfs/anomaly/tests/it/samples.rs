//! Detectors and series that several tests use.

use headwater_anomaly::series::{
    Auto, Ewma, ForecastResidual, Hampel, MatrixProfile, RandomCutForest, RelativeEntropy, RollingZ, SeasonalEsd,
    SeriesDetector, SubPca,
};
use headwater_anomaly::table::{Copod, Ecod, Hbos, IsolationForest, Pca, TableDetector, Vae};

/// Every detector of series.
pub(crate) fn series_detectors() -> Vec<Box<dyn SeriesDetector>> {
    vec![
        Box::new(Auto),
        Box::new(RollingZ { window: 30 }),
        Box::new(Hampel { window: 30 }),
        Box::new(Ewma::default()),
        Box::new(ForecastResidual::default()),
        Box::new(RelativeEntropy::default()),
        Box::new(RandomCutForest { trees: 5, sample: 32, ..RandomCutForest::default() }),
        Box::new(MatrixProfile { window: Some(10), left: true }),
        Box::new(MatrixProfile { window: None, left: false }),
        Box::new(SubPca::default()),
        Box::new(SeasonalEsd::default()),
    ]
}

/// Every detector of tables.
pub(crate) fn table_detectors() -> Vec<Box<dyn TableDetector>> {
    vec![
        Box::new(IsolationForest::default()),
        Box::new(Ecod),
        Box::new(Copod),
        Box::new(Hbos::default()),
        Box::new(Pca),
        Box::new(Vae { steps: 50, ..Vae::default() }),
    ]
}

/// A season of 24 with noise that is the same in every run.
pub(crate) fn seasonal(n: usize) -> Vec<f64> {
    let noise = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5;
    (0..n).map(|i| 100.0 + 10.0 * (i as f64 * std::f64::consts::TAU / 24.0).sin() + 2.0 * noise(i)).collect()
}

/// The columns of a CSV file with a header; empty or `nan` cells are NaN.
pub(crate) fn csv(text: &str) -> Vec<Vec<f64>> {
    let mut lines = text.lines();
    let width = lines.next().map_or(0, |header| header.split(',').count());
    let mut columns = vec![Vec::new(); width];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse().unwrap_or(f64::NAN));
        }
    }
    columns
}
