//! headwater-benchmarks
