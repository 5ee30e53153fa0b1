//! Series that break careless methods.
#![allow(clippy::unwrap_used, reason = "what tests share may panic as tests do")]

use headwater_common::ErrorKind;
use headwater_forecasting::{Forecaster, HORIZON_MAX, Method, Training};
use headwater_timeseries::random::Random;

fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.normal()).collect()
}

fn seasonal(n: usize) -> Vec<f64> {
    let season = [3.0, -1.0, 0.0, -2.0];
    noise(5, n).iter().enumerate().map(|(t, e)| 20.0 + 0.1 * t as f64 + season[t % 4] + 0.5 * e).collect()
}

/// Fits and forecasts with every method; the ones that refuse the series must say why.
fn with_every_method(y: &[f64], periods: &[usize], check: impl Fn(&str, &[f64], &[(f64, f64)])) {
    for (name, method) in Method::ALL {
        match method.forecaster(6).fit(&Training::new(y, periods)) {
            Ok(fit) => {
                let (forecast, bounds) = (fit.forecast(6).unwrap(), fit.intervals(6, 0.95).unwrap());
                if y.len() == 1 {
                    assert!(
                        bounds.iter().all(|(low, high)| low.is_nan() && high.is_nan()),
                        "{name}: one value has no spread"
                    );
                } else {
                    assert!(
                        bounds.iter().zip(&forecast).all(|((low, high), f)| low <= f && f <= high),
                        "{name}: {bounds:?}"
                    );
                    assert!(bounds.iter().all(|(low, high)| low.is_finite() && high.is_finite()), "{name}");
                }
                assert_eq!(fit.fitted().len(), y.len(), "{name}");
                check(name, &forecast, &bounds);
            }
            Err(error) => assert!(error.kind() == ErrorKind::InvalidInput && error.message().len() > 20, "{name}: {error}"),
        }
    }
}

#[test]
fn constant_series_stay_constant() {
    for value in [0.0, 7.5, -3.0, 1e12] {
        with_every_method(&[value; 40], &[4], |name, forecast, bounds| {
            assert!(forecast.iter().all(|f| (f - value).abs() <= 1e-9 * value.abs()), "{name}: {forecast:?}");
            assert!(bounds.iter().all(|(low, high)| (high - low).abs() <= 1e-9 * value.abs()), "{name}");
        });
    }
}

#[test]
fn very_short_series_have_a_forecast() {
    let y = [5.0, 7.0, 6.0, 9.0, 8.0, 10.0, 9.0];
    for n in 1..=y.len() {
        with_every_method(&y[..n], &[12], |name, forecast, _| {
            assert!(forecast.iter().all(|f| (-30.0..60.0).contains(f)), "{name} {n}: {forecast:?}");
        });
    }
    for (name, method) in Method::ALL {
        assert!(method.forecaster(3).fit(&Training::new(&[4.0, 6.0], &[])).is_ok(), "{name} repeats a short series");
    }
}

/// Hours have the candidates day and week; 600 of them show the day alone.
#[test]
fn a_season_is_used_though_a_longer_candidate_is_none() {
    let wave = |t: usize| 10.0 + 5.0 * (t as f64 * std::f64::consts::TAU / 24.0).sin();
    let y: Vec<f64> = noise(9, 600).iter().enumerate().map(|(t, e)| wave(t) + 0.5 * e).collect();
    for name in ["theta", "auto_theta", "dynamic_optimised_theta", "auto_ets", "seasonal_naive"] {
        let method = Method::ALL.iter().find(|(known, _)| *known == name).unwrap().1;
        let forecast = method.forecaster(24).fit(&Training::new(&y, &[24, 168])).unwrap().forecast(24).unwrap();
        let largest = (0..24).map(|h| (forecast[h] - wave(600 + h)).abs()).fold(0.0, f64::max);
        assert!(largest < 2.0, "{name} is off by {largest}");
    }
}

