//! Sub-plans as pipelines of the server.
//!
//! | file | answers |
//! |---|---|
//! | `plan` | how is each plan node translated? |
//! | `relation` | what does a node become, and which columns does it have? |
//! | `group` | how are groups and aggregates computed, and which are exact? |
//! | `union`, `join` | how are collections combined? |
//! | `functions` | which functions are the same there? |
//!
//! It is an allow-list: whatever is not known to be the same at the server stays here, with a reason.

mod functions;
mod group;
mod join;
mod plan;
mod relation;
mod union;

use std::collections::{BTreeMap, BTreeSet};

use datafusion::logical_expr::LogicalPlan;
use headwater_source::{Kept, Notes, Refused, RemoteColumn, RemoteQuery, RemoteText};

use crate::command::aggregate;
use crate::discover::Table;
use crate::source::MongoSource;
use crate::types::Kind;
use crate::types::extended_json::text_of;
use plan::Translator;
use relation::Relation;

/// Attribute of a column that holds its kind.
pub(crate) const KIND: &str = "kind";
/// Attribute of a column that holds its value when the server has no document to group: a number, or `null`.
pub(crate) const EMPTY: &str = "empty";

/// The pipeline of a sub-plan, or every part of it that stays here.
pub(crate) fn translate(source: &MongoSource, plan: &LogicalPlan) -> Result<RemoteQuery, Vec<Kept>> {
    let mut translator = Translator::new(source);
    let Ok(relation) = translator.plan(plan) else { return Err(translator.into_kept()) };
    let finished = translator.finish(plan, relation);
    match finished {
        Ok(query) => Ok(query),
        Err(Refused) => Err(translator.into_kept()),
    }
}

impl Translator<'_> {
    fn finish(&mut self, plan: &LogicalPlan, relation: Relation) -> Result<RemoteQuery, Refused> {
        if relation.stages.is_empty() && relation.is_whole() {
            return self.refuse(plan.display(), "reading a whole collection is a scan");
        }
        let fields = plan.schema().fields();
        if fields.len() != relation.columns.len() {
            return self.refuse(plan.display(), "its columns are not those of the translation");
        }
        let mut columns = Vec::with_capacity(fields.len());
        for ((i, field), column) in fields.iter().enumerate().zip(&relation.columns) {
            let kind = if column.kind == Kind::Document { Kind::Json } else { column.kind.clone() };
            if *field.data_type() != kind.arrow() {
                let reason = format!("the source sends it as {}, not as {}", kind.arrow(), field.data_type());
                return self.refuse(field.name(), reason);
            }
            let mut attributes = BTreeMap::from([(KIND.to_owned(), kind.to_string())]);
            if let Some(row) = &relation.when_empty {
                let value = row.get(i).copied().flatten();
                attributes.insert(EMPTY.to_owned(), value.map_or_else(|| "null".to_owned(), |v| v.to_string()));
            }
            columns.push(RemoteColumn { field: std::sync::Arc::clone(field), remote_type: kind.to_string(), attributes });
        }
        let table = relation.name.clone();
        let scope_table = std::sync::Arc::clone(&relation.table);
        let marks = |used: &BTreeSet<String>, table: &Table| {
            used.iter().filter_map(|c| Some((c.clone(), table.kind(c)?.to_string()))).collect()
        };
        let mut tables = vec![(table.clone(), marks(&relation.used, &scope_table))];
        tables.extend(relation.others.iter().map(|(name, table, used)| (name.clone(), marks(used, table))));
        let document = aggregate(&table.table, relation.into_pipeline());
        let document = self.source.scope(&scope_table).collated(document);
        match text_of(&document) {
            Ok(text) => Ok(RemoteQuery {
                source: self.source.name.clone(),
                texts: vec![RemoteText { text, parameters: 0 }],
                columns,
                tables,
            }),
            Err(e) => self.refuse(plan.display(), e.message().to_owned()),
        }
    }
}
