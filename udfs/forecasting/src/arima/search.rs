//! Stepwise search for the orders.

use std::collections::HashMap;

use headwater_common::Result;
use headwater_timeseries::Cancel;

use super::fit::{ArimaFit, Estimation};
use super::order::Order;

const P_MAX: usize = 5;
const SEASONAL_P_MAX: usize = 2;

/// A search over one series.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) y: &'a [f64],
    pub(super) cancel: &'a Cancel,
    pub(super) approximate: bool,
    pub(super) models_max: usize,
}

/// Steps to neighbours in (p, q, P, Q), in the order of the forecast package.
const STEPS: [[i64; 4]; 16] = [
    [0, 0, -1, 0],
    [0, 0, 0, -1],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
    [0, 0, -1, -1],
    [0, 0, -1, 1],
    [0, 0, 1, -1],
    [0, 0, 1, 1],
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [-1, -1, 0, 0],
    [-1, 1, 0, 0],
    [1, -1, 0, 0],
    [1, 1, 0, 0],
];

impl Search<'_> {
    /// The best model with the differences of `start`.
    pub(super) fn best(&self, start: Order, begin: Option<Order>) -> Result<Option<ArimaFit>> {
        let seasonal = start.period > 1;
        let constant = start.may_have_constant();
        let order = |p: usize, q: usize, seasonal_p: usize, seasonal_q: usize| Order {
            p,
            q,
            seasonal_p: if seasonal { seasonal_p } else { 0 },
            seasonal_q: if seasonal { seasonal_q } else { 0 },
            constant,
            ..start
        };
        let mut tried: HashMap<Order, f64> = HashMap::new();
        let mut best: Option<ArimaFit> = None;
        let null = order(0, 0, 0, 0);
        let first = match begin {
            Some(begin) => vec![null, order(begin.p, begin.q, begin.seasonal_p, begin.seasonal_q)],
            None => vec![order(2, 2, 1, 1), null, order(1, 0, 1, 0), order(0, 1, 0, 1)],
        };
        for order in first.into_iter().chain(constant.then_some(Order { constant: false, ..null })) {
            self.attempt(order, &mut tried, &mut best)?;
        }
        while let Some(centre) = best.as_ref().map(|best| best.order) {
            let moved = STEPS.iter().filter_map(|step| neighbour(centre, *step));
            let toggled = constant.then_some(Order { constant: !centre.constant, ..centre });
            let mut improved = false;
            for order in moved.chain(toggled) {
                if tried.len() >= self.models_max {
                    return self.refined(tried, best);
                }
                if self.attempt(order, &mut tried, &mut best)? {
                    improved = true;
                    break;
                }
            }
            if !improved {
                break;
            }
        }
        self.refined(tried, best)
    }

    /// Fits a model that was not tried before; whether it is the best so far.
    fn attempt(&self, order: Order, tried: &mut HashMap<Order, f64>, best: &mut Option<ArimaFit>) -> Result<bool> {
        if tried.contains_key(&order) {
            return Ok(false);
        }
        self.cancel.check()?;
        let estimation = if self.approximate { Estimation::Conditional } else { Estimation::Likelihood };
        let fit = ArimaFit::new(self.y, order, estimation).filter(ArimaFit::is_clear_of_unit_roots);
        tried.insert(order, fit.as_ref().map_or(f64::INFINITY, |fit| fit.aicc));
        let Some(fit) = fit else { return Ok(false) };
        let better = best.as_ref().is_none_or(|best| fit.aicc < best.aicc);
        if better {
            *best = Some(fit);
        }
        Ok(better)
    }

    /// The likelihood's estimate of the best model of an approximate search that has one.
    fn refined(&self, tried: HashMap<Order, f64>, best: Option<ArimaFit>) -> Result<Option<ArimaFit>> {
        if !self.approximate {
            return Ok(best);
        }
        let mut ranked: Vec<(Order, f64)> = tried.into_iter().filter(|(_, aicc)| aicc.is_finite()).collect();
        let key = |o: &Order| (o.count(), o.p, o.q, o.seasonal_p, o.seasonal_q);
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| key(&a.0).cmp(&key(&b.0))));
        for (order, _) in ranked.into_iter().take(5) {
            self.cancel.check()?;
            let fit = ArimaFit::new(self.y, order, Estimation::Likelihood);
            if let Some(fit) = fit.filter(ArimaFit::is_clear_of_unit_roots) {
                return Ok(Some(fit));
            }
        }
        Ok(best)
    }
}

fn neighbour(centre: Order, step: [i64; 4]) -> Option<Order> {
    let moved =
        |value: usize, step: i64, max: usize| usize::try_from(value as i64 + step).ok().filter(|value| *value <= max);
    let seasonal_max = if centre.period > 1 { SEASONAL_P_MAX } else { 0 };
    Some(Order {
        p: moved(centre.p, step[0], P_MAX)?,
        q: moved(centre.q, step[1], P_MAX)?,
        seasonal_p: moved(centre.seasonal_p, step[2], seasonal_max)?,
        seasonal_q: moved(centre.seasonal_q, step[3], seasonal_max)?,
        ..centre
    })
}
