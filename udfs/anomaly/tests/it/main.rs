//! What the detectors promise, seen from outside.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod leakage;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod traps;
