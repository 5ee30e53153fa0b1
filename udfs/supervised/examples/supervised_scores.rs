//! Fits and predicts files of raw 64-bit numbers, for measuring beside other libraries.
//!
//! `supervised_scores CLASSES SETTINGS CATEGORIES COLUMNS TRAIN TEST OUT` reads little-endian doubles column by column, the target
//! last (CLASSES 0 for numbers, else codes below it), writes the predictions of the test rows column by column, and prints the seconds
//! of fit and prediction. SETTINGS is `-` or `rounds=200,leaves_max=15`; CATEGORIES is `-` or feature:count pairs such as `3:7,5:12`.

use std::io::{Error, Result, Write};

use headwater_common::clock::Stopwatch;
use headwater_supervised::Context;
use headwater_supervised::boosting::Boosting;
use headwater_supervised::data::{Features, Kind, Target};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [classes, settings, categories, columns, train, test, output] = texts[..] else {
        return Err(Error::other("usage: supervised_scores CLASSES SETTINGS CATEGORIES COLUMNS TRAIN TEST OUT"));
    };
    let (classes, columns): (usize, usize) = (number(classes)?, number(columns)?);
    let (features, target) = read(train, columns, classes, categories)?;
    let (asked, _) = read(test, columns, classes, categories)?;
    let boosting = boosting(settings)?;
    let clock = Stopwatch::start();
    let model = boosting.fit(&features, &target, &Context::default()).map_err(Error::other)?;
    let fitted = clock.elapsed().as_secs_f64();
    let predicted = model.predict(&asked).map_err(Error::other)?;
    let total = clock.elapsed().as_secs_f64();
    std::fs::write(output, predicted.iter().flatten().flat_map(|p| p.to_le_bytes()).collect::<Vec<u8>>())?;
    writeln!(std::io::stdout(), "{fitted} {}", total - fitted)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::other(format!("{text} is no number")))
}

fn boosting(settings: &str) -> Result<Boosting> {
    let mut boosting = Boosting::default();
    for pair in settings.split(',').filter(|s| *s != "-") {
        let (name, value) = pair.split_once('=').ok_or_else(|| Error::other(format!("{pair} is no setting")))?;
        match name {
            "rounds" => boosting.rounds = number(value)?,
            "learning_rate" => boosting.learning_rate = number(value)?,
            "leaves_max" => boosting.leaves_max = number(value)?,
            "depth_max" => boosting.depth_max = number(value)?,
            "rows_min" => boosting.rows_min = number(value)?,
            "l2" => boosting.l2 = number(value)?,
            "row_share" => boosting.row_share = number(value)?,
            "feature_share" => boosting.feature_share = number(value)?,
            "bins_max" => boosting.bins_max = number(value)?,
            "patience" => boosting.patience = Some(number(value)?),
            _ => return Err(Error::other(format!("{name} is no setting"))),
        }
    }
    Ok(boosting)
}

fn read(path: &str, columns: usize, classes: usize, categories: &str) -> Result<(Features, Target)> {
    let bytes = std::fs::read(path)?;
    let (doubles, _) = bytes.as_chunks::<8>();
    let values: Vec<f64> = doubles.iter().map(|b| f64::from_le_bytes(*b)).collect();
    let rows = values.len() / columns;
    let mut kinds = vec![Kind::Numeric; columns];
    for pair in categories.split(',').filter(|s| *s != "-") {
        let (feature, count) = pair.split_once(':').ok_or_else(|| Error::other(format!("{pair} is no feature:count")))?;
        kinds[number::<usize>(feature)?] = Kind::Category(number(count)?);
    }
    let mut all: Vec<Vec<f64>> = values.chunks(rows).map(<[f64]>::to_vec).collect();
    let last = all.pop().unwrap_or_default();
    let named = all.into_iter().zip(kinds).enumerate().map(|(i, (c, kind))| (format!("x{i}"), kind, c)).collect();
    let features = Features::new(rows, named).map_err(Error::other)?;
    let target = match classes {
        0 => Target::Numbers(last),
        _ => Target::Classes {
            codes: last.iter().map(|c| *c as u32).collect(),
            names: (0..classes).map(|c| c.to_string()).collect(),
        },
    };
    Ok((features, target))
}
