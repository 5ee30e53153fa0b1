//! Trend with changepoints plus Fourier seasons.

use headwater_common::{Error, Result};
use headwater_timeseries::linear::{Matrix, dot, solve_positive};
use headwater_timeseries::random::Random;
use headwater_timeseries::statistics::mean;

use crate::{Fitted, Forecaster, Path, Training};

/// The additive model of Prophet (Taylor & Letham, "Forecasting at scale", 2018): a piecewise linear trend whose changes
/// have a Laplace prior, Fourier terms and known regressors (holidays among them) with normal priors. The mode of the
/// posterior is found by iterated weighted ridge regression (the Laplace prior as a scale mixture of normals: Figueiredo,
/// "Adaptive sparseness for supervised learning", 2003). Intervals simulate future changes of the trend, with a fixed
/// seed. O(n x columns² + rounds x columns³).
#[derive(Debug, Clone)]
pub struct Additive {
    /// Number of places where the trend may change, over the first 80 % of the series.
    pub changepoints: usize,
    /// Scale of the changes' prior, in units of the series' range.
    pub changepoint_scale: f64,
    /// Scale of the seasons' and regressors' prior.
    pub season_scale: f64,
    /// Regressors, one list for each: values for the whole history and, after it, for every step that will be forecast.
    pub regressors: Vec<Vec<f64>>,
}

impl Default for Additive {
    fn default() -> Self {
        Self { changepoints: 25, changepoint_scale: 0.05, season_scale: 10.0, regressors: Vec::new() }
    }
}

/// Fourier terms of a period: enough for a smooth season, never more than the period can tell apart.
fn fourier_order(period: usize) -> usize {
    let usual = match period {
        0..=23 => 3,
        24..=99 => 5,
        _ => 10,
    };
    usual.min((period - 1) / 2).max(1)
}

impl Forecaster for Additive {
    fn name(&self) -> &'static str {
        "prophet"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        Ok(Box::new(self.learn(training)?))
    }
}

impl Additive {
    /// The effects of the regressors at each place for which they are known.
    pub(crate) fn effects(&self, training: &Training<'_>) -> Result<Vec<f64>> {
        let fit = self.learn(training)?;
        let count = fit.layout.regressors.len();
        let coefficients = &fit.coefficients[fit.coefficients.len() - count..];
        let known = fit.layout.regressors.iter().map(Vec::len).min().unwrap_or(0);
        let effect = |t: usize| fit.layout.regressors.iter().zip(coefficients).map(|(r, c)| r[t] * c).sum::<f64>();
        Ok((0..known).map(|t| fit.size * effect(t)).collect())
    }

    fn learn(&self, training: &Training<'_>) -> Result<AdditiveFit> {
        let y = &training.values;
        let n = y.len();
        if let Some(short) = self.regressors.iter().position(|r| r.len() < n || r.iter().any(|v| !v.is_finite())) {
            return Err(Error::invalid(format!(
                "regressor {} lacks values of the history; give one finite value for each observation and step",
                short + 1
            )));
        }
        let usable = training.periods.iter().copied().filter(|p| *p > 1 && n >= 2 * p);
        let mut periods: Vec<usize> = usable.collect();
        periods.sort_unstable();
        periods.dedup();
        let count = self.changepoints.min((n * 4 / 5).saturating_sub(1));
        let changes: Vec<f64> = (1..=count).map(|k| 0.8 * k as f64 / count as f64).collect();
        let layout = Columns { n, changes, periods, regressors: self.scaled_regressors(n) };
        let offset = mean(y);
        let size = y.iter().fold(0.0_f64, |a, v| a.max((v - offset).abs())).max(1e-12);
        let target: Vec<f64> = y.iter().map(|v| (v - offset) / size).collect();
        let width = layout.width();
        let mut design = Matrix::zeros(n, width);
        (0..n).for_each(|t| layout.write(t, design.row_mut(t)));
        training.cancel.check()?;
        let coefficients = self.mode(&layout, &design, &target)?;
        let fitted = design.times(&coefficients);
        let squares: f64 = fitted.iter().zip(&target).map(|(f, y)| (y - f) * (y - f)).sum();
        let noise = (squares / n as f64).sqrt();
        let to_units = |v: f64| offset + size * v;
        Ok(AdditiveFit { fitted: fitted.into_iter().map(to_units).collect(), layout, coefficients, offset, size, noise })
    }

    fn scaled_regressors(&self, n: usize) -> Vec<Vec<f64>> {
        let scaled = |regressor: &Vec<f64>| {
            let centre = mean(&regressor[..n]);
            let largest = regressor[..n].iter().fold(0.0_f64, |a, v| a.max((v - centre).abs())).max(1e-12);
            regressor.iter().map(|v| (v - centre) / largest).collect()
        };
        self.regressors.iter().map(scaled).collect()
    }

