//! Levels of confidence and the names of their columns.

use headwater_common::Result;

use crate::table::{Arguments, Spec};

/// `confidence_levels`.
pub(crate) const CONFIDENCE_LEVELS: Spec = Spec {
    name: "confidence_levels",
    wanted: "a number or list of up to 20 different numbers between 0 and 1, such as [0.8, 0.95]",
};

const LEVELS_MAX: usize = 20;

/// The levels, the lowest first; 0.8 and 0.95 when none are given.
pub(crate) fn read(arguments: &Arguments) -> Result<Vec<f64>> {
    let mut levels = arguments.shares("confidence_levels")?;
    if arguments.get("confidence_levels").is_none() {
        levels = vec![0.8, 0.95];
    }
    levels.sort_by(f64::total_cmp);
    let count = levels.len();
    levels.dedup();
    if levels.len() < count || levels.len() > LEVELS_MAX {
        return Err(arguments.wrong("confidence_levels", format!("{count} numbers, of which {} differ", levels.len())));
    }
    Ok(levels)
}

/// How a level stands in the name of a column: `95`, `97_5`.
pub(crate) fn suffix(level: f64) -> String {
    // Nine digits are more than a level has and fewer than a double's last ones.
    let text = format!("{:.9}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_percents_in_names() {
        let names: Vec<String> = [0.8, 0.95, 0.975, 0.999, 0.07, 0.3].into_iter().map(suffix).collect();
        assert_eq!(names, ["80", "95", "97_5", "99_9", "7", "30"]);
    }
}
