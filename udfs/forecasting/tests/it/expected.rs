//! Forecasts, decompositions and statistics are those of statsforecast, statsmodels and prophet on the same series
//! (`../fixtures/make.py` says which versions).
#![allow(clippy::unwrap_used, reason = "what tests share may panic as tests do")]

use std::collections::HashMap;

use headwater_forecasting::arima::{Arima, Order};
use headwater_forecasting::ets::{Ets, Kind, Noise, Season, Trend};
use headwater_forecasting::theta::{Theta, Variant};
use headwater_forecasting::{Forecaster, Method, Training};
use headwater_timeseries::metrics::seasonal_scale;
use headwater_timeseries::{autocorrelation, mstl, unit_root};

fn numbers(text: &str) -> Vec<f64> {
    text.split(',').map(|v| v.parse().unwrap()).collect()
}

/// Name, period and values of each series.
fn series() -> Vec<(String, usize, Vec<f64>)> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].to_string(), columns[1].parse().unwrap(), numbers(columns[2]))
    };
    include_str!("../fixtures/series.tsv").lines().map(line).collect()
}

fn expected() -> HashMap<(String, String), Vec<f64>> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        ((columns[0].to_string(), columns[1].to_string()), numbers(columns[2]))
    };
    include_str!("../fixtures/expected.tsv").lines().map(line).collect()
}

/// Mean difference of two forecasts, in units of the mean step from season to season.
fn distance(y: &[f64], period: usize, ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let sum: f64 = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).sum();
    sum / ours.len() as f64 / seasonal_scale(y, period)
}

/// Compares one method with the peer on every series that has it: forecasts by distance, deviations by their ratio.
fn compare(names: &[String], forecaster: impl Fn(&str, usize) -> Box<dyn Forecaster>, nearest: f64, ratio: Option<f64>) {
    let expected = expected();
    let (mut far, mut compared) = (Vec::new(), 0);
    for (name, period, y) in series() {
        for what in names {
            let Some(theirs) = expected.get(&(name.clone(), what.clone())) else { continue };
            compared += 1;
            let periods = [period];
            let fit = forecaster(what, period).fit(&Training::new(&y, &periods)).unwrap();
            let apart = distance(&y, period, &fit.forecast(theirs.len()).unwrap(), theirs);
            if apart.is_nan() || apart >= nearest {
                far.push(format!("{name} {what}: {} is {apart:.4} away", fit.model()));
            }
            let Some((bound, theirs)) = ratio.zip(expected.get(&(name.clone(), format!("{what} deviation")))) else {
                continue;
            };
            let bounds = fit.intervals(theirs.len(), 0.95).unwrap();
            let ours: f64 = bounds.iter().map(|(low, high)| (high - low) / 2.0 / 1.959_963_984_540_054).sum();
            let found = ours / theirs.iter().sum::<f64>();
            if !(1.0 / bound..=bound).contains(&found) {
                far.push(format!("{name} {what}: deviations are {found:.3} of the peer's"));
            }
        }
    }
    assert!(compared > 0 && far.is_empty(), "{compared} compared; {far:#?}");
}

#[test]
fn the_additive_model_forecasts_as_prophet_does() {
    let method = |what: &str, _| Method::named(what).unwrap().forecaster(6);
    // Both are maxima of a posterior with kinks; far from the last value of a short series they lie this far apart.
    compare(&names(&["prophet"]), method, 2.5, Some(1.5));
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_string()).collect()
}

#[test]
fn methods_without_parameters_give_the_peers_numbers() {
    let method = |what: &str, _| Method::named(what).unwrap().forecaster(6);
    compare(&names(&["seasonal_naive"]), method, 1e-5, Some(1.02));
    compare(&names(&["croston", "sba", "tsb"]), method, 1e-5, None);
}

#[test]
fn theta_models_forecast_as_the_peer_does() {
    let variant = |what: &str, _| {
        let variant = match what {
            "STM" => Variant::Standard,
            "OTM" => Variant::Optimised,
            "DSTM" => Variant::DynamicStandard,
            _ => Variant::DynamicOptimised,
        };
        Box::new(Theta { variant: Some(variant) }) as Box<dyn Forecaster>
    };
    compare(&names(&["STM", "OTM", "DSTM", "DOTM"]), variant, 0.05, Some(1.25));
}

fn kind(code: &str) -> Kind {
    let code: Vec<char> = code.chars().collect();
    Kind {
        noise: if code[0] == 'A' { Noise::Additive } else { Noise::Multiplicative },
        trend: match (code[1], code.len()) {
            ('N', _) => Trend::None,
            (_, 4) => Trend::Damped,
            _ => Trend::Additive,
        },
        season: match code[code.len() - 1] {
            'N' => Season::None,
            'A' => Season::Additive,
            _ => Season::Multiplicative,
        },
    }
}