    /// Coefficients at the mode of the posterior.
    fn mode(&self, layout: &Columns, design: &Matrix, target: &[f64]) -> Result<Vec<f64>> {
        let gram = design.gram();
        let right = design.transposed_times(target);
        let squares = dot(target, target);
        let n = target.len() as f64;
        let changes = layout.changes.len();
        let mut precisions = vec![1.0 / (self.season_scale * self.season_scale); layout.width()];
        precisions[..2].fill(1.0 / 25.0);
        precisions[2..2 + changes].fill(1.0 / (self.changepoint_scale * self.changepoint_scale));
        let mut variance = squares / n / 4.0 + 1e-12;
        let mut coefficients = Vec::new();
        for _ in 0..30 {
            let mut system = gram.clone();
            for i in 0..layout.width() {
                system.row_mut(i)[i] += variance * precisions[i];
            }
            let found = solve_positive(&system, &right)
                .ok_or_else(|| Error::invalid("the additive model has dependent regressors; drop one"))?;
            let error = squares - 2.0 * dot(&found, &right) + dot(&found, &gram.times(&found));
            let previous = std::mem::replace(&mut variance, (error / n).max(1e-10));
            for i in 2..2 + changes {
                // The normal distribution that touches the Laplace prior at the present value.
                precisions[i] = 1.0 / (self.changepoint_scale * found[i].abs().max(1e-5));
            }
            coefficients = found;
            if (variance - previous).abs() < 1e-6 * variance {
                break;
            }
        }
        Ok(coefficients)
    }
}

/// Columns of the design: one, time, changes of the slope, Fourier terms, regressors.
#[derive(Debug)]
struct Columns {
    n: usize,
    changes: Vec<f64>,
    periods: Vec<usize>,
    regressors: Vec<Vec<f64>>,
}

impl Columns {
    fn width(&self) -> usize {
        let fourier: usize = self.periods.iter().map(|p| 2 * fourier_order(*p)).sum();
        2 + self.changes.len() + fourier + self.regressors.len()
    }

    fn time(&self, t: usize) -> f64 {
        t as f64 / (self.n - 1) as f64
    }

    fn write(&self, t: usize, row: &mut [f64]) {
        let time = self.time(t);
        (row[0], row[1]) = (1.0, time);
        let mut next = 2;
        for change in &self.changes {
            row[next] = (time - change).max(0.0);
            next += 1;
        }
        for period in &self.periods {
            for k in 1..=fourier_order(*period) {
                let angle = std::f64::consts::TAU * (k * (t % period)) as f64 / *period as f64;
                (row[next], row[next + 1]) = angle.sin_cos();
                next += 2;
            }
        }
        for regressor in &self.regressors {
            // Beyond what is known a regressor has no effect.
            row[next] = regressor.get(t).copied().unwrap_or(0.0);
            next += 1;
        }
    }
}

#[derive(Debug)]
struct AdditiveFit {
    layout: Columns,
    coefficients: Vec<f64>,
    fitted: Vec<f64>,
    offset: f64,
    size: f64,
    noise: f64,
}

const SIMULATIONS: usize = 200;

impl AdditiveFit {
    /// Standard deviation of the future trend: changes come as often and are as large as they were. O(horizon).
    fn trend_deviations(&self, horizon: usize) -> Vec<f64> {
        let changes = &self.coefficients[2..2 + self.layout.changes.len()];
        if changes.is_empty() {
            return vec![0.0; horizon];
        }
        let scale = mean(&changes.iter().map(|c| c.abs()).collect::<Vec<_>>());
        let unit = self.layout.time(1);
        let chance = (changes.len() as f64 / 0.8 * unit).min(1.0);
        let mut random = Random::new(0);
        let mut squares = vec![0.0; horizon];
        for _ in 0..SIMULATIONS {
            let (mut slope, mut trend) = (0.0, 0.0);
            for sum in &mut squares {
                if random.uniform() < chance {
                    let magnitude = -scale * (1.0 - random.uniform()).ln();
                    slope += if random.uniform() < 0.5 { magnitude } else { -magnitude };
                }
                trend += slope * unit;
                *sum += trend * trend;
            }
        }
        squares.into_iter().map(|s| (s / SIMULATIONS as f64).sqrt()).collect()
    }
}

impl Fitted for AdditiveFit {
    fn model(&self) -> String {
        let seasons: Vec<String> = self.layout.periods.iter().map(usize::to_string).collect();
        format!("Additive({} changepoints, seasons [{}])", self.layout.changes.len(), seasons.join(", "))
    }

    fn fitted(&self) -> Vec<f64> {
        self.fitted.clone()
    }

    fn path(&self, horizon: usize) -> Path {
        let mut row = vec![0.0; self.layout.width()];
        let mean = (0..horizon).map(|h| {
            self.layout.write(self.layout.n + h, &mut row);
            self.offset + self.size * dot(&row, &self.coefficients)
        });
        let mean = mean.collect();
        let spread = self.trend_deviations(horizon).into_iter();
        Path { mean, deviation: spread.map(|d| self.size * d.hypot(self.noise)).collect() }
    }
}
