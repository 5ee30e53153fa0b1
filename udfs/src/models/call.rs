//! What a function of a model does with rows.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use headwater_common::{Error, Result};
use headwater_registry::{About, Artifact};
use headwater_timeseries::Cancel;

/// What a computation ends in.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Rows of the result.
    Rows(RecordBatch),
    /// A model that is to be stored.
    Model(Box<Fitted>),
}

/// A model that was trained.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// Its file.
    pub(crate) artifact: Artifact,
    /// What is stored beside it.
    pub(crate) about: About,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// A function over rows.
#[async_trait]
pub(crate) trait ModelFunction: Debug + Send + Sync {
    /// The rows of the result when the input need not be read.
    async fn before(&self) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// Computes; runs where long computations may.
    fn run(&self, rows: &RecordBatch, cancel: &Cancel) -> Result<Outcome>;

    /// The rows of the result.
    async fn after(&self, outcome: Outcome) -> Result<RecordBatch> {
        match outcome {
            Outcome::Rows(rows) => Ok(rows),
            Outcome::Model(_) => Err(Error::internal("a model that nobody stores")),
        }
    }

    /// Memory that a row takes beside itself, in bytes.
    fn bytes_per_row(&self) -> usize;
}

/// A function with its arguments, bound to the columns of its input.
#[derive(Debug)]
pub(crate) struct ModelCall {
    /// Name of the function.
    pub(crate) name: &'static str,
    /// Its arguments as text, with the version of the model.
    pub(crate) text: String,
    /// Columns of the result.
    pub(crate) schema: SchemaRef,
    /// How many of them, from the first on, are those of the input, row by row, each computed by itself; 0 when all rows of
    /// the input are needed at once.
    pub(crate) passed: usize,
    /// The function.
    pub(crate) function: Arc<dyn ModelFunction>,
}
