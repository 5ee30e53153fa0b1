//! Measures of predicted classes.

use crate::metrics::Metric;

/// Least probability that the log loss takes the logarithm of.
const PROBABILITY_MIN: f64 = 1e-15;

pub(super) fn measure(metric: Metric, codes: &[u32], predicted: &[Vec<f64>]) -> Option<f64> {
    let rows = codes.len();
    if rows == 0 || predicted.len() < 2 || predicted.iter().any(|p| p.len() != rows) {
        return None;
    }
    let mean = |of: &dyn Fn(usize) -> f64| Some((0..rows).map(of).sum::<f64>() / rows as f64);
    match metric {
        Metric::LogLoss => mean(&|row| {
            let sum: f64 = predicted.iter().map(|p| p[row]).sum();
            -(predicted[codes[row] as usize][row] / sum).clamp(PROBABILITY_MIN, 1.0).ln()
        }),
        Metric::Accuracy => mean(&|row| f64::from(u8::from(most_probable(predicted, row) == codes[row] as usize))),
        Metric::F1 => Some(f1(codes, predicted)),
        Metric::RocAuc => by_class(codes, predicted, roc_auc),
        Metric::PrAuc => by_class(codes, predicted, average_precision),
        Metric::Brier if predicted.len() == 2 => {
            mean(&|row| (predicted[1][row] - f64::from(u8::from(codes[row] == 1))).powi(2))
        }
        Metric::Brier => mean(&|row| {
            let error = |(class, p): (usize, &Vec<f64>)| p[row] - f64::from(u8::from(class == codes[row] as usize));
            predicted.iter().enumerate().map(error).map(|e| e * e).sum()
        }),
        _ => None,
    }
}

/// The class with the highest probability; of equal ones the first.
pub(crate) fn most_probable(predicted: &[Vec<f64>], row: usize) -> usize {
    (1..predicted.len()).fold(0, |best, class| if predicted[class][row] > predicted[best][row] { class } else { best })
}

/// Mean over the classes that came or were predicted.
fn f1(codes: &[u32], predicted: &[Vec<f64>]) -> f64 {
    let mut counts = vec![(0.0, 0.0, 0.0); predicted.len()];
    for (row, code) in codes.iter().enumerate() {
        let (known, said) = (*code as usize, most_probable(predicted, row));
        counts[known].0 += 1.0;
        counts[said].1 += 1.0;
        if known == said {
            counts[said].2 += 1.0;
        }
    }
    let present: Vec<f64> =
        counts.iter().filter(|c| c.0 + c.1 > 0.0).map(|(known, said, both)| 2.0 * both / (known + said)).collect();
    present.iter().sum::<f64>() / present.len() as f64
}

/// The second of two classes, or the mean over classes that came and did not come.
fn by_class(codes: &[u32], predicted: &[Vec<f64>], measure: fn(&[(f64, bool)]) -> Option<f64>) -> Option<f64> {
    let of = |class: usize| {
        let mut pairs: Vec<(f64, bool)> =
            predicted[class].iter().zip(codes).map(|(p, c)| (*p, *c as usize == class)).collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        measure(&pairs)
    };
    if predicted.len() == 2 {
        return of(1);
    }
    let found: Vec<f64> = (0..predicted.len()).filter_map(of).collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

/// Groups of equal probabilities, the highest first: how many of each came and did not.
fn groups(pairs: &[(f64, bool)]) -> impl Iterator<Item = (f64, f64)> {
    pairs.chunk_by(|a, b| a.0 == b.0).map(|group| {
        let came = group.iter().filter(|g| g.1).count() as f64;
        (came, group.len() as f64 - came)
    })
}

/// Probability that one that came has a higher probability than one that did not; ties count half (Hanley & McNeil,
/// "The meaning and use of the area under a ROC curve", 1982).
fn roc_auc(pairs: &[(f64, bool)]) -> Option<f64> {
    let (mut area, mut above, mut others) = (0.0, 0.0, 0.0);
    for (came, not) in groups(pairs) {
        area += not * (above + came / 2.0);
        above += came;
        others += not;
    }
    (above > 0.0 && others > 0.0).then(|| area / above / others)
}

/// Sum of precision times the gain in recall.
fn average_precision(pairs: &[(f64, bool)]) -> Option<f64> {
    let total = pairs.iter().filter(|p| p.1).count() as f64;
    let (mut sum, mut above, mut seen) = (0.0, 0.0, 0.0);
    for (came, not) in groups(pairs) {
        above += came;
        seen += came + not;
        sum += came / total * above / seen;
    }
    (total > 0.0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_has_no_area_and_ties_count_half() {
        let p = vec![vec![0.5; 4], vec![0.5; 4]];
        assert_eq!(measure(Metric::RocAuc, &[1, 1, 1, 1], &p), None);
        assert_eq!(measure(Metric::RocAuc, &[0, 1, 1, 0], &p), Some(0.5));
        assert_eq!(measure(Metric::PrAuc, &[0, 1, 1, 0], &p), Some(0.5));
        assert_eq!(measure(Metric::PrAuc, &[0, 0, 0, 0], &p), None);
    }

    #[test]
    fn a_certain_and_wrong_prediction_has_a_finite_log_loss() {
        let p = vec![vec![1.0], vec![0.0]];
        assert!(measure(Metric::LogLoss, &[1], &p).unwrap() < 35.0);
        assert_eq!(measure(Metric::LogLoss, &[0], &p), Some(0.0));
        assert_eq!(measure(Metric::Rmse, &[0], &p), None);
    }
}
