//! What is known of one version of a model.

use headwater_common::{Error, Result};

use crate::codec::damaged;
use crate::record;

const QUERY_MAX_BYTES: usize = 64 << 10;
const ENTRIES_MAX: usize = 256;

/// What the caller says of a model that it publishes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// When it was trained, microseconds since the epoch.
    pub created_us: i64,
    /// Lineage: the training query, at most 64 KiB. It must hold no secret.
    pub query: String,
    /// [`crate::Fingerprint`] of the training rows.
    pub fingerprint: String,
    /// Number of training rows.
    pub rows: u64,
    /// Seed of the fit.
    pub seed: u64,
    /// Name and value of what was measured on rows that the fit did not see, at most 256.
    pub metrics: Vec<(String, f64)>,
    /// What versions are compared by: higher is better. `None` when nothing was measured.
    pub score: Option<f64>,
    /// Options of the training in text, at most 256.
    pub options: Vec<(String, String)>,
}

record!(About { created_us, query, fingerprint, rows, seed, metrics, score, options } check check);

impl About {
    /// Errors: a text or list is longer than it may be.
    pub fn check(&self) -> Result<()> {
        let texts = self.options.iter().flat_map(|(k, v)| [k, v]).chain(self.metrics.iter().map(|m| &m.0));
        let long = texts.chain([&self.query, &self.fingerprint]).any(|text| text.len() > QUERY_MAX_BYTES);
        if long || self.metrics.len().max(self.options.len()) > ENTRIES_MAX {
            return Err(Error::invalid(
                "what is stored beside a model is too long: 64 KiB for the query or an option, 256 options or metrics",
            ));
        }
        Ok(())
    }
}

/// One version, as the manifest lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its number; numbers start at 1, grow, and are never used again, not even after a drop.
    pub number: u64,
    /// Kind of its artifact.
    pub kind: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// Length of its file.
    pub bytes: u64,
    /// What the caller said of it.
    pub about: About,
}

record!(Version { number, kind, digest, bytes, about } check check);

impl Version {
    /// Errors: the digest, which is part of a path, is none.
    fn check(&self) -> Result<()> {
        match self.digest.len() == 64 && self.digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => Ok(()),
            false => Err(damaged("a digest is not one")),
        }
    }
}
