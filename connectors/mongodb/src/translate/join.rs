//! Inner joins and semi-joins with the `_id` of a collection of the same database, as `$lookup`.
//!
//! Every collection has an index on `_id`, so that the server looks up one document for each. A join of other fields would compare
//! all documents with all others wherever an index is missing: it stays here.

use bson::{Bson, Document, doc};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::{Join, LogicalPlan};
use datafusion::prelude::Expr;
use headwater_source::{Notes, Outcome};

use super::functions::{Value, computed, groups};
use super::plan::{Translator, plain};
use super::relation::{Columns, Relation};
use super::union::usable;
use crate::expression::value;
use crate::pushdown::field::Field;
use crate::types::Kind;

/// The key of the document that is looked up, in each document.
const KEY: &str = "k";
/// The document that is looked up.
const FOUND: &str = "r";

/// Which columns a join returns: of the documents that look up, and of those that are looked up.
enum Returned {
    Many,
    ManyAndOne,
    OneAndMany,
}

/// One side of a join with its key.
struct Side<'a> {
    relation: Relation,
    schema: &'a DFSchema,
    key: &'a Expr,
}

impl Translator<'_> {
    /// The pairs of documents of both sides.
    pub(super) fn join(&mut self, join: &Join) -> Outcome<Relation> {
        let part = LogicalPlan::Join(join.clone()).display().to_string();
        let [(left_key, right_key)] = join.on.as_slice() else {
            return self.refuse(part, "only joins on one equality, with the _id of a collection, run at the server");
        };
        // An _id is there once, so that a semi-join is an inner join of which one side is not returned.
        let is_semi = join.join_type == JoinType::LeftSemi;
        let is_plain = (is_semi || join.join_type == JoinType::Inner)
            && join.filter.is_none()
            && join.null_equality == NullEquality::NullEqualsNothing;
        if !is_plain {
            return self.refuse(part, "only inner joins and semi-joins without other conditions run at the server");
        }
        let (left, right) = (self.plan(&join.left), self.plan(&join.right));
        let (left, right) = (left?, right?);
        let left = Side { relation: left, schema: join.left.schema(), key: left_key };
        let right = Side { relation: right, schema: join.right.schema(), key: right_key };
        if left.relation.name.schema != right.relation.name.schema {
            return self.refuse(part, "collections of several databases are joined here");
        }
        let (many, one, returned) = match (left.is_of_ids(), right.is_of_ids()) {
            (_, true) if is_semi => (left, right, Returned::Many),
            (_, true) => (left, right, Returned::ManyAndOne),
            (true, false) if !is_semi => (right, left, Returned::OneAndMany),
            _ => return self.refuse(part, "only joins with the _id of a whole collection run at the server"),
        };
        let made = self.looked_up(many, one, returned).map_err(|reason| (part, reason));
        made.or_else(|(part, reason)| self.refuse(part, reason))
    }

    /// The documents of `many`, each with the one of `one` that has its key as `_id`.
    fn looked_up(&self, many: Side<'_>, one: Side<'_>, returned: Returned) -> Result<Relation, String> {
        usable(&many.relation)?;
        usable(&one.relation)?;
        let (key, id) = (self.key(&many)?, self.key(&one)?);
        let is_whole = |kind: &Kind| matches!(kind, Kind::Int | Kind::Long);
        if key.kind != id.kind && !(is_whole(&key.kind) && is_whole(&id.kind)) {
            return Err(format!("a {} is compared with a {}", key.kind, id.kind));
        }
        let (mut many_values, many_fields) = self.values(&many.relation, &[])?;
        let (mut one_values, one_fields) = self.values(&one.relation, &[FOUND])?;
        many_values.insert(KEY, key.value);
        one_values.insert(KEY, id.value);
        let is_there = || doc! { "$match": { KEY: { "$ne": Bson::Null } } };
        let mut found = one.relation.stages;
        found.extend([doc! { "$project": one_values }, is_there()]);
        let mut relation = many.relation;
        relation.stages.extend([
            doc! { "$project": many_values },
            is_there(),
            doc! { "$lookup": {
                "from": &one.relation.name.table, "localField": KEY, "foreignField": "_id", "pipeline": found, "as": FOUND,
            } },
            doc! { "$unwind": format!("${FOUND}") },
        ]);
        relation.columns = match returned {
            Returned::Many => many_fields,
            Returned::ManyAndOne => many_fields.into_iter().chain(one_fields).collect(),
            Returned::OneAndMany => one_fields.into_iter().chain(many_fields).collect(),
        };
        relation.others.push((one.relation.name, one.relation.table, one.relation.used));
        relation.limited = false;
        Ok(relation)
    }

    /// The key of a side, which compares as it does here.
    fn key(&self, side: &Side<'_>) -> Result<Value, String> {
        let table = self.source.scope(&side.relation.table);
        let scope = Columns { schema: side.schema, fields: &side.relation.columns, table };
        let key = computed(&scope, side.key)?;
        groups(&key.kind).map(|()| key)
    }

    /// What is kept of the documents of a side, and its columns as fields inside `parents`.
    fn values(&self, relation: &Relation, parents: &[&str]) -> Result<(Document, Vec<Field>), String> {
        let otherwise = self.source.scope(&relation.table).otherwise();
        let (mut project, mut fields) = (doc! { "_id": 0 }, Vec::with_capacity(relation.columns.len()));
        for (i, column) in relation.columns.iter().enumerate() {
            let name = format!("j{i}");
            project.insert(name.clone(), value(column, otherwise).map_err(|e| format!("`{}`: {e}", column.path()))?);
            let names = parents.iter().map(|p| (*p).to_owned()).chain([name]).collect();
            fields.push(Field { names, kind: column.kind.clone(), computed: true });
        }
        Ok((project, fields))
    }
}

impl Side<'_> {
    /// Whether it is documents of a collection, at most filtered, and its key is their `_id`.
    fn is_of_ids(&self) -> bool {
        let key = match self.key {
            Expr::Cast(cast) => cast.expr.as_ref(),
            other => other,
        };
        let place = plain(key).and_then(|column| self.schema.maybe_index_of_column(column));
        let is_id = |field: &Field| !field.computed && field.names == ["_id"];
        let is_filtered = |stage: &Document| stage.keys().all(|name| name == "$match");
        place.and_then(|i| self.relation.columns.get(i)).is_some_and(is_id)
            && self.relation.others.is_empty()
            && self.relation.stages.iter().all(is_filtered)
    }
}
