//! What supervised models promise, seen from outside.

#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod global;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod search;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod traps;
