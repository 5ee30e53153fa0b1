//! The options of CREATE MODEL, read and checked before anything is computed.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use headwater_common::{Error, Result};
use headwater_registry::ModelName;
use headwater_supervised::data::Task;
use headwater_supervised::derive::{Derivation, Lag, Rolling, Statistic};
use headwater_supervised::metrics::Metric;
use headwater_supervised::model::Algorithm;
use headwater_supervised::search::Method;
use headwater_supervised::{Goal, Search, Spec};

use crate::models::rows::kind_of;
use crate::models::stored::Kind;
use crate::series::columns::place;
use crate::table::{Arguments, Constant};

const FOLDS_USUAL: usize = 5;
const TRIALS_USUAL: usize = 30;
const QUERY_MAX_BYTES: usize = 64 << 10;
/// Lags and windows reach so many rows back at most.
const REACH_MAX: usize = 10_000;

/// What is done with a model that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// An error.
    Refuse,
    /// Nothing is trained.
    Keep,
    /// A new version becomes the default.
    Replace,
    /// The same, but only when the rows have drifted from those of the default version, where the options say so.
    Retrain,
}

/// What is fitted.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    /// One algorithm with parameters.
    One { algorithm: String, parameters: Vec<(String, f64)> },
    /// The best of a search among these algorithms, all when empty.
    Search { search: Search, algorithms: Vec<String> },
}

/// Which model is made of which query.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) name: ModelName,
    pub(super) existing: Existing,
    pub(super) query: String,
    /// Drift from which a model is trained again.
    pub(super) drift: Option<f64>,
    /// The options as they were written.
    pub(super) options: Vec<(String, String)>,
}

/// A training that is well-formed.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) spec: Spec,
    pub(super) choice: Choice,
}

impl Order {
    /// What the statement itself says. Errors: its query is too long.
    pub(super) fn read(arguments: &Arguments) -> Result<Self> {
        let own = |name: &str| arguments.text(name)?.ok_or_else(|| arguments.missing(name));
        let modes = [
            ("create", Existing::Refuse),
            ("keep", Existing::Keep),
            ("replace", Existing::Replace),
            ("retrain", Existing::Retrain),
        ];
        let written = arguments.given().filter(|(name, _)| !name.starts_with("__"));
        let order = Self {
            name: ModelName::parse(own("__model")?)?,
            existing: arguments.choice("__mode", &modes, Existing::Refuse)?,
            query: own("__query")?.to_owned(),
            drift: arguments.number("retrain_on_drift", 0.0)?,
            options: written.map(|(name, value)| (format!("option.{name}"), value.to_string())).collect(),
        };
        match order.query.len() > QUERY_MAX_BYTES {
            true => Err(Error::invalid(
                "the query of a model is kept with it and has 64 KiB at most; make it a view at its source",
            )),
            false => Ok(order),
        }
    }
}

