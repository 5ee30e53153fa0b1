//! The best split of a leaf by one feature.

use crate::tree::histogram::Sum;

/// Most categories of the smaller side of a split by sets.
const SET_MAX: usize = 32;
/// Up to this many categories each is tried alone against the others.
const ALONE_MAX: usize = 4;
/// A gain that is rounding beside the scores it comes from.
const ROUNDING: f64 = 1e-12;

/// What a split must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Added to the curvature of each side.
    pub(crate) l2: f64,
    /// Fewest rows of a side.
    pub(crate) rows_min: f64,
    /// Least curvature of a side.
    pub(crate) curvature_min: f64,
    /// Least gain.
    pub(crate) gain_min: f64,
    /// Added to the curvature besides `l2` when categories are split as sets.
    pub(crate) category_l2: f64,
    /// Pulls the order of categories towards 0: rare ones count less.
    pub(crate) category_smoothing: f64,
}

/// Which bins go left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Side {
    /// Present bins up to this one.
    UpTo(u8),
    /// Bins with a bit; bin 0 is missing.
    Set([u64; 4]),
}

/// A split and its worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    pub(crate) feature: usize,
    pub(crate) gain: f64,
    pub(crate) side: Side,
    pub(crate) missing_left: bool,
    pub(crate) left: Sum,
    pub(crate) right: Sum,
}

impl Split {
    /// Whether rows of a bin go left.
    pub(crate) fn goes_left(&self, bin: u8) -> bool {
        match self.side {
            _ if bin == 0 => self.missing_left,
            Side::UpTo(last) => bin <= last,
            Side::Set(words) => words[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1,
        }
    }
}

/// The search over one feature: the sums of its bins that have rows, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidates<'a> {
    pub(crate) feature: usize,
    pub(crate) occupied: &'a [(u8, Sum)],
    pub(crate) total: Sum,
    pub(crate) rules: Rules,
}

