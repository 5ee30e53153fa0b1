//! The training itself: rows are made ready, an algorithm is chosen and fitted, and the model is stored.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use headwater_common::clock::{Stopwatch, unix_micros};
use headwater_common::{Error, Result};
use headwater_supervised::data::{Table, Task};
use headwater_supervised::model::Algorithm;
use headwater_supervised::{Leaderboard, Prepared, Trained};
use headwater_timeseries::Cancel;

use super::drift;
use super::publication::Publication;
use super::settings::{Choice, Settings};
use crate::models::call::{Fitted, ModelFunction, Outcome};
use crate::models::rows::{kind_of, table_of};
use crate::models::stored::{Answer, Input, Place, RowModel, Stored};

/// A training.
#[derive(Debug)]
pub(super) struct Train {
    settings: Settings,
    publication: Publication,
    columns: usize,
}

impl Train {
    pub(super) fn new(settings: Settings, publication: Publication, columns: usize) -> Self {
        Self { settings, publication, columns }
    }

    /// The row of the former version when the rows have not drifted from those that it was trained on.
    fn kept(&self, table: &Table) -> Result<Option<RecordBatch>> {
        let Some((former, threshold)) = self.publication.compared() else { return Ok(None) };
        let Stored::Rows(model) = &former.stored else { return Ok(None) };
        let status = match drift::largest(model, table) {
            Some((column, drift)) if drift < threshold => {
                format!("no drift: the largest is {drift:.4}, of column {column}")
            }
            Some((column, drift)) => {
                self.publication.drifted(match drift.is_finite() {
                    true => format!("trained: column {column} has drifted by {drift:.4}"),
                    false => format!("trained: column {column} has no numbers any more"),
                });
                return Ok(None);
            }
            None => "no drift: there is no column of numbers to compare".to_owned(),
        };
        self.publication.kept(&former.version, &status).map(Some)
    }
}

#[async_trait]
impl ModelFunction for Train {
    async fn before(&self) -> Result<Option<RecordBatch>> {
        self.publication.before().await
    }

    fn run(&self, rows: &RecordBatch, cancel: &Cancel) -> Result<Outcome> {
        let watch = Stopwatch::start();
        let all: Vec<usize> = (0..rows.num_columns()).collect();
        let table = table_of(rows, &all)?;
        if let Some(kept) = self.kept(&table)? {
            return Ok(Outcome::Rows(kept));
        }
        let prepared = Prepared::new(&self.settings.spec, &table, cancel)?;
        let (trained, board) = fit(&self.settings.choice, &prepared, &watch)?;
        let order = &self.publication.order;
        let mut about = trained.about(unix_micros(), &order.query);
        about.options.extend(order.options.iter().cloned());
        let model = RowModel {
            inputs: inputs(&prepared, &table, rows)?,
            answer: answer(&trained, rows, &prepared.spec.target),
            metric: board.as_ref().map(|b| b.metric.name().to_owned()).unwrap_or_default(),
            leaderboard: board.as_ref().map(places).unwrap_or_default(),
            samples: drift::samples(&table),
            trained,
        };
        let seconds = watch.elapsed().as_secs_f64();
        Ok(Outcome::Model(Box::new(Fitted { artifact: model.to_artifact(), about, seconds })))
    }

    async fn after(&self, outcome: Outcome) -> Result<RecordBatch> {
        self.publication.after(outcome).await
    }

    fn bytes_per_row(&self) -> usize {
        64 * self.columns + 128
    }
}

/// The model, and what a search found on the way.
fn fit(choice: &Choice, prepared: &Prepared, watch: &Stopwatch) -> Result<(Trained, Option<Leaderboard>)> {
    let task = prepared.target.task();
    let algorithm = |name: &String| fitting(name, task, &prepared.spec.target);
    match choice {
        Choice::One { algorithm: name, parameters } => {
            let usual = algorithm(name)?;
            let chosen = parameters.iter().try_fold(usual, |a, (name, value)| a.with(name, *value))?;
            Ok((Trained::train(prepared, &chosen)?, None))
        }
        Choice::Search { search, algorithms } => {
            let algorithms = algorithms.iter().map(algorithm).collect::<Result<Vec<_>>>()?;
            let search = headwater_supervised::Search { algorithms, ..search.clone() };
            let board = search.run(prepared, &mut || watch.elapsed().as_secs_f64())?;
            let best = board.best().ok_or_else(|| Error::internal("a search without a best trial"))?;
            Ok((Trained::of_trial(prepared, best)?, Some(board)))
        }
    }
}

fn fitting(name: &str, task: Task, target: &str) -> Result<Algorithm> {
    let algorithm = Algorithm::parse(name, task)?;
    if algorithm.fits(task) {
        return Ok(algorithm);
    }
    let (what, instead) = match task {
        Task::Regression => ("numbers", "linear"),
        Task::Classification(_) => ("classes", "logistic"),
    };
    Err(Error::invalid(format!("{name} does not predict {what}, which the target \"{target}\" has; use {instead}")))
}

/// Columns that the model reads, in the order of the query.
fn inputs(prepared: &Prepared, table: &Table, rows: &RecordBatch) -> Result<Vec<Input>> {
    let derivation = &prepared.spec.derivation;
    let looks_back = !derivation.lags.is_empty() || !derivation.rolling.is_empty();
    let used = |name: &String| {
        let time = derivation.time.as_ref() == Some(name) && (looks_back || derivation.calendar);
        prepared.columns.contains(name) || time || (looks_back && derivation.ids.contains(name))
    };
    let schema = rows.schema();
    let mut inputs = Vec::new();
    for (place, column) in table.columns().iter().enumerate() {
        if used(&column.name) {
            inputs.push(Input { name: column.name.clone(), kind: kind_of(schema.field(place))? });
        }
    }
    Ok(inputs)
}

/// The type in which classes are given: that of the target, where its values come back as they were.
fn answer(trained: &Trained, rows: &RecordBatch, target: &str) -> Answer {
    let classes = trained.classes();
    if classes.is_empty() {
        return Answer::Number;
    }
    let schema = rows.schema();
    match schema.field_with_name(target).map(|f| f.data_type().clone()) {
        Ok(DataType::Boolean) => Answer::Boolean,
        Ok(t) if t.is_integer() && classes.iter().all(|c| c.parse::<i64>().is_ok()) => Answer::Whole,
        Ok(t) if t.is_floating() && classes.iter().all(|c| c.parse::<f64>().is_ok()) => Answer::Double,
        _ => Answer::Text,
    }
}

fn places(board: &Leaderboard) -> Vec<Place> {
    let place = |trial: &headwater_supervised::search::Trial| Place {
        algorithm: trial.algorithm.name().to_owned(),
        parameters: trial.algorithm.describe(),
        share: trial.share,
        value: trial.value,
        seconds: trial.seconds,
        error: trial.error.clone(),
    };
    board.trials.iter().map(place).collect()
}
