//! What a plan node becomes: stages of a pipeline, and its columns as fields of the documents that come out of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bson::{Bson, Document, doc};
use datafusion::common::{Column, DFSchema};
use headwater_source::TableName;

use crate::discover::Table;
use crate::pushdown::Scope;
use crate::pushdown::field::Field;
use crate::source::TableScope;
use crate::types::Kind;

/// A plan node as a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: TableName,
    pub(super) table: Arc<Table>,
    pub(super) stages: Vec<Document>,
    /// Columns in order. They are fields of the collection's documents until something is grouped.
    pub(super) columns: Vec<Field>,
    /// Columns of the table that are read.
    pub(super) used: BTreeSet<String>,
    /// The other collections that are read, each with its columns that are read.
    pub(super) others: Vec<(TableName, Arc<Table>, BTreeSet<String>)>,
    /// The one row that SQL has for a group without rows, when this is such a group: a number, or null, for each column.
    pub(super) when_empty: Option<Vec<Option<i64>>>,
    /// Something was cut off: a filter above would see other rows.
    pub(super) limited: bool,
}

impl Relation {
    /// Whether the columns are top-level fields of the documents as they are.
    pub(super) fn is_whole(&self) -> bool {
        self.columns.iter().all(|c| !c.computed && c.names.len() == 1)
    }

    /// The stages, with one that gives every column its place.
    pub(super) fn into_pipeline(self) -> Vec<Document> {
        let mut stages = self.stages;
        let mut project = Document::new();
        let computed = self.columns.iter().any(|c| c.computed);
        // An error names the document.
        project.insert("_id", i32::from(!computed));
        for (i, column) in self.columns.iter().enumerate() {
            let value = match column.kind {
                Kind::Document => Bson::from("$$ROOT"),
                _ => Bson::String(format!("${}", column.path())),
            };
            project.insert(format!("c{i}"), value);
        }
        stages.push(doc! { "$project": project });
        stages
    }
}

/// The columns of a relation as filters and expressions name them.
pub(super) struct Columns<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) fields: &'a [Field],
    pub(super) table: TableScope<'a>,
}

impl Scope for Columns<'_> {
    fn column(&self, column: &Column) -> Result<Field, String> {
        let place = self.schema.maybe_index_of_column(column);
        let field = place.and_then(|i| self.fields.get(i)).cloned();
        let field = field.ok_or_else(|| format!("`{column}` is no column of the input"))?;
        if field.kind == Kind::Document {
            return Err(format!("`{column}` is the whole document, as a text that is made here"));
        }
        Ok(field)
    }

    fn compares_bytes(&self) -> bool {
        self.table.compares_bytes()
    }

    fn misfit_is_null(&self) -> bool {
        self.table.misfit_is_null()
    }
}
