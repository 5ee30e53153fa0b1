//! How much worse a model gets when a column says nothing.

use headwater_common::{Error, Result};
use headwater_timeseries::random::Random;

use crate::context::Context;
use crate::data::{Column, Table, Target};
use crate::estimator::Estimator;
use crate::metrics::Metric;

/// How much the score of an estimator falls when the values of a column are shuffled among rows (Breiman, "Random forests",
/// 2001; Fisher, Rudin & Dominici, 2019), the mean of `repeats`. Right on rows that the fit did not see. Columns that the
/// estimator does not use have 0. Errors: the metric has no value, or those of a prediction, or cancelled.
/// O(columns x repeats x prediction).
pub fn permutation_importance(
    estimator: &Estimator,
    table: &Table,
    target: &Target,
    metric: Metric,
    repeats: usize,
    context: &Context,
) -> Result<Vec<(String, f64)>> {
    let measure = |table: &Table| -> Result<f64> {
        let value = metric.measure(target, &estimator.predict(table)?);
        value
            .map(|v| metric.score(v))
            .ok_or_else(|| Error::invalid(format!("{} has no value on these rows", metric.name())))
    };
    let whole = measure(table)?;
    let mut out = Vec::new();
    for (at, column) in table.columns().iter().enumerate() {
        let mut random = Random::new(context.part(at as u64).seed);
        let mut fall = 0.0;
        for _ in 0..repeats.max(1) {
            context.cancel.check()?;
            let values = column.values.take(&shuffled(table.rows(), &mut random));
            let mut columns = table.columns().to_vec();
            columns[at] = Column { name: column.name.clone(), values };
            fall += whole - measure(&Table::new(columns)?)?;
        }
        out.push((column.name.clone(), fall / repeats.max(1) as f64));
    }
    Ok(out)
}

fn shuffled(rows: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    for at in (1..rows).rev() {
        order.swap(at, random.below(at + 1));
    }
    order
}
