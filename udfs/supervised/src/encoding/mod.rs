//! From columns of a table to features: dictionaries, one-hot and target encoding, missing values.

mod encoder;
mod target_mean;

pub use encoder::{Encoder, Encoding};
pub(crate) use target_mean::TargetMean;