#[test]
fn empty_missing_and_infinite_values_are_refused() {
    for y in [
        vec![],
        vec![1.0, f64::NAN, 2.0, 3.0, 4.0],
        vec![1.0, f64::INFINITY, 2.0, 3.0, 4.0],
        vec![1e308, -1e308, 1e300, 2.0],
    ] {
        for (name, method) in Method::ALL {
            let error = method.forecaster(6).fit(&Training::new(&y, &[2])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        }
    }
}

#[test]
fn horizons_and_levels_out_of_range_are_refused() {
    let fit = Method::AutoTheta.forecaster(4).fit(&Training::new(&seasonal(40), &[4])).unwrap();
    for horizon in [0, HORIZON_MAX + 1, usize::MAX] {
        assert!(fit.forecast(horizon).unwrap_err().message().contains("horizon"), "{horizon}");
    }
    assert_eq!(fit.forecast(HORIZON_MAX).unwrap().len(), HORIZON_MAX);
    for level in [0.0, 1.0, 95.0, f64::NAN] {
        assert!(fit.intervals(4, level).unwrap_err().message().contains("confidence"), "{level}");
    }
    for horizon in [0, usize::MAX] {
        assert!(Method::Auto.forecaster(horizon).fit(&Training::new(&seasonal(40), &[4])).is_ok());
    }
}

#[test]
fn forecasts_have_the_units_of_the_series() {
    let y = seasonal(60);
    for (name, method) in Method::ALL {
        let Ok(fit) = method.forecaster(6).fit(&Training::new(&y, &[4])) else { continue };
        // A power of two changes no digit, so that even searches take the same path.
        for factor in [2.0_f64.powi(40), 2.0_f64.powi(-40)] {
            let scaled: Vec<f64> = y.iter().map(|v| v * factor).collect();
            let other = method.forecaster(6).fit(&Training::new(&scaled, &[4])).unwrap();
            assert_eq!(fit.model(), other.model(), "{name}");
            let pairs = fit.forecast(6).unwrap().into_iter().zip(other.forecast(6).unwrap());
            assert!(pairs.into_iter().all(|(a, b)| (a * factor - b).abs() <= 1e-9 * b.abs()), "{name}");
        }
    }
}

#[test]
fn large_offsets_small_changes_and_jumps_do_not_derail() {
    let offset: Vec<f64> = seasonal(48).iter().map(|v| 1e12 + v).collect();
    with_every_method(&offset, &[4], |name, forecast, _| {
        // SBA takes a fixed share off.
        assert!(name == "sba" || forecast.iter().all(|f| (f - 1e12).abs() < 1e4), "{name}: {forecast:?}");
    });
    let mut jump = seasonal(48);
    jump[40] = 1e9;
    with_every_method(&jump, &[4], |name, forecast, _| assert!(forecast.iter().all(|f| f.abs() < 1e11), "{name}"));
    let alternating: Vec<f64> = (0..50).map(|t| if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
    with_every_method(&alternating, &[2], |name, forecast, _| assert!(forecast.iter().all(|f| f.abs() < 20.0), "{name}"));
}

#[test]
fn demand_is_never_negative_and_zero_demand_stays_zero() {
    let mut random = Random::new(8);
    let y: Vec<f64> = (0..80).map(|_| if random.uniform() < 0.25 { 1.0 + random.below(5) as f64 } else { 0.0 }).collect();
    let fit = Method::Auto.forecaster(8).fit(&Training::new(&y, &[7])).unwrap();
    assert!(fit.intervals(8, 0.95).unwrap().iter().all(|(low, high)| *low >= 0.0 && *high >= 1.0));
    let mean = y.iter().sum::<f64>() / 80.0;
    assert!(fit.forecast(8).unwrap().iter().all(|f| (0.2 * mean..3.0 * mean).contains(f)), "{}", fit.model());
    for method in [Method::Croston, Method::Sba, Method::Tsb] {
        let refused = method.forecaster(3).fit(&Training::new(&[1.0, -2.0, 0.0, 3.0], &[]));
        assert!(refused.unwrap_err().message().contains("never negative"));
    }
}

#[test]
fn every_thread_finds_the_same_forecast() {
    let y = seasonal(60);
    let once = || {
        let fits = Method::ALL.map(|(_, method)| method.forecaster(6).fit(&Training::new(&y, &[4])));
        fits.map(|fit| fit.ok().map(|fit| fit.intervals(6, 0.8).unwrap()))
    };
    let here = once();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(once)).collect();
        others.into_iter().for_each(|other| assert_eq!(other.join().unwrap(), here));
    });
}

