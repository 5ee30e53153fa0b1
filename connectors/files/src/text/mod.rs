//! What CSV and JSON share: types of texts, strict parsing, decompression, and the scan over a stream of bytes.

pub(crate) mod column;
pub(crate) mod compression;
pub(crate) mod kind;
pub(crate) mod scan;
