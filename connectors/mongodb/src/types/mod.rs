//! BSON values and Arrow.
//!
//! | file | answers |
//! |---|---|
//! | `kind` | what fits a column, and how is one declared? |
//! | `infer` | which kinds do the fields of some documents have? |
//! | `decode`, `encode` | how do documents become columns, and rows documents? |
//! | `decimal`, `extended_json` | how are decimal numbers and whole values written? |

pub(crate) mod decimal;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod extended_json;
pub(crate) mod infer;
pub(crate) mod kind;

pub use kind::Kind;
