//! Table functions over rows without a time.

pub(crate) mod outliers;
