//! What work costs, in microseconds. They are of one scale: an order is chosen by how they relate.

use headwater_source::SourceCost;

/// Most keys that a bind join sends.
pub(super) const KEYS_MAX: f64 = 200_000.0;

/// One statement of a source: the round trip, and what its rows and bytes take to come here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SourcePrices {
    pub(super) statement: f64,
    pub(super) row: f64,
    pub(super) byte: f64,
}

impl Default for SourcePrices {
    /// A statement is as much as 64 KiB, as for the push-down of sub-plans; 100 MB come in a second.
    fn default() -> Self {
        Self { statement: 655.0, row: 0.05, byte: 0.01 }
    }
}

/// Learned prices are kept within this factor of the constants: much of the time of some statements is work at the source,
/// which is not a price of rows.
const LEARNED_FACTOR_MAX: f64 = 20.0;

impl SourcePrices {
    /// What was learned, as far as it means something.
    pub(super) fn learned(cost: &SourceCost) -> Self {
        let default = Self::default();
        let near = |found: f64, constant: f64| found.clamp(constant / LEARNED_FACTOR_MAX, constant * LEARNED_FACTOR_MAX);
        let statement = near(cost.statement, default.statement);
        if !cost.informative {
            return Self { statement, ..default };
        }
        Self { statement, row: near(cost.row, default.row), byte: near(cost.byte, default.byte) }
    }
}

/// What rows cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prices {
    /// By number of the source.
    pub(super) sources: Vec<SourcePrices>,
    /// A row that a relation reads.
    pub(super) scanned_row: f64,
    /// A row that a source joins.
    pub(super) source_row: f64,
    /// A row of the side that is put into a hash table.
    pub(super) build_row: f64,
    /// A row that is looked up in it.
    pub(super) probe_row: f64,
    /// A pair of rows that are compared without a key.
    pub(super) pair: f64,
    /// A row that a join returns.
    pub(super) output_row: f64,
    /// A byte of it.
    pub(super) output_byte: f64,
}

impl Prices {
    /// With these prices of sources.
    pub(super) fn new(sources: Vec<SourcePrices>) -> Self {
        Self {
            sources,
            scanned_row: 0.05,
            source_row: 0.1,
            build_row: 0.1,
            probe_row: 0.04,
            pair: 0.005,
            output_row: 0.02,
            output_byte: 0.000_5,
        }
    }

    /// So many rows of this width come here.
    pub(super) fn fetched(&self, source: usize, rows: f64, width: f64) -> f64 {
        let prices = self.sources.get(source).copied().unwrap_or_default();
        prices.statement + rows * (prices.row + width * prices.byte)
    }
}
