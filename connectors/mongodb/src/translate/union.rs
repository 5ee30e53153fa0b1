//! UNION ALL of collections of one database, as `$unionWith`.

use bson::{Bson, Document, doc};
use datafusion::logical_expr::{LogicalPlan, Union};
use headwater_source::{Notes, Outcome, Refused};

use super::plan::Translator;
use super::relation::Relation;
use crate::expression::value;
use crate::pushdown::field::Field;

impl Translator<'_> {
    /// The rows of all inputs.
    pub(super) fn union(&mut self, union: &Union) -> Outcome<Relation> {
        let part = LogicalPlan::Union(union.clone()).display().to_string();
        let mut inputs = Vec::with_capacity(union.inputs.len());
        let mut refused = false;
        for input in &union.inputs {
            match self.plan(input) {
                Ok(relation) => inputs.push(relation),
                Err(Refused) => refused = true,
            }
        }
        let mut inputs = inputs.into_iter();
        let Some(first) = inputs.next().filter(|_| !refused) else { return Err(Refused) };
        let mut made = self.united(&part, first)?;
        for input in inputs {
            let fits = if input.name.schema != made.name.schema {
                Err("collections of several databases are united here".to_owned())
            } else if input.columns.iter().map(|c| &c.kind).ne(made.columns.iter().map(|c| &c.kind)) {
                Err("columns of several kinds are united here".to_owned())
            } else {
                Ok(())
            };
            self.noted(&part, fits)?;
            let collection = input.name.table.clone();
            let other = self.united(&part, input)?;
            made.stages.push(doc! { "$unionWith": { "coll": collection, "pipeline": other.stages } });
            made.others.push((other.name, other.table, other.used));
            made.others.extend(other.others);
        }
        Ok(made)
    }

    /// The relation with every column as a value of its place, which is null or fits.
    fn united(&mut self, part: &str, mut relation: Relation) -> Outcome<Relation> {
        self.noted(part, usable(&relation).map_err(str::to_owned))?;
        let table = std::sync::Arc::clone(&relation.table);
        let otherwise = self.source.scope(&table).otherwise();
        let mut project = doc! { "_id": 0 };
        for (i, column) in relation.columns.iter().enumerate() {
            let found = value(column, otherwise).map_err(|reason| format!("`{}`: {reason}", column.path()));
            project.insert(format!("u{i}"), self.noted(part, found)?);
        }
        relation.stages.push(if relation.columns.is_empty() {
            no_columns()
        } else {
            doc! { "$project": project }
        });
        let column = |(i, column): (usize, Field)| Field { names: vec![format!("u{i}")], computed: true, ..column };
        relation.columns = std::mem::take(&mut relation.columns).into_iter().enumerate().map(column).collect();
        relation.limited = false;
        Ok(relation)
    }
}

/// Whether a relation can be a part of a pipeline of another collection.
pub(super) fn usable(relation: &Relation) -> Result<(), &'static str> {
    if relation.table.view || relation.table.collated {
        return Err("views, and texts that are compared by the rules of a language, are combined with others here");
    }
    if relation.when_empty.is_some() {
        return Err("one of its inputs is one row");
    }
    Ok(())
}

/// Rows without columns are documents with a number.
fn no_columns() -> Document {
    doc! { "$project": { "_id": 0, "u": { "$literal": Bson::Int32(0) } } }
}
