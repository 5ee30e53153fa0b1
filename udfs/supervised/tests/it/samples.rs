//! The data of the tests and what other libraries say of it (`fixtures/make.py` says how it was made).

use headwater_supervised::data::{Column, Table, Target};

const TABLE: &str = include_str!("../fixtures/table.csv");
const EXPECTED: &str = include_str!("../fixtures/expected.tsv");

/// Rows that others were fitted on; the rest was judged.
pub(crate) const TRAIN: usize = 1000;

/// Columns a, b, c, d, k, y, q, m.
pub(crate) fn columns() -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = TABLE.lines().skip(1).map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    (0..8).map(|c| rows.iter().map(|r| r[c]).collect()).collect()
}

/// What other libraries say.
pub(crate) fn expected(name: &str) -> Vec<f64> {
    let line = EXPECTED.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('\t')).unwrap();
    line.split(' ').map(|v| v.parse().unwrap()).collect()
}

fn texts(codes: &[f64]) -> Vec<Option<String>> {
    codes.iter().map(|c| (!c.is_nan()).then(|| c.to_string())).collect()
}

/// Features a, b, c, d of numbers and k of texts, and one of the targets y, q, m.
pub(crate) fn table(target: &str) -> Table {
    let all = columns();
    let numbers = ["a", "b", "c", "d"].iter().zip(&all).map(|(name, x)| Column::numbers(name, x.clone()));
    let mut out: Vec<Column> = numbers.collect();
    out.push(Column::texts("k", &texts(&all[4])));
    out.push(match target {
        "y" => Column::numbers("y", all[5].clone()),
        "q" => Column::texts("q", &texts(&all[6])),
        _ => Column::texts("m", &texts(&all[7])),
    });
    Table::new(out).unwrap()
}

/// The first rows, and the others.
pub(crate) fn halves(table: &Table) -> (Table, Table) {
    let rows = |range: std::ops::Range<usize>| table.take(&range.collect::<Vec<_>>());
    (rows(0..TRAIN), rows(TRAIN..table.rows()))
}

/// A target of classes by code.
pub(crate) fn classes(codes: &[f64], count: usize) -> Target {
    Target::Classes { codes: codes.iter().map(|c| *c as u32).collect(), names: (0..count).map(|c| c.to_string()).collect() }
}

/// Fails where numbers differ by more than a share of their size.
#[track_caller]
pub(crate) fn assert_close(ours: &[f64], golden: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), golden.len());
    for (at, (a, b)) in ours.iter().zip(golden).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "number {at}: {a} is not {b}");
    }
}
