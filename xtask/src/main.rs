//! Project tasks: `cargo xtask check | servers | layers | sizes | docs`.
fn main() {}
