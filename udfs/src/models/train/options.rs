//! The options of CREATE MODEL.

use crate::table::Spec;

const fn option(name: &'static str, wanted: &'static str) -> Spec {
    Spec { name, wanted }
}

/// All options; the last ones are given by the statement itself.
pub(crate) const OPTIONS: &[Spec] = &[
    option("target", "the name of the column that is predicted"),
    option("task", "'regression', 'classification' or 'forecast'"),
    option("features", "a list of names of columns to predict from, such as ['a', 'b']"),
    option(
        "algorithm",
        "'auto', or one or a list of 'boosting', 'forest', 'linear', 'logistic', 'neighbors', 'network', 'stack'",
    ),
    option("params", "parameters of the one algorithm, such as 'rounds = 200, learning_rate = 0.05'"),
    option("folds", "a whole number of folds of the cross-validation between 2 and 50"),
    option("gap", "a whole number of rows between what is fitted and what is judged, between 0 and 1000000"),
    option("search", "'grid', 'random', 'tpe' or 'halving'"),
    option("trials", "a whole number of trials between 1 and 10000"),
    option("seconds", "a number of seconds after which no fit starts"),
    option("metric", "the name of a metric of ML_EVALUATE that fits the task"),
    option("ensemble", "true or false: whether the best of each algorithm are stacked at the end of a search"),
    option("seed", "a whole number between 0 and 1000000000"),
    option("timestamp_col", "the name of the column with the times"),
    option("id_cols", "a list of names of the columns that tell series of rows apart, such as ['store']"),
    option("calendar", "true or false: whether year, month, day, weekday and hour of the time are features"),
    option("lags", "a whole number or list of whole numbers of earlier rows, such as [1, 7]"),
    option("windows", "a whole number or list of whole numbers of earlier rows, such as [7, 28]"),
    option("statistics", "one or a list of 'mean', 'deviation', 'minimum', 'maximum'"),
    option("history_cols", "a list of names of the columns of numbers whose earlier values are features"),
    option("retrain_on_drift", "a population stability index from which the model is trained again, such as 0.2"),
    option("horizon", "a whole number of steps between 1 and 10000, of task = 'forecast'"),
    option("confidence_levels", "a number or list of up to 20 different numbers between 0 and 1, of task = 'forecast'"),
    option("frequency", "the step of the series, of task = 'forecast', as FORECAST takes it"),
    option("seasonality", "the seasons of the series, of task = 'forecast', as FORECAST takes them"),
    option("fill", "'linear', 'previous', 'zero' or 'none', of task = 'forecast'"),
    option("duplicates", "'mean', 'sum' or 'none', of task = 'forecast'"),
    option("__model", "the name of the model"),
    option("__mode", "what is done with a model that exists"),
    option("__query", "the text of the query"),
];
