//! Which sources there are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::execution::TaskContext;
use headwater_common::{Error, Result, nearest};
use parking_lot::RwLock;

use crate::costs::SourceCosts;
use crate::feedback::Feedback;
use crate::source::{RemoteSource, Source};

/// The sources by name. Scan nodes carry a source's name and find the source here when they run.
#[derive(Default)]
pub struct SourceRegistry {
    sources: RwLock<BTreeMap<String, Arc<dyn Source>>>,
    costs: SourceCosts,
    feedback: Feedback,
}

impl fmt::Debug for SourceRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.read().keys()).finish()
    }
}

impl SourceRegistry {
    /// No sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source; its name must be free.
    pub fn add(&self, source: Arc<dyn Source>) -> Result<()> {
        let mut sources = self.sources.write();
        if sources.contains_key(source.name()) {
            return Err(Error::already_exists(format!("source \"{}\" exists already; drop it first", source.name())));
        }
        sources.insert(source.name().to_owned(), source);
        Ok(())
    }

    /// Removes a source and returns it.
    pub fn remove(&self, name: &str) -> Result<Arc<dyn Source>> {
        let removed = self.sources.write().remove(name);
        self.costs.forget(name);
        self.feedback.forget(name);
        removed.ok_or_else(|| self.unknown(name))
    }

    /// What statements of the sources take.
    pub fn costs(&self) -> &SourceCosts {
        &self.costs
    }

    /// What was found of estimates.
    pub fn feedback(&self) -> &Feedback {
        &self.feedback
    }

    /// The sources of a task's session.
    pub(crate) fn all_of_task(context: &TaskContext) -> Result<Arc<Self>> {
        let sources = context.session_config().get_extension::<Self>();
        sources.ok_or_else(|| Error::internal("the session has no source registry"))
    }

    /// The remote database with this name among them.
    pub(crate) fn of_task(context: &TaskContext, name: &str) -> Result<Arc<dyn RemoteSource>> {
        Self::all_of_task(context)?.remote(name)
    }

    /// A source by name.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Source>> {
        let found = self.sources.read().get(name).map(Arc::clone);
        found.ok_or_else(|| self.unknown(name))
    }

    /// A remote database by name.
    pub fn remote(&self, name: &str) -> Result<Arc<dyn RemoteSource>> {
        self.get(name)?.remote().ok_or_else(|| Error::invalid(format!("source \"{name}\" is not a remote database")))
    }

    /// All sources, by name.
    pub fn all(&self) -> Vec<Arc<dyn Source>> {
        self.sources.read().values().map(Arc::clone).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let sources = self.sources.read();
        let hint = nearest::hint(name, sources.keys().map(String::as_str));
        Error::not_found(format!("there is no source \"{name}\"{hint}"))
    }
}
