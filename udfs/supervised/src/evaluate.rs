//! Metrics of a trained model on rows whose target is known.

use headwater_common::{Error, Result};

use crate::context::Context;
use crate::data::{Table, Target, Values};
use crate::explain::permutation_importance;
use crate::metrics::{Metric, measure_all};
use crate::trained::Trained;

pub(crate) fn evaluate(model: &Trained, table: &Table) -> Result<Vec<(Metric, f64)>> {
    let (rows, target) = known(model, table)?;
    Ok(measure_all(&target, &model.estimator().predict(&rows)?))
}

/// Permutation importance of the columns that the model uses, the largest first.
pub(crate) fn permutation(
    model: &Trained,
    table: &Table,
    metric: Metric,
    repeats: usize,
    context: &Context,
) -> Result<Vec<(String, f64)>> {
    let (rows, target) = known(model, table)?;
    let used = rows.columns().iter().filter(|c| model.estimator().uses(&c.name)).cloned().collect();
    let mut out = permutation_importance(model.estimator(), &Table::new(used)?, &target, metric, repeats, context)?;
    out.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(out)
}

/// Rows that have a target, with derived columns, and their targets.
fn known(model: &Trained, table: &Table) -> Result<(Table, Target)> {
    let known = table.values(model.target())?;
    let (rows, target) = match (known, model.classes()) {
        (Values::Numbers(x), []) => {
            let rows: Vec<usize> = (0..x.len()).filter(|r| !x[*r].is_nan()).collect();
            let target = Target::numbers(rows.iter().map(|r| x[*r]).collect())?;
            (rows, target)
        }
        (_, []) => return Err(Error::invalid(format!("column {} has {}, not numbers", model.target(), known.kind()))),
        (values, classes) => {
            let (mut rows, mut codes) = (Vec::new(), Vec::new());
            for row in 0..table.rows() {
                let Some(name) = name_of(values, row) else { continue };
                let code = classes.iter().position(|c| *c == name).ok_or_else(|| {
                    Error::invalid(format!("column {} has classes that the model does not know", model.target()))
                })?;
                rows.push(row);
                codes.push(code as u32);
            }
            (rows, Target::Classes { codes, names: classes.to_vec() })
        }
    };
    if rows.is_empty() {
        return Err(Error::invalid("no row has a target to evaluate by"));
    }
    // Rows without a target still are the history of the others.
    Ok((model.derived().transform(table)?.take(&rows), target))
}

/// The name of a row's class, as in training.
fn name_of(values: &Values, row: usize) -> Option<String> {
    match values {
        Values::Numbers(x) => (!x[row].is_nan()).then(|| (x[row] + 0.0).to_string()),
        Values::Categories(x) => x.name(row).map(str::to_owned),
        Values::Times(_) => None,
    }
}
