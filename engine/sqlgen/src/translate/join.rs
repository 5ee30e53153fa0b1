//! Joins.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Join as PlanJoin, LogicalPlan};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome, Refused};

use super::Translator;
use super::compare::compare;
use super::database::{Class, Part, Value};
use super::expr::Scope;
use super::relation::{Relation, Stage};
use crate::expr::{Expr, Operator};
use crate::select::{From, Join, JoinKind, Query};

impl Translator<'_> {
    pub(super) fn join(&mut self, join: &PlanJoin) -> Outcome<Relation> {
        let part = LogicalPlan::Join(join.clone()).display().to_string();
        let (left, right) = (self.plan(&join.left), self.plan(&join.right));
        let (left, right) = (left?, right?);
        if join.null_aware && self.may_be_null(join) {
            return self.refuse(part, "NOT IN with a sub-query whose values may be null is computed here");
        }
        match join.join_type {
            JoinType::Inner => self.pairs(join, &part, JoinKind::Inner, left, right),
            JoinType::Left => self.pairs(join, &part, JoinKind::Left, left, right),
            JoinType::Right => self.pairs(join, &part, JoinKind::Right, left, right),
            JoinType::Full => self.pairs(join, &part, JoinKind::Full, left, right),
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => self.matched(join, &part, left, right),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => self.matched(join, &part, left, right),
        }
    }

    fn may_be_null(&self, join: &PlanJoin) -> bool {
        use datafusion::logical_expr::ExprSchemable;
        join.on
            .iter()
            .any(|(l, r)| l.nullable(join.left.schema()).unwrap_or(true) || r.nullable(join.right.schema()).unwrap_or(true))
    }

    /// A join whose rows are pairs.
    fn pairs(&mut self, join: &PlanJoin, part: &str, kind: JoinKind, left: Relation, right: Relation) -> Outcome<Relation> {
        if kind != JoinKind::Inner {
            let supported = self.database.supports(Part::OuterJoin);
            self.noted(part, supported)?;
        }
        if kind == JoinKind::Full {
            let supported = self.database.supports(Part::FullJoin);
            self.noted(part, supported)?;
            if join.on.is_empty() || join.filter.is_some() || join.null_equality == NullEquality::NullEqualsNull {
                return self.refuse(part, "a full join is sent only when it compares columns with =");
            }
        }
        self.joinable(join, part)?;
        let (keeps_left, keeps_right) = match kind {
            JoinKind::Inner | JoinKind::Cross => (true, true),
            JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti => (true, false),
            JoinKind::Right => (false, true),
            JoinKind::Full => (false, false),
        };
        let left = self.side(left, keeps_left, kind);
        let right = self.side(right, keeps_right, kind);
        let (left, left_keys) = self.keyed(left, join.left.schema(), join.on.iter().map(|(l, _)| l))?;
        let (right, right_keys) = self.keyed(right, join.right.schema(), join.on.iter().map(|(_, r)| r))?;
        let (right, right_keys) = self.unnested(right, right_keys);
        let lacks_key = self.lacks_key(join);
        let keyed = lacks_key && kind != JoinKind::Inner;
        let (mut left, mut right, key) = if keyed { self.constant_keys(part, left, right)? } else { (left, right, None) };
        let found = self.conditions(join, (&left.columns, &left_keys), (&right.columns, &right_keys))?;
        let mut on: Vec<Expr> = key.into_iter().chain(found).collect();
        // A filter below the side that is filled with nulls belongs to the condition, one below the other side to the result.
        let mut filters = Vec::new();
        for (side, kept) in [(&mut left, keeps_left), (&mut right, keeps_right)] {
            let found = std::mem::take(&mut side.select.filters);
            if kept { filters.extend(found) } else { on.extend(found) }
        }
        let kind = if lacks_key && kind == JoinKind::Inner { JoinKind::Cross } else { kind };
        if kind == JoinKind::Cross {
            filters.append(&mut on);
        }
        let from = From::Join(Box::new(Join { kind, left: left.select.from, right: right.select.from, on }));
        let columns = left.columns.into_iter().chain(right.columns).collect();
        let mut relation = Relation::new(from, columns);
        relation.select.filters = filters;
        Ok(relation)
    }

    /// Whether the database joins by the conditions of a join.
    fn joinable(&mut self, join: &PlanJoin, part: &str) -> Outcome<()> {
        if join.on.is_empty() && self.database.constant_key().is_none() {
            let supported = self.database.supports(Part::UnequalJoin);
            self.noted(part, supported)?;
        }
        if join.null_equality == NullEquality::NullEqualsNull && !join.on.is_empty() {
            let supported = self.database.supports(Part::NullEqualJoin);
            self.noted(part, supported)?;
        }
        Ok(())
    }

    /// Whether a join has nothing to compare that its database needs.
    fn lacks_key(&self, join: &PlanJoin) -> bool {
        join.on.is_empty() && self.database.supports(Part::UnequalJoin).is_err()
    }

    /// Both sides with a constant, and the condition that compares the two.
    fn constant_keys(
        &mut self,
        part: &str,
        left: Relation,
        right: Relation,
    ) -> Outcome<(Relation, Relation, Option<Expr>)> {
        let Some(key) = self.database.constant_key() else { return self.refuse(part, "a join without = is computed here") };
        if has_join(&left.select.from) || has_join(&right.select.from) {
            return self.refuse(part, "a join without = of what is a join itself is computed here");
        }
        let (left, left_key) = self.with_columns(left, vec![key.clone()]);
        let (right, right_key) = self.with_columns(right, vec![key]);
        let sides = left_key.into_iter().next().zip(right_key.into_iter().next());
        Ok((left, right, sides.map(|(l, r)| Expr::compare(l.expr, Operator::Eq, r.expr))))
    }

    /// The keys of one side; where the database joins by columns only, computed ones become columns.
    fn keyed<'e>(
        &mut self,
        relation: Relation,
        schema: &DFSchema,
        keys: impl Iterator<Item = &'e PlanExpr>,
    ) -> Outcome<(Relation, Vec<Value>)> {
        let keys: Vec<PlanExpr> = keys.cloned().collect();
        let values = self.values(&keys, &Scope { schema, columns: &relation.columns })?;
        if self.database.constant_key().is_some()
            && let Some((key, _)) = keys.iter().zip(&values).find(|(_, value)| value.fixed)
        {
            return self.refuse(key, "the source joins by columns, not by what is the same in every row");
        }
        let plain = values.iter().all(Value::is_plain);
        if plain || self.database.supports(Part::ComputedJoinKey).is_ok() {
            return Ok((relation, values));
        }
        Ok(self.with_columns(relation, values))
    }

    /// The relation in a block of its own, with more columns, which are given as columns of it.
    fn with_columns(&mut self, mut relation: Relation, values: Vec<Value>) -> (Relation, Vec<Value>) {
        let width = relation.columns.len();
        relation.columns.extend(values);
        let mut relation = self.wrap(relation);
        let values = relation.columns.split_off(width);
        (relation, values)
    }

    /// A right side that is no join itself, where the database needs that.
    fn unnested(&mut self, relation: Relation, keys: Vec<Value>) -> (Relation, Vec<Value>) {
        let nested = matches!(relation.select.from, From::Join(_)) && self.database.supports(Part::NestedJoin).is_err();
        if nested { self.with_columns(relation, keys) } else { (relation, keys) }
    }

    /// One side of a join: rows, and only columns where the join may make them null.
    fn side(&mut self, relation: Relation, kept: bool, kind: JoinKind) -> Relation {
        if kept {
            return self.at_most(relation, Stage::Rows);
        }
        let mut relation = self.columns_only(relation);
        for value in &mut relation.columns {
            if let Err(reason) = self.database.null_without_match(value) {
                value.fact.class = Class::Missing(reason);
            }
        }
        let wraps = kind == JoinKind::Full && !relation.select.filters.is_empty();
        if wraps { self.wrap(relation) } else { relation }
    }

    /// The conditions of a join, from the columns and the keys of its sides; all that are refused are noted.
    fn conditions(
        &mut self,
        join: &PlanJoin,
        (left, left_keys): (&[Value], &[Value]),
        (right, right_keys): (&[Value], &[Value]),
    ) -> Outcome<Vec<Expr>> {
        let operator = match join.null_equality {
            NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
            NullEquality::NullEqualsNothing => Operator::Eq,
        };
        let mut conditions = Vec::new();
        let mut refused = false;
        for ((l, r), (left, right)) in join.on.iter().zip(left_keys.iter().zip(right_keys)) {
            let compared = compare(self.database, left, operator, right);
            match self.noted(format!("{l} = {r}"), compared) {
                Ok(condition) => conditions.push(condition),
                Err(Refused) => refused = true,
            }
        }
        if let Some(filter) = &join.filter {
            let both: Vec<Value> = left.iter().chain(right).cloned().collect();
            let Ok(schema) = join.left.schema().join(join.right.schema()) else {
                return self.refuse(filter, "its columns are ambiguous");
            };
            let schema: DFSchema = schema;
            match self.predicates(&split_conjunction(filter), &Scope { schema: &schema, columns: &both }) {
                Ok(found) => conditions.extend(found),
                Err(Refused) => refused = true,
            }
        }
        if refused { Err(Refused) } else { Ok(conditions) }
    }

    /// Rows of one side that have, or do not have, a match on the other, or all with a mark whether they have one.
    fn matched(&mut self, join: &PlanJoin, part: &str, left: Relation, right: Relation) -> Outcome<Relation> {
        let left = self.at_most(left, Stage::Rows);
        let right = self.at_most(right, Stage::Rows);
        let keeps_right = matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark);
        let negated = matches!(join.join_type, JoinType::LeftAnti | JoinType::RightAnti);
        let marks = matches!(join.join_type, JoinType::LeftMark | JoinType::RightMark);
        if let Err(reason) = self.database.supports(Part::CorrelatedExists) {
            self.joinable(join, part)?;
            if marks {
                return self.marked(join, part, &reason, (left, right), keeps_right);
            }
            return self.half_joined(join, left, right, keeps_right, negated);
        }
        let (left, left_keys) = self.keyed(left, join.left.schema(), join.on.iter().map(|(l, _)| l))?;
        let (right, right_keys) = self.keyed(right, join.right.schema(), join.on.iter().map(|(_, r)| r))?;
        let on = self.conditions(join, (&left.columns, &left_keys), (&right.columns, &right_keys))?;
        let (mut kept, mut other) = if keeps_right { (right, left) } else { (left, right) };
        other.columns.clear();
        other.select.filters.extend(on);
        let exists = Expr::Exists { query: Box::new(Query::Block(other.finish())), negated };
        if marks {
            let mark = self.database.value(exists, &DataType::Boolean);
            kept.columns.push(self.noted(part, mark)?);
        } else {
            kept.select.filters.push(exists);
        }
        Ok(kept)
    }

    /// The same as a SEMI or ANTI JOIN, whose other side is one FROM item.
    fn half_joined(
        &mut self,
        join: &PlanJoin,
        left: Relation,
        right: Relation,
        keeps_right: bool,
        negated: bool,
    ) -> Outcome<Relation> {
        let (left, left_keys) = self.keyed(left, join.left.schema(), join.on.iter().map(|(l, _)| l))?;
        let (right, right_keys) = self.keyed(right, join.right.schema(), join.on.iter().map(|(_, r)| r))?;
        let (left, left_keys) = if keeps_right { self.one_item(left, left_keys) } else { (left, left_keys) };
        let (right, right_keys) = if keeps_right { (right, right_keys) } else { self.one_item(right, right_keys) };
        let part = LogicalPlan::Join(join.clone()).display().to_string();
        let lacks_key = self.lacks_key(join);
        let (left, right, key) = if lacks_key { self.constant_keys(&part, left, right)? } else { (left, right, None) };
        let on = self.conditions(join, (&left.columns, &left_keys), (&right.columns, &right_keys))?;
        let (mut kept, other) = if keeps_right { (right, left) } else { (left, right) };
        let kind = if negated { JoinKind::LeftAnti } else { JoinKind::LeftSemi };
        let from = std::mem::take(&mut kept.select.from);
        let on = key.into_iter().chain(on).collect();
        kept.select.from = From::Join(Box::new(Join { kind, left: from, right: other.select.from, on }));
        Ok(kept)
    }

    /// All rows of one side with a mark: a left join with the distinct keys of the other side, of which each row has at most
    /// one match.
    fn marked(
        &mut self,
        join: &PlanJoin,
        part: &str,
        reason: &str,
        (left, right): (Relation, Relation),
        keeps_right: bool,
    ) -> Outcome<Relation> {
        let (Some(constant), None, false) = (self.database.constant_key(), &join.filter, join.on.is_empty()) else {
            return self.refuse(part, reason);
        };
        let supported = self.database.supports(Part::OuterJoin);
        self.noted(part, supported)?;
        let (left, left_keys) = self.keyed(left, join.left.schema(), join.on.iter().map(|(l, _)| l))?;
        let (right, right_keys) = self.keyed(right, join.right.schema(), join.on.iter().map(|(_, r)| r))?;
        let (mut kept, kept_keys, mut other, other_keys) =
            if keeps_right { (right, right_keys, left, left_keys) } else { (left, left_keys, right, right_keys) };
        self.group_keys(&other_keys)?;
        other.columns = other_keys.into_iter().chain([constant]).collect();
        other.select.distinct = true;
        let other = self.wrap(other);
        let Some((mark, other_keys)) = other.columns.split_last() else { return self.refuse(part, reason) };
        let sides = if keeps_right { (other_keys, kept_keys.as_slice()) } else { (kept_keys.as_slice(), other_keys) };
        let on = self.conditions(join, (&[], sides.0), (&[], sides.1))?;
        let found = self.database.value(Expr::IsNotNull(Box::new(mark.expr.clone())), &DataType::Boolean);
        let found = self.noted(part, found)?;
        let from = std::mem::take(&mut kept.select.from);
        kept.select.from = From::Join(Box::new(Join { kind: JoinKind::Left, left: from, right: other.select.from, on }));
        kept.columns.push(found);
        Ok(kept)
    }

    /// The relation as one FROM item without filters.
    fn one_item(&mut self, relation: Relation, keys: Vec<Value>) -> (Relation, Vec<Value>) {
        let one = !matches!(relation.select.from, From::Join(_)) && relation.select.filters.is_empty();
        if one { (relation, keys) } else { self.with_columns(relation, keys) }
    }
}

/// Whether there is a join in what is read.
fn has_join(from: &From) -> bool {
    match from {
        From::Join(_) => true,
        From::Query(query, _) => query_has_join(query),
        From::Table(..) | From::Native { .. } => false,
    }
}

fn query_has_join(query: &Query) -> bool {
    match query {
        Query::Block(select) => has_join(&select.from),
        Query::UnionAll(parts) => parts.iter().any(query_has_join),
    }
}
