//! JSON: one value a line or one array, shapes from the first rows, strict columns from all of them.

pub(crate) mod array;
pub(crate) mod decode;
pub(crate) mod nested;
pub(crate) mod shape;
