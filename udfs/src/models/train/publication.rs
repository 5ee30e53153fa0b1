//! What happens to a model before its training and after it.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use headwater_common::{Error, ErrorKind, Result};
use headwater_registry::{Mode, Version};

use super::result;
use super::settings::{Existing, Order};
use crate::models::call::Outcome;
use crate::models::library::{Library, Loaded};

/// Stores what an order asks for.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) order: Order,
    library: Arc<Library>,
    /// The default version, whose rows are compared with those of now.
    former: OnceLock<Arc<Loaded>>,
    /// Why a model is trained again.
    drifted: OnceLock<String>,
}

impl Publication {
    pub(super) fn new(order: Order, library: Arc<Library>) -> Self {
        Self { order, library, former: OnceLock::new(), drifted: OnceLock::new() }
    }

    /// The row when nothing is to be trained. Errors: the model exists and is not to be replaced.
    pub(super) async fn before(&self) -> Result<Option<RecordBatch>> {
        let Order { name, existing, drift, .. } = &self.order;
        let known = match self.library.registry().describe(name).await {
            Ok(manifest) => manifest,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            // A damaged list of versions is replaced.
            Err(e) if *existing == Existing::Replace && e.kind() == ErrorKind::InvalidInput => return Ok(None),
            Err(e) => return Err(e),
        };
        match existing {
            Existing::Refuse => {
                Err(Error::already_exists(format!("model {name} exists; use CREATE OR REPLACE MODEL or IF NOT EXISTS")))
            }
            Existing::Keep => self.kept(known.version(None)?, "exists").map(Some),
            Existing::Retrain if drift.is_some() => {
                let former = self.library.load(name, None).await?;
                self.former.get_or_init(|| former);
                Ok(None)
            }
            Existing::Replace | Existing::Retrain => Ok(None),
        }
    }

    /// The version whose rows decide whether anything is trained, and the drift from which it is.
    pub(super) fn compared(&self) -> Option<(&Arc<Loaded>, f64)> {
        self.former.get().zip(self.order.drift)
    }

    /// Keeps why a model is trained again for the status.
    pub(super) fn drifted(&self, status: String) {
        self.drifted.get_or_init(|| status);
    }

    /// The row of a version that stays what it is.
    pub(super) fn kept(&self, version: &Version, status: &str) -> Result<RecordBatch> {
        result::row(&self.order.name, version, None, status)
    }

    /// Stores the model and returns its row. Errors: those of the store.
    pub(super) async fn after(&self, outcome: Outcome) -> Result<RecordBatch> {
        let fitted = match outcome {
            Outcome::Model(fitted) => fitted,
            Outcome::Rows(rows) => return Ok(rows),
        };
        let Order { name, existing, .. } = &self.order;
        let mode = match existing {
            Existing::Refuse | Existing::Keep => Mode::Create,
            Existing::Replace | Existing::Retrain => Mode::CreateOrReplace,
        };
        match self.library.registry().publish(name, mode, &fitted.artifact, fitted.about).await {
            Ok(version) => {
                let status = match version.about.metrics.is_empty() {
                    true => "trained; too few rows to judge it by the folds and the gap",
                    false => self.drifted.get().map_or("trained", String::as_str),
                };
                result::row(name, &version, Some(fitted.seconds), status)
            }
            // Another one was quicker.
            Err(e) if *existing == Existing::Keep && e.kind() == ErrorKind::AlreadyExists => {
                let known = self.library.registry().describe(name).await?;
                self.kept(known.version(None)?, "exists")
            }
            Err(e) => Err(e),
        }
    }
}
