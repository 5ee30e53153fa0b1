//! One model of many series.

use headwater_common::ErrorKind;
use headwater_supervised::Context;
use headwater_supervised::global::{GlobalBoosting, History};
use headwater_timeseries::random::Random;

/// Series of different levels, sizes and lengths with a weekly season; the last `horizon` values are what comes.
fn series(horizon: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let mut random = Random::new(4);
    (0..30)
        .map(|i| {
            let (size, length) = (10f64.powi(i % 5), 40 + 7 * i as usize);
            let value = |t: usize| {
                let season = [0.0, 2.0, 5.0, 4.0, 1.0, -3.0, -4.0][t % 7];
                size * (20.0 + 0.02 * t as f64 + season + 0.5 * random.normal())
            };
            let mut all: Vec<f64> = (0..length + horizon).map(value).collect();
            let came = all.split_off(length);
            (all, came)
        })
        .collect()
}

#[test]
fn seasons_are_learnt_of_all_series_and_intervals_hold_what_they_promise() {
    let horizon = 14;
    let data = series(horizon);
    let histories: Vec<History<'_>> = data.iter().map(|(past, _)| History { values: past, periods: &[7] }).collect();
    let found = GlobalBoosting::default().forecast(&histories, horizon, &Context::default()).unwrap();
    let (mut ours, mut naive, mut inside) = (0.0, 0.0, 0);
    for (i, (past, came)) in data.iter().enumerate() {
        let (forecast, intervals) = (found.forecast(i).unwrap(), found.intervals(i, 0.9));
        let size = past.iter().sum::<f64>() / past.len() as f64;
        for h in 0..horizon {
            ours += (forecast[h] - came[h]).abs() / size;
            naive += (past[past.len() - 1] - came[h]).abs() / size;
            inside += usize::from((intervals[h].0..=intervals[h].1).contains(&came[h]));
        }
    }
    assert!(ours < 0.4 * naive, "{ours} {naive}");
    let share = inside as f64 / (30 * horizon) as f64;
    assert!((0.8..=0.99).contains(&share), "{share}");
    let again = GlobalBoosting::default().forecast(&histories, horizon, &Context::default()).unwrap();
    assert_eq!(found.forecast(7).unwrap(), again.forecast(7).unwrap());
}

#[test]
fn odd_series_beside_others_are_forecast_within_the_range_of_numbers() {
    let (good, constant, short, one) = (series(1).remove(3).0, vec![5.0; 30], vec![1.0, 2.0, 3.0], vec![4.0]);
    let (huge, zeros): (Vec<f64>, Vec<f64>) = (good.iter().map(|v| v * 1e12).collect(), vec![0.0; 20]);
    let all = [&good, &constant, &short, &one, &huge, &zeros];
    let histories: Vec<History<'_>> = all.iter().map(|values| History { values, periods: &[7, 30] }).collect();
    let found = GlobalBoosting::default().forecast(&histories, 40, &Context::default()).unwrap();
    for i in 0..all.len() {
        let (forecast, intervals) = (found.forecast(i).unwrap(), found.intervals(i, 0.95));
        assert!(forecast.len() == 40 && intervals.len() == 40, "{i}");
        assert!(
            forecast.iter().zip(&intervals).all(|(f, (low, high))| low <= f && f <= high && *f >= 0.0),
            "{i}: {forecast:?}"
        );
    }
    assert!(found.forecast(1).unwrap().iter().all(|v| *v == 5.0) && found.forecast(5).unwrap().iter().all(|v| *v == 0.0));
    let few = [History { values: &[1.0, 2.0], periods: &[] }];
    assert!(GlobalBoosting::default().forecast(&few, 3, &Context::default()).is_err());
    let context = Context::default();
    context.cancel.cancel();
    assert_eq!(GlobalBoosting::default().forecast(&histories, 3, &context).unwrap_err().kind(), ErrorKind::Cancelled);
}
