//! Tables as they come, features as models see them, and what is predicted.

pub mod features;
pub mod order;
pub mod table;
pub mod target;

pub use features::{CATEGORIES_MAX, FEATURES_MAX, Features, Kind};
pub use table::{Categories, Column, MISSING, Table, Values};
pub use target::{Target, Task};
