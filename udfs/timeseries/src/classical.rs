//! The classical decomposition: a centred moving average and one index for each phase of the season.

use crate::statistics::mean;

/// How the season acts on the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    /// It is added.
    Additive,
    /// It multiplies. Only for positive values.
    Multiplicative,
}

/// Seasonal indices of the phases 0 to period - 1, adding up to 0 or averaging to 1 (Persons, "Indices of business
/// conditions", 1919). `None` for a series shorter than two periods or, multiplicatively, with values that are not
/// positive. O(n).
pub fn indices(y: &[f64], period: usize, season: Season) -> Option<Vec<f64>> {
    let multiplicative = season == Season::Multiplicative;
    if period < 2 || y.len() < 2 * period || (multiplicative && y.iter().any(|v| !(*v > 0.0))) {
        return None;
    }
    let (mut sums, mut counts) = (vec![0.0; period], vec![0.0; period]);
    let half = period / 2;
    let mut sum: f64 = y[..period].iter().sum();
    for centre in half..y.len() - half {
        // For an even period the window has one value more, and its ends count half.
        let left = centre - half;
        let trend = if period.is_multiple_of(2) {
            (sum + 0.5 * (y[left + period] - y[left])) / period as f64
        } else {
            sum / period as f64
        };
        sum += y.get(left + period).unwrap_or(&0.0) - y[left];
        let part = if multiplicative { y[centre] / trend } else { y[centre] - trend };
        sums[centre % period] += part;
        counts[centre % period] += 1.0;
    }
    let mut indices: Vec<f64> = sums.iter().zip(&counts).map(|(s, c)| s / c).collect();
    let centre = mean(&indices);
    indices.iter_mut().for_each(|v| *v = if multiplicative { *v / centre } else { *v - centre });
    indices.iter().all(|v| v.is_finite()).then_some(indices)
}

/// Takes indices out of a series. O(n).
pub fn adjust(y: &[f64], indices: &[f64], season: Season) -> Vec<f64> {
    let phases = indices.iter().cycle();
    match season {
        Season::Additive => y.iter().zip(phases).map(|(v, s)| v - s).collect(),
        Season::Multiplicative => y.iter().zip(phases).map(|(v, s)| v / s).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_of_exact_seasons_are_found() {
        let season = [1.2, 0.7, 1.1, 1.0];
        let y: Vec<f64> = (0..24).map(|t| 8.0 * season[t % 4]).collect();
        let found = indices(&y, 4, Season::Multiplicative).unwrap();
        assert!(found.iter().zip(season).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(adjust(&y, &found, Season::Multiplicative).iter().all(|v| (v - 8.0).abs() < 1e-9));
        let y: Vec<f64> = (0..9).map(|t| t as f64 + [1.0, 0.0, -1.0][t % 3]).collect();
        let found = indices(&y, 3, Season::Additive).unwrap();
        assert!(found.iter().zip([1.0, 0.0, -1.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(indices(&[1.0, 0.0, 1.0, 1.0], 2, Season::Multiplicative).is_none());
        assert!(indices(&[1.0; 7], 4, Season::Additive).is_none());
    }
}
