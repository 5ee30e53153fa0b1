//! A sub-plan as one statement of a source. Everything here can be sent to another machine.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};

use crate::metadata::TableName;
use crate::query::QueryContext;
use crate::scan::RemoteText;

/// One output column of a [`RemoteQuery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteColumn {
    /// Name, Arrow type and nullability that every batch has.
    pub field: FieldRef,
    /// The source's own name of the type it sends.
    pub remote_type: String,
    /// What the connector needs to read the values back, such as a type number.
    pub attributes: BTreeMap<String, String>,
}

/// One statement that computes a sub-plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteQuery {
    /// Name of the source.
    pub source: String,
    /// The texts whose rows together are the result, one for each partition; a statement that cannot be split has one.
    pub texts: Vec<RemoteText>,
    /// Output, in order. Names need not be unique: columns are known by position.
    pub columns: Vec<RemoteColumn>,
    /// The tables it reads, each with the columns it reads of it and the source's own mark of their types, so that a change of a
    /// table since the plan is noticed.
    pub tables: Vec<(TableName, Vec<(String, String)>)>,
}

impl RemoteQuery {
    /// Arrow schema of the columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|c| Arc::clone(&c.field)).collect::<Vec<_>>()))
    }
}

/// A part of a plan that a source does not compute, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The part, as a user reads it: an expression or the kind of a plan node.
    pub part: String,
    /// The reason, as a user understands it, such as "the collation of public.users.name is en_US, not C".
    pub reason: String,
}

impl Kept {
    /// A part with its reason.
    pub fn new(part: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { part: part.into(), reason: reason.into() }
    }
}

/// A part of a plan was refused; the reason is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What a translator made of a part of a plan.
pub type Outcome<T> = Result<T, Refused>;

/// A translator that notes every part it refuses, each once, so that a user is told all reasons at a time.
pub trait Notes {
    /// The parts that were refused so far.
    fn kept(&mut self) -> &mut Vec<Kept>;

    /// Refuses a part.
    ///
    /// # Errors
    /// Always; the reason is noted.
    fn refuse<T>(&mut self, part: impl Display, reason: impl Into<String>) -> Outcome<T> {
        let kept = Kept::new(part.to_string(), reason);
        if !self.kept().contains(&kept) {
            self.kept().push(kept);
        }
        Err(Refused)
    }

    /// An outcome whose reason, if it is one, is noted.
    ///
    /// # Errors
    /// When there is a reason.
    fn noted<T>(&mut self, part: impl Display, outcome: Result<T, String>) -> Outcome<T> {
        outcome.or_else(|reason| self.refuse(part, reason))
    }
}

/// One partition of a [`RemoteQuery`], ready to run.
#[derive(Debug, Clone)]
pub struct OpenQuery {
    /// What to run.
    pub command: Arc<RemoteQuery>,
    /// Which of its texts.
    pub partition: usize,
    /// Schema every batch must have.
    pub schema: SchemaRef,
    /// Rows per batch.
    pub batch_rows: usize,
    /// What the scans of this query share.
    pub query: Arc<QueryContext>,
}
