//! Plan nodes, each with the pipeline below it.

use std::collections::BTreeSet;

use bson::{Document, doc};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType, Sort, TableScan};
use datafusion::prelude::Expr;
use headwater_source::{Kept, Notes, Outcome, Refused, RemoteTable};

use super::relation::{Columns, Relation};
use crate::command::{filtering, order_by};
use crate::config::Misfit;
use crate::expression::sort_key;
use crate::pushdown::field::{Field, addressable, all};
use crate::pushdown::{field_of, or_misfits, translate};
use crate::source::MongoSource;
use crate::types::Kind;

/// Plans nested deeper than this stay here.
const DEPTH_MAX: usize = 60;

/// Translates one plan.
pub(super) struct Translator<'a> {
    pub(super) source: &'a MongoSource,
    kept: Vec<Kept>,
    depth: usize,
}

impl Notes for Translator<'_> {
    fn kept(&mut self) -> &mut Vec<Kept> {
        &mut self.kept
    }
}

impl<'a> Translator<'a> {
    pub(super) fn new(source: &'a MongoSource) -> Self {
        Self { source, kept: Vec::new(), depth: 0 }
    }

    pub(super) fn into_kept(self) -> Vec<Kept> {
        self.kept
    }

    /// Translates a node with everything below it.
    pub(super) fn plan(&mut self, plan: &LogicalPlan) -> Outcome<Relation> {
        if self.depth >= DEPTH_MAX {
            return self.refuse(plan.display(), format!("the plan is nested deeper than {DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let relation = self.node(plan);
        self.depth -= 1;
        relation
    }

    fn node(&mut self, plan: &LogicalPlan) -> Outcome<Relation> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Distinct(Distinct::All(input)) => self.distinct(input),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Window(_) => self.refuse(plan.display(), "functions over windows are computed here"),
            other => self.refuse(other.display(), "it is computed here"),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Outcome<Relation> {
        let part = scan.table_name.to_string();
        let Ok(provider) = source_as_provider(&scan.source) else { return self.refuse(part, "it is no table of a source") };
        let Some(remote) = provider.downcast_ref::<RemoteTable>() else {
            return self.refuse(part, "it is no table of a remote database");
        };
        if remote.source().name() != self.source.name {
            return self.refuse(part, format!("it is a table of the source {}", remote.source().name()));
        }
        let name = remote.meta().name.clone();
        let table = self.source.table(&name).map_err(|e| e.message().to_owned());
        let table = self.noted(&part, table)?;
        let schema = scan.source.schema();
        let Ok(full) = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &schema) else {
            return self.refuse(part, "its columns are ambiguous");
        };
        let own = |name: &String| Field::new(vec![name.clone()], table.kind(name).cloned().unwrap_or(Kind::Document));
        let fields: Vec<Field> = schema.fields().iter().map(|f| own(f.name())).collect();
        let indices = scan.projection.clone().unwrap_or_else(|| (0..fields.len()).collect());
        let columns: Vec<Field> = indices.iter().filter_map(|i| fields.get(*i).cloned()).collect();
        for column in &columns {
            if column.kind != Kind::Document && !column.names.iter().all(|n| addressable(n)) {
                return self.refuse(column.path(), "a name that is empty or holds a dot or a dollar is read here");
            }
        }
        let mut used: BTreeSet<String> = columns.iter().map(Field::path).collect();
        let filters: Vec<Expr> = scan.filters.iter().map(|f| qualified(f, &scan.table_name)).collect();
        used.extend(filters.iter().flat_map(|f| f.column_refs()).map(|c| c.name.clone()));
        let mut relation = Relation {
            name,
            table,
            stages: Vec::new(),
            columns: fields,
            used,
            others: Vec::new(),
            when_empty: None,
            limited: false,
        };
        // A filter that is only a superset is checked again by a node above.
        self.restrict(&mut relation, &filters.iter().collect::<Vec<_>>(), &full, true)?;
        relation.columns = columns;
        if let Some(fetch) = scan.fetch {
            self.cut_off(&mut relation, 0, Some(fetch))?;
        }
        Ok(relation)
    }

    /// Adds stages that let pass only what passes the filters.
    fn restrict(&mut self, relation: &mut Relation, filters: &[&Expr], schema: &DFSchema, supersets: bool) -> Outcome<()> {
        let table = std::sync::Arc::clone(&relation.table);
        let scope = Columns { schema, fields: &relation.columns, table: self.source.scope(&table) };
        let (mut conditions, mut used, mut refused) = (Vec::new(), Vec::new(), false);
        for filter in filters {
            match self.noted(filter, translate(&scope, filter)) {
                Ok(found) if found.exact || supersets => {
                    let errors = scope.table.misfit != Misfit::Null;
                    conditions.push(if errors { or_misfits(&found) } else { found.condition });
                    used.extend(found.fields);
                }
                Ok(_) => refused |= self.refuse::<()>(filter, "the server computes a superset of it only").is_err(),
                Err(Refused) => refused = true,
            }
        }
        if refused {
            return Err(Refused);
        }
        let stages = filtering(&scope.table, all(conditions), &used).map_err(|e| e.message().to_owned());
        let stages = self.noted("WHERE", stages)?;
        relation.stages.extend(stages);
        Ok(())
    }

    fn filter(&mut self, filter: &Filter) -> Outcome<Relation> {
        let mut relation = self.plan(&filter.input)?;
        if relation.when_empty.is_some() || relation.limited {
            return self.refuse(&filter.predicate, "it filters the rows that are left, which is done here");
        }
        self.restrict(&mut relation, &split_conjunction(&filter.predicate), filter.input.schema(), false)?;
        Ok(relation)
    }

    fn projection(&mut self, projection: &Projection) -> Outcome<Relation> {
        let relation = self.plan(&projection.input)?;
        let table = std::sync::Arc::clone(&relation.table);
        let scope =
            Columns { schema: projection.input.schema(), fields: &relation.columns, table: self.source.scope(&table) };
        let (mut columns, mut empty, mut refused) = (Vec::new(), Vec::new(), false);
        for expr in &projection.expr {
            let found = match plain(expr) {
                Some(column) => {
                    let place = scope.schema.maybe_index_of_column(column);
                    if let (Some(place), Some(row)) = (place, &relation.when_empty) {
                        empty.push(row.get(place).copied().flatten());
                    }
                    place.and_then(|i| scope.fields.get(i)).cloned().ok_or_else(|| "it is no column".to_owned())
                }
                None => field_of(&scope, expr).map_err(|_| "it is computed here".to_owned()),
            };
            match self.noted(expr, found) {
                Ok(field) => columns.push(field),
                Err(Refused) => refused = true,
            }
        }
        if refused || (relation.when_empty.is_some() && empty.len() != columns.len()) {
            return Err(Refused);
        }
        let when_empty = relation.when_empty.is_some().then_some(empty);
        Ok(Relation { columns, when_empty, ..relation })
    }

    fn sort(&mut self, sort: &Sort) -> Outcome<Relation> {
        let Some(fetch) = sort.fetch else {
            return self.refuse(LogicalPlan::Sort(sort.clone()).display(), "a sort without LIMIT is done here");
        };
        let mut relation = self.plan(&sort.input)?;
        if relation.when_empty.is_some() {
            return self.refuse(LogicalPlan::Sort(sort.clone()).display(), "there is one row only");
        }
        let table = std::sync::Arc::clone(&relation.table);
        let scope = Columns { schema: sort.input.schema(), fields: &relation.columns, table: self.source.scope(&table) };
        let (mut project, mut order) = (doc! { "_id": 0, "d": "$$ROOT" }, Document::new());
        for (i, key) in sort.expr.iter().enumerate() {
            let value = field_of(&scope, &key.expr).and_then(|field| {
                scope.table.ordered(&field)?;
                sort_key(&field, scope.table.otherwise())
            });
            let value = self.noted(format!("ORDER BY {}", key.expr), value)?;
            order_by((&mut project, &mut order), i, value, (!key.asc, key.nulls_first));
        }
        relation.stages.extend([doc! { "$project": project }, doc! { "$sort": order }]);
        self.cut_off(&mut relation, 0, Some(fetch))?;
        relation.stages.push(doc! { "$replaceRoot": { "newRoot": "$d" } });
        Ok(relation)
    }

    fn limit(&mut self, limit: &Limit) -> Outcome<Relation> {
        let part = LogicalPlan::Limit(limit.clone()).display().to_string();
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) = (limit.get_skip_type(), limit.get_fetch_type())
        else {
            return self.refuse(part, "its number of rows is computed");
        };
        let mut relation = self.plan(&limit.input)?;
        if relation.when_empty.is_some() {
            return self.refuse(part, "there is one row only");
        }
        self.cut_off(&mut relation, skip, fetch)?;
        Ok(relation)
    }

    fn cut_off(&mut self, relation: &mut Relation, skip: usize, fetch: Option<usize>) -> Outcome<()> {
        let number = |n: usize| i64::try_from(n).map_err(|_| "the server takes no number as large".to_owned());
        if skip > 0 {
            let skip = self.noted("OFFSET", number(skip))?;
            relation.stages.push(doc! { "$skip": skip });
        }
        // The server adds both numbers. No collection has as many documents as it can count.
        if let Some(fetch) = fetch.filter(|fetch| i64::try_from(fetch.saturating_add(skip)).is_ok()) {
            let fetch = self.noted("LIMIT", number(fetch))?;
            if fetch == 0 {
                return self.refuse("LIMIT 0", "it has no rows");
            }
            relation.stages.push(doc! { "$limit": fetch });
        }
        relation.limited = true;
        Ok(())
    }

    fn distinct(&mut self, input: &LogicalPlan) -> Outcome<Relation> {
        let relation = self.plan(input)?;
        let keys: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        self.grouped(relation, input.schema(), &keys, &[])
    }
}

/// The column that an expression is, under whatever name.
pub(super) fn plain(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Alias(alias) => plain(&alias.expr),
        Expr::Column(column) => Some(column),
        _ => None,
    }
}

/// The filter with its columns qualified by the scan's name; a scan's filters may come without.
fn qualified(filter: &Expr, table: &TableReference) -> Expr {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let change = |expr: Expr| match expr {
        Expr::Column(c) => Ok(Transformed::yes(Expr::Column(Column::new(Some(table.clone()), c.name)))),
        other => Ok(Transformed::no(other)),
    };
    filter.clone().transform(change).map_or_else(|_| filter.clone(), |t| t.data)
}
