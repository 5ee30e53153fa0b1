//! Variances of forecasts in closed form.

use super::EtsFit;
use super::model::{Noise, Season};

impl EtsFit {
    /// Standard deviations of the errors of the next steps (Hyndman et al., 2008, chapter 6: classes 1, 2 and 3).
    /// O(horizon²) with multiplicative errors, otherwise O(horizon).
    pub(super) fn deviations(&self, base: &[f64], mean: &[f64]) -> Vec<f64> {
        let horizon = mean.len();
        let reactions = self.reactions(horizon);
        if self.kind.noise == Noise::Additive {
            let mut sum = 1.0;
            return reactions
                .iter()
                .map(|reaction| {
                    let deviation = (self.variance * sum).sqrt();
                    sum += reaction * reaction;
                    deviation
                })
                .collect();
        }
        // The second moments of level and trend follow from those before them.
        let multiplicative = self.kind.season == Season::Multiplicative;
        let centre = if multiplicative { base } else { mean };
        // Beyond this many steps the oldest reactions are left out.
        const REACTIONS_MAX: usize = 400;
        let mut moments: Vec<f64> = Vec::with_capacity(horizon);
        for h in 0..horizon {
            let past: f64 = (h.saturating_sub(REACTIONS_MAX)..h).map(|k| reactions[h - 1 - k].powi(2) * moments[k]).sum();
            moments.push(centre[h] * centre[h] + self.variance * past);
        }
        let gamma = self.smoothing.gamma;
        (0..horizon)
            .map(|h| {
                let (scale, season) = if multiplicative {
                    let cycles = (h / self.period) as f64;
                    let wander = (1.0 + gamma * gamma * self.variance).powf(cycles);
                    (if base[h] == 0.0 { 0.0 } else { mean[h] / base[h] }, wander)
                } else {
                    (1.0, 1.0)
                };
                let second = (1.0 + self.variance) * moments[h] * season;
                scale.abs() * (second - centre[h] * centre[h]).max(0.0).sqrt()
            })
            .collect()
    }

    /// How much an error moves the forecasts 1, 2, ... steps after it; the multiplicative season is left out.
    fn reactions(&self, horizon: usize) -> Vec<f64> {
        let smoothing = &self.smoothing;
        let additive = self.kind.season == Season::Additive;
        let (mut damped, mut power) = (0.0, 1.0);
        (1..=horizon)
            .map(|j| {
                power *= smoothing.damping;
                damped += power;
                let season = if additive && j.is_multiple_of(self.period) { smoothing.gamma } else { 0.0 };
                smoothing.alpha + smoothing.beta * damped + season
            })
            .collect()
    }
}
