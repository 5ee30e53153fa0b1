//! Whether rows have drifted from those that a model was trained on.

use headwater_anomaly::drift::{DriftTest, PopulationStability};
use headwater_supervised::data::{Column, Table, Values};

use crate::models::stored::{RowModel, Sample};

/// Values of a column that are kept for a comparison with later ones.
const SAMPLE_MAX: usize = 500;
/// Columns of which such values are kept.
const COLUMNS_MAX: usize = 200;

/// Evenly spaced values of the columns of numbers, in order.
pub(super) fn samples(table: &Table) -> Vec<Sample> {
    let sample = |column: &Column| {
        let Values::Numbers(all) = &column.values else { return None };
        let mut values: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let count = values.len().min(SAMPLE_MAX);
        let values = (0..count).map(|i| values[i * values.len() / count]).collect();
        Some(Sample { name: column.name.clone(), values })
    };
    table.columns().iter().filter_map(sample).take(COLUMNS_MAX).collect()
}

/// The column of numbers that has drifted most, and its population stability index; nothing when none can be compared. A
/// column that is not there any more has drifted as far as can be.
pub(super) fn largest(model: &RowModel, table: &Table) -> Option<(String, f64)> {
    let index = |sample: &Sample| match table.find(&sample.name) {
        Some(Values::Numbers(now)) => PopulationStability::default().compare(&sample.values, now).statistic,
        _ => f64::INFINITY,
    };
    let all = model.samples.iter().map(|sample| (sample.name.clone(), index(sample)));
    let known = all.filter(|(_, index)| !index.is_nan());
    known.max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_over_all_values() {
        let values: Vec<f64> = (0..10_000).rev().map(f64::from).chain([f64::NAN]).collect();
        let table = Table::new(vec![Column::numbers("a", values), Column::texts("b", &vec![Some("x"); 10_001])]).unwrap();
        let samples = samples(&table);
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].values.len(), SAMPLE_MAX);
        assert_eq!(samples[0].values[..3], [0.0, 20.0, 40.0]);
    }
}
