//! The list of a model's versions and the pointer to the default: one small file, swapped as a whole.

use headwater_common::{Error, Result};

use crate::codec::{Codec, damaged};
use crate::version::Version;
use crate::{Artifact, record};

const KIND: &str = "manifest/1";
/// Longest manifest that is read.
pub(crate) const MANIFEST_MAX_BYTES: usize = 16 << 20;
const MEMORY_MAX_BYTES: usize = 64 << 20;
const HISTORY_MAX: usize = 64;

/// How [`crate::Registry::deploy`] chooses the default version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The highest score; of equal ones the newest. Versions without a score are left out.
    BestScore,
    /// The newest.
    MostRecent,
    /// The default before the last change of the default.
    Rollback,
}

/// Versions of a model, oldest first. A dropped model keeps its manifest, without versions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Number that the next version gets.
    pub(crate) next: u64,
    pub(crate) default: Option<u64>,
    /// Former defaults that still exist, the latest last.
    pub(crate) history: Vec<u64>,
    pub(crate) versions: Vec<Version>,
}

record!(Manifest { next, default, history, versions } check check);

impl Manifest {
    fn check(&self) -> Result<()> {
        let known = |number: &u64| self.versions.iter().any(|v| v.number == *number);
        let ordered = self.versions.windows(2).all(|pair| pair[0].number < pair[1].number);
        let below = self.versions.last().is_none_or(|v| v.number < self.next);
        if !ordered || !below || !self.default.iter().chain(&self.history).all(known) {
            return Err(damaged("versions do not fit together"));
        }
        Ok(())
    }

    pub(crate) fn seal(&self) -> Result<Vec<u8>> {
        Artifact { kind: KIND.to_owned(), payload: self.to_bytes() }.seal(MANIFEST_MAX_BYTES)
    }

    pub(crate) fn open(bytes: &[u8]) -> Result<Self> {
        let artifact = Artifact::open(bytes, MANIFEST_MAX_BYTES)?;
        if artifact.kind != KIND {
            return Err(damaged("it is no list of versions"));
        }
        Self::from_bytes(&artifact.payload, MEMORY_MAX_BYTES)
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Number of the default version.
    pub fn default_version(&self) -> Option<u64> {
        self.default
    }

    /// A version by number, or the default. Errors: there is none.
    pub fn version(&self, number: Option<u64>) -> Result<&Version> {
        let number = number.or(self.default).ok_or_else(|| Error::not_found("the model has no default version"))?;
        self.versions
            .iter()
            .find(|v| v.number == number)
            .ok_or_else(|| Error::not_found(format!("the model has no version {number}")))
    }

    /// Makes a version the default. Errors: there is none of this number.
    pub(crate) fn set_default(&mut self, number: u64) -> Result<()> {
        self.version(Some(number))?;
        if let Some(former) = self.default.filter(|d| *d != number) {
            self.history.push(former);
            let over = self.history.len().saturating_sub(HISTORY_MAX);
            self.history.drain(..over);
        }
        self.default = Some(number);
        Ok(())
    }

    /// Chooses the default. Errors: nothing to choose from.
    pub(crate) fn deploy(&mut self, strategy: Strategy) -> Result<u64> {
        let number = match strategy {
            Strategy::MostRecent => self.versions.last().map(|v| v.number),
            Strategy::BestScore => {
                let scored = self.versions.iter().filter_map(|v| Some((v.about.score.filter(|s| !s.is_nan())?, v.number)));
                scored.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|best| best.1)
            }
            Strategy::Rollback => {
                let former = self.history.pop();
                self.default = former.or(self.default);
                return former.ok_or_else(|| Error::invalid("there is no former default version to return to"));
            }
        };
        let number = number.ok_or_else(|| Error::invalid("no version of the model has a score"))?;
        self.set_default(number)?;
        Ok(number)
    }

    /// Takes out a version. Errors: there is none of this number, or it is the default of a model with other versions.
    pub(crate) fn remove(&mut self, number: u64) -> Result<Version> {
        self.version(Some(number))?;
        if self.default == Some(number) && self.versions.len() > 1 {
            return Err(Error::invalid(format!(
                "version {number} is the default; make another version the default before it is dropped"
            )));
        }
        self.history.retain(|former| *former != number);
        self.default = self.default.filter(|default| *default != number);
        match self.versions.iter().position(|v| v.number == number) {
            Some(at) => Ok(self.versions.remove(at)),
            None => Err(Error::not_found(format!("the model has no version {number}"))),
        }
    }

    /// Takes out the oldest versions beyond a number; the default stays.
    pub(crate) fn prune(&mut self, versions_max: usize) -> Vec<Version> {
        let mut gone = Vec::new();
        while self.versions.len() > versions_max.max(1) {
            let Some(at) = self.versions.iter().position(|v| Some(v.number) != self.default) else { break };
            gone.push(self.versions.remove(at));
        }
        self.history.retain(|number| !gone.iter().any(|v| v.number == *number));
        gone
    }
}
