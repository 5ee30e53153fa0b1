//! Methods on series of our own.

mod expected;
mod robustness;
mod traps;