/// -2 log likelihood up to a constant, from the forecasts one step ahead.
fn deviance(y: &[f64], fitted: &[f64], noise: Noise) -> f64 {
    let relative = noise == Noise::Multiplicative;
    let squares: f64 = y.iter().zip(fitted).map(|(y, f)| if relative { y / f - 1.0 } else { y - f }).map(|e| e * e).sum();
    let logs: f64 = fitted.iter().map(|f| if relative { f.abs().ln() } else { 0.0 }).sum();
    y.len() as f64 * squares.ln() + 2.0 * logs
}

#[test]
fn models_of_exponential_smoothing_are_at_least_as_likely_as_the_peers_and_agree_where_equally_likely() {
    let expected = expected();
    let mut agreed = 0;
    for (name, period, y) in series() {
        let periods = [period];
        for code in ["ANN", "AAN", "AAdN", "MNN", "MAN", "ANA", "AAA", "MNM", "MAM", "MAA"] {
            let get = |what: String| expected.get(&(name.clone(), what));
            let Some(theirs) = get(format!("ets {code} deviance")) else { continue };
            let kind = kind(code);
            let fit = Ets { kind }.fit(&Training::new(&y, &periods)).unwrap();
            let more = deviance(&y, &fit.fitted(), kind.noise) - theirs[0];
            // A parameter costs 2: half of that decides between no models.
            assert!(more < 1.0, "{name} {code}: {more} less likely");
            if more.abs() < 0.15 {
                agreed += 1;
                let forecast = get(format!("ets {code}")).unwrap();
                let apart = distance(&y, period, &fit.forecast(forecast.len()).unwrap(), forecast);
                assert!(apart < 0.3, "{name} {code}: {apart} away");
            }
        }
    }
    assert!(agreed > 15, "{agreed}");
}

#[test]
fn arima_models_of_given_orders_forecast_as_the_peer_does() {
    let orders = ["100000", "011000", "011011", "100110"].map(|o| format!("arima {o}"));
    let arima = |what: &str, period: usize| {
        let o: Vec<usize> = what.trim_start_matches("arima ").chars().map(|c| c as usize - '0' as usize).collect();
        let order = Order {
            p: o[0],
            d: o[1],
            q: o[2],
            seasonal_p: o[3],
            seasonal_d: o[4],
            seasonal_q: o[5],
            period,
            constant: o[1] + o[4] == 0,
        };
        Box::new(Arima { order }) as Box<dyn Forecaster>
    };
    compare(&orders, arima, 0.15, Some(1.1));
}

#[test]
fn automatic_methods_end_near_the_peers_choice() {
    let method = |what: &str, _| Method::named(what).unwrap().forecaster(6);
    compare(&names(&["auto_ets", "auto_arima", "ces", "mstl"]), method, 1.0, None);
}

#[test]
fn decompositions_are_the_peers() {
    let expected = expected();
    for (name, period, y) in series() {
        let get = |what: &str| expected.get(&(name.clone(), what.to_string()));
        let Some(trend) = get("trend") else { continue };
        let near = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-6 * y[0].abs());
        let parts = mstl::decompose_with(&y, &[period], |stl| stl.exact().inner(5)).unwrap();
        assert!(near(&parts.trend, trend) && near(&parts.seasonal[0], get("seasonal").unwrap()), "{name}");
        if let (Some(seven), Some(thirty)) = (get("two seasons 7"), get("two seasons 30")) {
            let parts = mstl::decompose_with(&y, &[7, 30], |stl| stl.exact().inner(5)).unwrap();
            assert!(near(&parts.seasonal[0], seven) && near(&parts.seasonal[1], thirty), "{name}");
        }
    }
}

#[test]
fn correlations_and_tests_are_the_peers() {
    let expected = expected();
    for (name, period, y) in series() {
        let get = |what: &str| expected.get(&(name.clone(), what.to_string()));
        let Some(acf) = get("acf") else { continue };
        let near = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near(&autocorrelation::autocorrelation(&y, 10), acf), "{name}");
        assert!(near(&autocorrelation::partial_autocorrelation(&y, 10), get("pacf").unwrap()), "{name}");
        assert!((unit_root::kpss(&y) - get("kpss").unwrap()[0]).abs() < 1e-9, "{name}");
        assert_eq!(unit_root::differences(&y) as f64, get("differences").unwrap()[0], "{name}");
        if let Some(seasonal) = get("seasonal_differences") {
            assert_eq!(unit_root::seasonal_differences(&y, period) as f64, seasonal[0], "{name}");
        }
    }
}
