//! Points that are like the good ones and unlike the others.

use headwater_timeseries::random::Random;

use crate::search::Point;

/// Share of trials that count as good.
const GOOD_SHARE: f64 = 0.25;
/// Trials before the first guess.
const STARTUP: usize = 8;
/// Points drawn for each guess.
const DRAWN: usize = 24;

/// The next point by a tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter optimization",
/// 2011): of points drawn around the good trials, the one whose density among the good is highest beside its density among
/// the others. `None` while there are too few trials. O(trials x drawn x width).
pub(super) fn next(trials: &[(Point, f64)], widths: &[usize], random: &mut Random) -> Option<Point> {
    if trials.len() < STARTUP {
        return None;
    }
    let mut order: Vec<&(Point, f64)> = trials.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let count = ((GOOD_SHARE * order.len() as f64).ceil() as usize).max(2);
    let (good, others) = order.split_at(count.min(order.len()));
    let space = choose_space(good, widths.len(), random);
    let good: Vec<&[f64]> = of_space(good, space);
    let others: Vec<&[f64]> = of_space(others, space);
    let mut best: Option<(f64, Vec<f64>)> = None;
    for _ in 0..DRAWN {
        let at = draw(&good, widths[space], random);
        let worth = log_density(&good, &at) - log_density(&others, &at);
        if best.as_ref().is_none_or(|b| worth > b.0) {
            best = Some((worth, at));
        }
    }
    best.map(|(_, at)| Point { space, at })
}

fn of_space<'a>(trials: &[&'a (Point, f64)], space: usize) -> Vec<&'a [f64]> {
    trials.iter().filter(|t| t.0.space == space).map(|t| t.0.at.as_slice()).collect()
}

/// A space, as often as it is among the good trials; each counts once more, so that none dies out.
fn choose_space(good: &[&(Point, f64)], spaces: usize, random: &mut Random) -> usize {
    let mut place = random.below(good.len() + spaces);
    for space in 0..spaces {
        let count = 1 + good.iter().filter(|t| t.0.space == space).count();
        if place < count {
            return space;
        }
        place -= count;
    }
    0
}

/// Width of the bell around each of some points.
fn bandwidth(points: usize) -> f64 {
    (0.5 / (points as f64 + 1.0).sqrt()).max(0.05)
}

/// A point near one of some points, or anywhere: the cube counts as one more.
fn draw(points: &[&[f64]], width: usize, random: &mut Random) -> Vec<f64> {
    let around = points.get(random.below(points.len() + 1));
    let coordinate = |at: usize| match around {
        Some(centre) => reflect(centre[at] + bandwidth(points.len()) * random.normal()),
        None => random.uniform(),
    };
    (0..width).map(coordinate).collect()
}

/// Back into 0 to 1 at its ends.
fn reflect(x: f64) -> f64 {
    let turned = x.rem_euclid(2.0);
    if turned > 1.0 { 2.0 - turned } else { turned }
}

fn log_density(points: &[&[f64]], at: &[f64]) -> f64 {
    let wide = bandwidth(points.len());
    let bell = |centre: &&[f64]| {
        let square: f64 = centre.iter().zip(at).map(|(c, x)| ((c - x) / wide).powi(2)).sum();
        (-square / 2.0).exp() / (wide * 2.506_628_274_631).powi(at.len() as i32)
    };
    ((points.iter().map(bell).sum::<f64>() + 1.0) / (points.len() as f64 + 1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best of 60 guesses is nearer to the top of a hill than the best of 60 random points, over many hills.
    #[test]
    fn guesses_climb_faster_than_chance() {
        let (mut guessed, mut random_best) = (0.0, 0.0);
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let top: Vec<f64> = (0..3).map(|_| random.uniform()).collect();
            let height = |p: &Point| -> f64 {
                let distance: f64 = p.at.iter().zip(&top).map(|(a, b)| (a - b).powi(2)).sum();
                -distance - if p.space == 1 { 0.0 } else { 0.3 }
            };
            let any =
                |random: &mut Random| Point { space: random.below(2), at: (0..3).map(|_| random.uniform()).collect() };
            let mut trials: Vec<(Point, f64)> = Vec::new();
            for _ in 0..60 {
                let point = next(&trials, &[3, 3], &mut random).unwrap_or_else(|| any(&mut random));
                let score = height(&point);
                trials.push((point, score));
            }
            guessed += trials.iter().map(|t| t.1).fold(f64::NEG_INFINITY, f64::max);
            random_best += (0..60).map(|_| height(&any(&mut random))).fold(f64::NEG_INFINITY, f64::max);
        }
        assert!(guessed > 0.4 * random_best, "{guessed} {random_best}");
    }
}
