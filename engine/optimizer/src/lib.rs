//! headwater-optimizer
