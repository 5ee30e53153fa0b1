//! Sums of gradients by bin.

use crate::tree::bins::Binned;

/// Gradient, curvature and number of some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) gradient: f64,
    pub(crate) curvature: f64,
    pub(crate) rows: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        // Without rows nothing is left but rounding.
        let rows = self.rows - other.rows;
        if rows <= 0.0 {
            return Self::default();
        }
        Self { gradient: self.gradient - other.gradient, curvature: self.curvature - other.curvature, rows }
    }

    /// The gain that a leaf of these rows brings: G² / (H + l2).
    pub(crate) fn score(self, l2: f64) -> f64 {
        let below = self.curvature + l2;
        if below > 0.0 { self.gradient * self.gradient / below } else { 0.0 }
    }

    /// The answer of a leaf of these rows: -G / (H + l2).
    pub(crate) fn answer(self, l2: f64) -> f64 {
        let below = self.curvature + l2;
        if below > 0.0 { -self.gradient / below } else { 0.0 }
    }
}

/// Gradients and curvatures of all training rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slopes<'a> {
    pub(crate) gradients: &'a [f64],
    pub(crate) curvatures: &'a [f64],
}

impl Slopes<'_> {
    pub(crate) fn sum(&self, rows: &[u32]) -> Sum {
        rows.iter().fold(Sum::default(), |mut sum, &r| {
            sum.add(self.of(r));
            sum
        })
    }

    pub(crate) fn of(&self, row: u32) -> Sum {
        let row = row as usize;
        Sum { gradient: self.gradients[row], curvature: self.curvatures[row], rows: 1.0 }
    }
}

/// The histogram of some rows over the bins of some features; bins of other features stay empty.
/// O(rows x features).
pub(crate) fn build(binned: &Binned, slopes: Slopes<'_>, features: &[usize], rows: &[u32]) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); binned.offsets.last().copied().unwrap_or(0)];
    let ordered: Vec<Sum> = rows.iter().map(|&r| slopes.of(r)).collect();
    for &feature in features {
        let bins = &binned.bins[feature];
        let here = &mut sums[binned.offsets[feature]..binned.offsets[feature + 1]];
        for (&row, sum) in rows.iter().zip(&ordered) {
            here[usize::from(bins[row as usize])].add(*sum);
        }
    }
    sums
}

/// Takes a child's histogram from its parent's: what is left is the other child's.
pub(crate) fn subtract(parent: &mut [Sum], child: &[Sum]) {
    parent.iter_mut().zip(child).for_each(|(p, c)| *p = p.minus(*c));
}

/// The sums of one feature's bins, built in place and emptied again, so that few rows cost little.
#[derive(Debug)]
pub(crate) struct Scratch {
    sums: Vec<Sum>,
    touched: [u64; 4],
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { sums: vec![Sum::default(); 256], touched: [0; 4] }
    }

    /// Bins that have rows, in order, with their sums. O(rows).
    pub(crate) fn occupied(&mut self, bins: &[u8], slopes: Slopes<'_>, rows: &[u32], into: &mut Vec<(u8, Sum)>) {
        for &row in rows {
            let bin = bins[row as usize];
            self.sums[usize::from(bin)].add(slopes.of(row));
            self.touched[usize::from(bin >> 6)] |= 1 << (bin & 63);
        }
        into.clear();
        for word in 0..4_u8 {
            let mut left = std::mem::take(&mut self.touched[usize::from(word)]);
            while left != 0 {
                let bin = word * 64 + left.trailing_zeros() as u8;
                left &= left - 1;
                into.push((bin, std::mem::take(&mut self.sums[usize::from(bin)])));
            }
        }
    }
}

/// The same from a histogram. O(bins).
pub(crate) fn occupied_of(sums: &[Sum], into: &mut Vec<(u8, Sum)>) {
    into.clear();
    into.extend(sums.iter().enumerate().filter(|(_, s)| s.rows > 0.0).map(|(bin, s)| (bin as u8, *s)));
}
