//! Many candidates on few rows, few candidates on all.

/// Of this many candidates one goes on.
pub(super) const FACTOR: usize = 3;

/// Number of candidates and share of rows of each rung, such that all rungs together are at most `trials` fits (Jamieson &
/// Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016). The last has all rows.
pub(super) fn rungs(trials: usize) -> Vec<(usize, f64)> {
    let mut last = 1;
    let total = |last: usize, rungs: u32| (0..rungs).map(|r| last * FACTOR.pow(r)).sum::<usize>();
    let rungs = (1..=3).rev().find(|r| total(1, *r) <= trials).unwrap_or(1);
    while total(last + 1, rungs) <= trials {
        last += 1;
    }
    (0..rungs).rev().map(|r| (last * FACTOR.pow(r), 1.0 / FACTOR.pow(r) as f64)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn rungs_keep_to_the_trials_and_end_on_all_rows() {
        for trials in 1..200 {
            let rungs = super::rungs(trials);
            assert!(rungs.iter().map(|r| r.0).sum::<usize>() <= trials);
            assert_eq!(rungs.last().unwrap().1, 1.0);
            assert!(trials < 26 || rungs.len() == 3);
        }
    }
}