impl Candidates<'_> {
    /// The gain of a split, if it keeps the rules.
    fn gain(&self, left: Sum, right: Sum, l2: f64) -> Option<f64> {
        let rules = &self.rules;
        let enough = |side: Sum| side.rows >= rules.rows_min && side.curvature >= rules.curvature_min;
        if !enough(left) || !enough(right) {
            return None;
        }
        let sides = left.score(l2) + right.score(l2);
        let gain = sides - self.total.score(rules.l2);
        (gain > rules.gain_min && gain > ROUNDING * sides).then_some(gain)
    }

    fn offer(&self, best: &mut Option<Split>, side: Side, missing_left: bool, left: Sum, l2: f64) {
        let right = self.total.minus(left);
        let Some(gain) = self.gain(left, right, l2) else { return };
        if best.is_none_or(|b| gain > b.gain) {
            *best = Some(Split { feature: self.feature, gain, side, missing_left, left, right });
        }
    }

    /// The best threshold; missing values go to the side where they gain more (Chen & Guestrin, "XGBoost", 2016,
    /// algorithm 3), with the larger side when the leaf has none. O(bins).
    pub(crate) fn best_threshold(&self) -> Option<Split> {
        let (missing, present) = match self.occupied.first() {
            Some((0, sum)) => (*sum, &self.occupied[1..]),
            _ => (Sum::default(), self.occupied),
        };
        let mut best = None;
        let mut left = Sum::default();
        for (at, (bin, sum)) in present.iter().enumerate() {
            left.add(*sum);
            let last = at + 1 == present.len();
            if missing.rows > 0.0 {
                self.offer(&mut best, Side::UpTo(*bin), false, left, self.rules.l2);
                if !last {
                    let mut with_missing = left;
                    with_missing.add(missing);
                    self.offer(&mut best, Side::UpTo(*bin), true, with_missing, self.rules.l2);
                }
            } else if !last {
                let larger_left = 2.0 * left.rows >= self.total.rows;
                self.offer(&mut best, Side::UpTo(*bin), larger_left, left, self.rules.l2);
            }
        }
        best
    }

    /// The best set of categories: each alone while there are few, else prefixes of the order by gradient over curvature
    /// (Fisher, "On grouping for maximum homogeneity", 1958; with the smoothing of LightGBM). A missing value is a
    /// category of its own; unknown ones go with it. O(bins log bins).
    pub(crate) fn best_set(&self) -> Option<Split> {
        let mut best = None;
        if self.occupied.len() <= ALONE_MAX {
            for (bin, sum) in self.occupied {
                self.offer_set(&mut best, &[*bin], *sum, self.rules.l2);
            }
            return best;
        }
        let l2 = self.rules.l2 + self.rules.category_l2;
        let rows_least = self.rules.rows_min.min(self.rules.category_smoothing);
        let worth = |sum: &Sum| sum.gradient / (sum.curvature + self.rules.category_smoothing).max(f64::MIN_POSITIVE);
        let mut order: Vec<(f64, u8, Sum)> =
            self.occupied.iter().filter(|(_, s)| s.rows >= rows_least).map(|(b, s)| (worth(s), *b, *s)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let longest = order.len().div_ceil(2).min(SET_MAX);
        for backward in [false, true] {
            let (mut set, mut sum) = (Vec::with_capacity(longest), Sum::default());
            for at in 0..longest {
                let (_, bin, part) = order[if backward { order.len() - 1 - at } else { at }];
                set.push(bin);
                sum.add(part);
                self.offer_set(&mut best, &set, sum, l2);
            }
        }
        best
    }

    fn offer_set(&self, best: &mut Option<Split>, bins: &[u8], left: Sum, l2: f64) {
        let mut words = [0_u64; 4];
        bins.iter().for_each(|b| words[usize::from(b >> 6)] |= 1 << (b & 63));
        let has_missing = self.occupied.first().is_some_and(|o| o.0 == 0);
        let missing_left = if has_missing { words[0] & 1 == 1 } else { 2.0 * left.rows > self.total.rows };
        self.offer(best, Side::Set(words), missing_left, left, l2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { l2: 0.0, rows_min: 1.0, curvature_min: 0.0, gain_min: 0.0, category_l2: 0.0, category_smoothing: 0.0 };

    fn sum(gradient: f64, rows: f64) -> Sum {
        Sum { gradient, curvature: rows, rows }
    }

    fn candidates(occupied: &[(u8, Sum)]) -> Candidates<'_> {
        let mut total = Sum::default();
        occupied.iter().for_each(|o| total.add(o.1));
        Candidates { feature: 3, occupied, total, rules: RULES }
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        let with = |missing: f64| [(0, sum(missing, 2.0)), (1, sum(-4.0, 2.0)), (2, sum(4.0, 2.0))];
        let left = candidates(&with(-4.0)).best_threshold().unwrap();
        assert!(left.missing_left && left.side == Side::UpTo(1) && left.goes_left(0) && !left.goes_left(2));
        assert!(!candidates(&with(4.0)).best_threshold().unwrap().missing_left);
        let alone = [(0, sum(-4.0, 2.0)), (1, sum(3.0, 2.0)), (2, sum(3.0, 2.0))];
        let split = candidates(&alone).best_threshold().unwrap();
        assert_eq!((split.side, split.missing_left), (Side::UpTo(2), false));
    }

    #[test]
    fn sets_gather_categories_that_are_alike() {
        let occupied: Vec<(u8, Sum)> = (0..8).map(|b| (b, sum(if b % 3 == 0 { -6.0 } else { 5.0 }, 2.0))).collect();
        let split = candidates(&occupied).best_set().unwrap();
        assert!((0..8).all(|b| split.goes_left(b) == (b % 3 == 0)), "{split:?}");
    }

    #[test]
    fn equal_answers_are_not_split() {
        let occupied: Vec<(u8, Sum)> = (1..9).map(|b| (b, sum(0.1 * f64::from(b), f64::from(b)))).collect();
        assert_eq!(candidates(&occupied).best_threshold(), None);
        assert_eq!(candidates(&occupied).best_set(), None);
        assert_eq!(candidates(&[]).best_threshold(), None);
    }
}
