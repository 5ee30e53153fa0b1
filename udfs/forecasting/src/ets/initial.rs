//! Where the search for parameters and start states begins.

use headwater_timeseries::classical;
use headwater_timeseries::linear::straight_line;
use headwater_timeseries::statistics::mean;

use super::model::{Kind, Layout, Season, Trend, logit};

/// Start of the search: states, the sizes of their steps, and the optimised vector.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) seasonal: Vec<f64>,
    /// A typical change of the series from step to step, in which states are measured.
    pub(super) step: f64,
    pub(super) slope_step: f64,
    pub(super) u: Vec<f64>,
}

impl Start {
    /// Seasonal indices of the classical decomposition, and a straight line through the first values without season.
    pub(super) fn new(y: &[f64], kind: Kind, period: usize) -> Option<Self> {
        let layout = Layout::new(kind, period);
        let season = match kind.season {
            Season::None => None,
            Season::Additive => Some(classical::Season::Additive),
            Season::Multiplicative => Some(classical::Season::Multiplicative),
        };
        let (adjusted, seasonal) = match season {
            None => (y.to_vec(), Vec::new()),
            Some(season) => {
                let mut indices = classical::indices(y, period, season)?;
                if season == classical::Season::Multiplicative {
                    indices.iter_mut().for_each(|v| *v = v.max(0.01));
                    let scale = period as f64 / indices.iter().sum::<f64>();
                    indices.iter_mut().for_each(|v| *v *= scale);
                }
                (classical::adjust(y, &indices, season), indices)
            }
        };
        let head = &adjusted[..adjusted.len().min((2 * layout.period).max(10))];
        let (level, slope) = match kind.trend {
            Trend::None => (mean(head), 0.0),
            _ => {
                let (intercept, slope) = straight_line(head);
                (intercept - slope, slope)
            }
        };
        let changes: Vec<f64> = adjusted.windows(2).map(|p| (p[1] - p[0]).abs()).collect();
        let step = mean(&changes).max(1e-12);
        let mut u = Vec::with_capacity(layout.count());
        // In a long season each state is seen seldom, and small weights are the likelier ones.
        u.push(logit(if layout.period > 1 { 0.15 } else { 0.35 }));
        if layout.has_trend() {
            u.push(logit(0.1));
        }
        if layout.is_damped() {
            u.push(logit(0.9));
        }
        if layout.has_season() {
            u.push(logit(0.05));
        }
        u.resize(layout.count(), 0.0);
        Some(Self { level, slope, seasonal, step, slope_step: step / 4.0, u })
    }
}
