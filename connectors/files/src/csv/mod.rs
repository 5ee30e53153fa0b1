//! CSV: records from bytes, types from the first records, strict columns from all of them.

pub(crate) mod decode;
pub(crate) mod infer;
pub(crate) mod records;