impl Settings {
    /// The settings for a query with these columns. Errors: an option is missing, wrong or does not fit the others.
    pub(super) fn read(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Self> {
        for field in fields {
            kind_of(field)?;
        }
        Ok(Self { spec: spec(arguments, fields)?, choice: choice(arguments)? })
    }
}

fn spec(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Spec> {
    let target = arguments.text("target")?.ok_or_else(|| arguments.missing("target"))?;
    let target_place = place(arguments, "target", target, fields)?;
    let goals = [("regression", Some(Goal::Regression)), ("classification", Some(Goal::Classification))];
    let goal = arguments.choice("task", &goals, None)?;
    match (kind_of(&fields[target_place])?, goal) {
        (Kind::Times, _) => {
            return Err(Error::invalid(format!("the target \"{target}\" has times, which no model predicts")));
        }
        (Kind::Texts, Some(Goal::Regression)) => {
            return Err(Error::invalid(format!(
                "the target \"{target}\" is {}; task = 'regression' needs numbers",
                fields[target_place].data_type()
            )));
        }
        _ => {}
    }
    let features = names(arguments, "features", fields)?;
    if features.iter().any(|name| name == target) {
        return Err(Error::invalid(format!("features of CREATE MODEL name the target \"{target}\"")));
    }
    Ok(Spec {
        target: target.to_owned(),
        goal,
        features,
        derivation: derivation(arguments, fields, target)?,
        folds: arguments.count("folds", 2..=50, FOLDS_USUAL)?,
        gap: arguments.count("gap", 0..=1_000_000, 0)?,
        seed: arguments.count("seed", 0..=1_000_000_000, 0)? as u64,
    })
}

fn names(arguments: &Arguments, option: &str, fields: &[Arc<Field>]) -> Result<Vec<String>> {
    let names = arguments.texts(option)?;
    for (at, name) in names.iter().enumerate() {
        place(arguments, option, name, fields)?;
        if names[..at].contains(name) {
            return Err(Error::invalid(format!("{option} of CREATE MODEL names \"{name}\" twice")));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn derivation(arguments: &Arguments, fields: &[Arc<Field>], target: &str) -> Result<Derivation> {
    let time = arguments.text("timestamp_col")?.map(str::to_owned);
    if let Some(name) = &time {
        let field = &fields[place(arguments, "timestamp_col", name, fields)?];
        if kind_of(field)? != Kind::Times {
            return Err(Error::invalid(format!("column \"{name}\" is {}, which is no time", field.data_type())));
        }
    }
    let (lags, windows) = (wholes(arguments, "lags")?, wholes(arguments, "windows")?);
    let mut sources = names(arguments, "history_cols", fields)?;
    for source in &sources {
        let field = &fields[place(arguments, "history_cols", source, fields)?];
        if kind_of(field)? != Kind::Numbers {
            return Err(Error::invalid(format!("column \"{source}\" is {}; history_cols are numbers", field.data_type())));
        }
    }
    if sources.is_empty() {
        sources.push(target.to_owned());
    }
    let statistics = statistics(arguments)?;
    let lags = sources.iter().flat_map(|s| lags.iter().map(|steps| Lag { column: s.clone(), steps: *steps }));
    let lags: Vec<Lag> = lags.collect();
    let mut rolling = Vec::new();
    for column in &sources {
        for window in &windows {
            let of = |s: &Statistic| Rolling { column: column.clone(), window: *window, statistic: *s };
            rolling.extend(statistics.iter().map(of));
        }
    }
    let calendar = arguments.boolean("calendar", false)?;
    let derivation = Derivation { time, ids: names(arguments, "id_cols", fields)?, calendar, lags, rolling };
    derivation.check().map_err(|e| match derivation.time {
        None => Error::invalid("lags, windows and calendar of CREATE MODEL need timestamp_col"),
        Some(_) => e,
    })?;
    Ok(derivation)
}

fn wholes(arguments: &Arguments, option: &str) -> Result<Vec<usize>> {
    let one = |value: &Constant| arguments.whole(option, value, 1..=REACH_MAX);
    match arguments.get(option) {
        None => Ok(Vec::new()),
        Some(Constant::List(items)) => items.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}

fn statistics(arguments: &Arguments) -> Result<Vec<Statistic>> {
    let known = [
        ("mean", Statistic::Mean),
        ("deviation", Statistic::Deviation),
        ("minimum", Statistic::Minimum),
        ("maximum", Statistic::Maximum),
    ];
    let of = |name: &str| {
        let found = known.iter().find(|(known, _)| *known == name);
        found.map(|(_, s)| *s).ok_or_else(|| arguments.wrong("statistics", format!("'{name}'")))
    };
    match arguments.texts("statistics")?.as_slice() {
        [] => Ok(vec![Statistic::Mean]),
        names => names.iter().map(|name| of(name)).collect(),
    }
}

fn choice(arguments: &Arguments) -> Result<Choice> {
    let mut algorithms: Vec<String> = arguments.texts("algorithm")?.into_iter().map(str::to_owned).collect();
    let auto = algorithms.as_slice() == ["auto"];
    if auto {
        algorithms.clear();
    }
    if let Some(unknown) = algorithms.iter().find(|name| !Algorithm::NAMES.contains(&name.as_str())) {
        return Err(arguments.wrong("algorithm", format!("'{unknown}'")));
    }
    let text = arguments.text("params")?;
    let parameters = text.map(|text| parameters(arguments, text)).transpose()?.unwrap_or_default();
    let asked =
        ["search", "trials", "seconds", "metric", "ensemble"].into_iter().find(|name| arguments.get(name).is_some());
    let searches = auto || algorithms.len() > 1 || arguments.get("search").is_some();
    if !searches {
        if let Some(option) = asked {
            return Err(Error::invalid(format!(
                "{option} of CREATE MODEL belongs to a search; set algorithm = 'auto', a list of algorithms or search"
            )));
        }
        let algorithm = algorithms.pop().unwrap_or_else(|| "boosting".to_owned());
        let known = parameters.iter().try_fold(Algorithm::parse(&algorithm, Task::Regression)?, |a, (n, v)| a.with(n, *v));
        known?;
        return Ok(Choice::One { algorithm, parameters });
    }
    if text.is_some() {
        return Err(Error::invalid("params of CREATE MODEL belong to one algorithm; a search chooses them"));
    }
    let search = Search {
        method: arguments.text("search")?.map(Method::parse).transpose()?.unwrap_or(Method::Tpe),
        trials: arguments.count("trials", 1..=10_000, TRIALS_USUAL)?,
        seconds: arguments.number("seconds", 0.0)?,
        algorithms: Vec::new(),
        metric: arguments.text("metric")?.map(Metric::parse).transpose()?,
        stack: arguments.boolean("ensemble", true)?,
    };
    Ok(Choice::Search { search, algorithms })
}

/// `rounds = 200, learning_rate = 0.05`, or the same as a JSON object.
fn parameters(arguments: &Arguments, text: &str) -> Result<Vec<(String, f64)>> {
    let wrong = || arguments.wrong("params", format!("'{text}'"));
    let inner = text.trim();
    let inner = inner.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(inner);
    let mut found = Vec::new();
    for part in inner.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once(['=', ':']).ok_or_else(wrong)?;
        let value = match value.trim() {
            "true" => 1.0,
            "false" => 0.0,
            number => number.parse().map_err(|_| wrong())?,
        };
        found.push((name.trim().trim_matches('"').to_owned(), value));
    }
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}
