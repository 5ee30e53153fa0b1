//! Points of a grid.

use crate::search::Point;

/// Places on an axis.
const LEVELS: [f64; 3] = [0.5, 0.15, 0.85];
/// Axes that are varied; the others stay in the middle.
const AXES_MAX: usize = 3;

/// Point number `index` of the grids of all spaces, one space after the other in turn; `None` behind the last.
pub(super) fn point(index: usize, widths: &[usize]) -> Option<Point> {
    let size = |width: usize| if width == 0 { 0 } else { LEVELS.len().pow(width.min(AXES_MAX) as u32) };
    let mut left = index;
    for round in 0..LEVELS.len().pow(AXES_MAX as u32) {
        for (space, &width) in widths.iter().enumerate().filter(|(_, w)| round < size(**w)) {
            if left > 0 {
                left -= 1;
                continue;
            }
            let level = |axis: usize| match axis < AXES_MAX {
                true => LEVELS[round / LEVELS.len().pow(axis as u32) % LEVELS.len()],
                false => 0.5,
            };
            return Some(Point { space, at: (0..width).map(level).collect() });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_point_of_each_grid_comes_once() {
        let widths = [6, 1, 0, 2];
        let points: Vec<_> = (0..100).map_while(|i| super::point(i, &widths)).collect();
        assert_eq!(points.len(), 27 + 3 + 9);
        assert!(points.iter().enumerate().all(|(i, p)| points[..i].iter().all(|q| q != p)));
    }
}
