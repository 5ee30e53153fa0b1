//! What the registry promises, seen from outside.

#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod versions;