#[test]
fn one_bad_series_among_many_fails_alone() {
    let results: Vec<bool> = (0..300)
        .map(|k| {
            let mut y = noise(k, 20);
            if k == 150 {
                y[3] = f64::NAN;
            }
            Method::AutoTheta.forecaster(3).fit(&Training::new(&y, &[])).is_ok()
        })
        .collect();
    assert!(results.iter().enumerate().all(|(k, fitted)| *fitted == (k != 150)));
}

#[test]
fn a_cancelled_fit_ends_with_that_error() {
    let y = seasonal(80);
    let training = Training::new(&y, &[4]);
    training.cancel.cancel();
    for (name, method) in Method::ALL {
        let error = method.forecaster(6).fit(&training).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}");
    }
}

#[test]
fn auto_always_weighs_the_seasonal_naive_forecast() {
    for (n, periods) in [(9, vec![]), (30, vec![4]), (120, vec![4, 12])] {
        let y = seasonal(n);
        let fit = Method::Auto.forecaster(6).fit(&Training::new(&y, &periods)).unwrap();
        assert!(fit.model().contains("Naive"), "{}", fit.model());
    }
    assert!(Method::named("nonsense").unwrap_err().message().contains("auto, seasonal_naive"));
}

#[test]
fn intervals_hold_about_the_share_they_promise() {
    let (mut inside, mut wide, mut total) = (0, 0, 0);
    for seed in 0..80 {
        let mut level = 50.0;
        let steps = noise(seed, 68);
        let walk = steps.iter().map(|e| {
            level += e;
            level
        });
        let y: Vec<f64> = walk.collect();
        let fit = Method::Auto.forecaster(8).fit(&Training::new(&y[..60], &[4])).unwrap();
        let (narrow, broad) = (fit.intervals(8, 0.8).unwrap(), fit.intervals(8, 0.95).unwrap());
        for h in 0..8 {
            assert!(broad[h].0 <= narrow[h].0 && narrow[h].1 <= broad[h].1);
            inside += usize::from((narrow[h].0..=narrow[h].1).contains(&y[60 + h]));
            wide += usize::from((broad[h].0..=broad[h].1).contains(&y[60 + h]));
            total += 1;
        }
    }
    let (inside, wide) = (f64::from(inside as u32) / f64::from(total), f64::from(wide as u32) / f64::from(total));
    assert!((0.72..0.9).contains(&inside) && (0.89..0.99).contains(&wide), "{inside} {wide}");
}

#[test]
fn known_regressors_move_the_forecast() {
    use headwater_forecasting::additive::Additive;
    let promotion: Vec<f64> = (0..66).map(|t| f64::from(u8::from(t % 9 == 4))).collect();
    let y: Vec<f64> = noise(3, 60).iter().zip(&promotion).map(|(e, p)| 10.0 + 0.2 * e + 5.0 * p).collect();
    let model = Additive { regressors: vec![promotion.clone()], ..Additive::default() };
    let forecast = model.fit(&Training::new(&y, &[])).unwrap().forecast(6).unwrap();
    for (h, f) in forecast.iter().enumerate() {
        assert!((f - 10.0 - 5.0 * promotion[60 + h]).abs() < 1.0, "{h} {f}");
    }
    let short = Additive { regressors: vec![vec![1.0; 10]], ..Additive::default() };
    assert!(short.fit(&Training::new(&y, &[])).unwrap_err().message().contains("regressor 1"));
}
