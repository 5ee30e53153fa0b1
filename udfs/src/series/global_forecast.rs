//! FORECAST by one model of all series.

use std::panic::{AssertUnwindSafe, catch_unwind};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use headwater_common::{Error, Result};
use headwater_supervised::Context;
use headwater_supervised::global::{GlobalBoosting, GlobalForecasts, History};
use headwater_timeseries::{Cancel, Series};

use super::forecast::{Forecast, reach};
use super::output::status_row;
use crate::error::arrow;
use crate::table::{GroupFunction, split};

/// As it stands in the column `model`.
const SHOWN: &str = "GlobalBoosting";

/// See the module. Its group are the rows of all series, sorted by ids and time.
#[derive(Debug)]
pub(super) struct GlobalForecast(pub(super) Forecast);

/// A series as it was read, or why it could not be.
type Read = Result<(Series, usize, Vec<usize>)>;

impl GlobalForecast {
    fn read(&self, group: &RecordBatch) -> Read {
        let observed = self.0.columns.read(group)?;
        let (series, ahead) = self.0.regular.observed(&observed.times, &observed.values)?;
        reach(ahead, self.0.horizon)?;
        let periods = self.0.regular.seasons(&series);
        Ok((series, ahead, periods))
    }

    fn result(
        &self,
        group: &RecordBatch,
        (series, ahead): (&Series, usize),
        all: &GlobalForecasts,
        place: usize,
    ) -> Result<RecordBatch> {
        let asked = ahead..ahead + self.0.horizon;
        let forecast = all.forecast(place)?[asked.clone()].to_vec();
        let intervals = self.0.levels.iter().map(|level| all.intervals(place, *level)[asked.clone()].to_vec());
        let intervals: Vec<_> = intervals.collect();
        self.0.rows(group, series, ahead, forecast, &intervals, SHOWN)
    }
}

impl GroupFunction for GlobalForecast {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let groups = split(group, self.0.columns.ids.len()).map_err(|e| Error::internal(e.to_string()))?;
        let mut read: Vec<Read> = Vec::with_capacity(groups.len());
        for group in &groups {
            cancel.check()?;
            let contained = catch_unwind(AssertUnwindSafe(|| self.read(group)));
            read.push(contained.unwrap_or_else(|_| Err(Error::internal("the series could not be read"))));
        }
        let longest = read.iter().flatten().map(|(_, ahead, _)| *ahead).max().unwrap_or(0);
        let known = read.iter().flatten().map(|(series, _, periods)| History { values: &series.values, periods });
        let known: Vec<History<'_>> = known.collect();
        let context = Context { seed: 0, cancel: cancel.clone(), ordered: false };
        let fitted = match known.is_empty() {
            true => Err(Error::invalid("the series has no value")),
            false => GlobalBoosting::default().forecast(&known, longest + self.0.horizon, &context),
        };
        cancel.check()?;
        let (mut rows, mut place) = (Vec::with_capacity(groups.len()), 0);
        for (group, read) in groups.iter().zip(&read) {
            let outcome = match (read, &fitted) {
                (Err(e), _) | (Ok(_), Err(e)) => Err(Error::invalid(e.message())),
                (Ok((series, ahead, _)), Ok(all)) => {
                    place += 1;
                    self.result(group, (series, *ahead), all, place - 1)
                }
            };
            rows.push(match outcome {
                Ok(rows) => rows,
                Err(e) if self.aborts() => return Err(e),
                Err(e) => status_row(&self.0.schema, group, self.0.columns.ids.len(), e.message())?,
            });
        }
        concat_batches(&self.0.schema, &rows).map_err(arrow)
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        let ids = self.0.columns.ids.len();
        let groups = split(group, ids).map_err(|e| Error::internal(e.to_string()))?;
        let rows = groups.iter().map(|group| status_row(&self.0.schema, group, ids, status)).collect::<Result<Vec<_>>>()?;
        concat_batches(&self.0.schema, &rows).map_err(arrow)
    }

    fn aborts(&self) -> bool {
        self.0.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        512
    }
}
