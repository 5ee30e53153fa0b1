//! Labels of output columns.

/// A label that tells a repeated column from the first one, as DataFusion names the columns of a join.
pub(crate) fn numbered(name: &str, number: usize) -> String {
    format!("{name}:{number}")
}
