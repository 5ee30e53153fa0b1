//! Forecasts series that come as lines and writes the forecasts as lines; `benchmarks/ml` measures with it.
//!
//! In: `id <tab> horizon <tab> periods <tab> values`, the lists with commas. Argument: the name of a method.
//! Out: `id <tab> model or error <tab> forecasts <tab> lower 80 <tab> upper 80 <tab> lower 95 <tab> upper 95`.

use std::io::{BufRead, BufWriter, Write};

use headwater_common::{Error, Result};
use headwater_forecasting::{Method, Training};

fn main() -> std::io::Result<()> {
    let method = std::env::args().nth(1).unwrap_or_else(|| "auto".into());
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let id = line.split('\t').next().unwrap_or_default();
        match forecast(&method, &line) {
            Ok(columns) => writeln!(out, "{id}\t{columns}")?,
            Err(error) => writeln!(out, "{id}\terror: {error}")?,
        }
    }
    out.flush()
}

fn forecast(method: &str, line: &str) -> Result<String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [_, horizon, periods, values] = columns[..] else {
        return Err(Error::invalid("a line has four columns"));
    };
    let horizon: usize = horizon.parse().map_err(|_| Error::invalid("the horizon is a number"))?;
    let numbers = |text: &str| text.split(',').filter_map(|v| v.parse::<f64>().ok()).collect::<Vec<_>>();
    let (periods, values): (Vec<usize>, _) = (numbers(periods).iter().map(|p| *p as usize).collect(), numbers(values));
    let fit = Method::named(method)?.forecaster(horizon).fit(&Training::new(&values, &periods))?;
    let text = |numbers: Vec<f64>| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let mut out = vec![fit.model(), text(fit.forecast(horizon)?)];
    for level in [0.8, 0.95] {
        let (lower, upper) = fit.intervals(horizon, level)?.into_iter().unzip();
        out.extend([text(lower), text(upper)]);
    }
    Ok(out.join("\t"))
}
