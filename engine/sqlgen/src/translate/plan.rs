//! Plan nodes with one input, and scans and unions.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Distinct, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType, Sort, TableScan, Union,
};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome, Refused, RemoteTable, TableName};

use super::Translator;
use super::compare::sort_key;
use super::database::{Class, Collation, Fact, Value};
use super::expr::Scope;
use super::relation::{Relation, Stage};
use crate::expr::Expr;
use crate::select::{From, Group, Order, Query};

/// Plans nested deeper than this stay here.
const DEPTH_MAX: usize = 60;

impl Translator<'_> {
    /// Translates a node with everything below it.
    pub(super) fn plan(&mut self, plan: &LogicalPlan) -> Outcome<Relation> {
        if self.depth >= DEPTH_MAX {
            return self.refuse(plan.display(), format!("the plan is nested deeper than {DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let relation = self.node(plan);
        self.depth -= 1;
        let relation = relation?;
        self.same_types(plan, &relation)?;
        Ok(relation)
    }

    fn node(&mut self, plan: &LogicalPlan) -> Outcome<Relation> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Distinct(Distinct::All(input)) => self.distinct(input),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Subquery(subquery) if subquery.outer_ref_columns.is_empty() => self.plan(&subquery.subquery),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
                self.refuse(plan.display(), "its rows are here already")
            }
            other => self.refuse(other.display(), "it is computed here"),
        }
    }

    /// What the source sends must be exactly what the plan says.
    fn same_types(&mut self, plan: &LogicalPlan, relation: &Relation) -> Outcome<()> {
        let fields = plan.schema().fields();
        if fields.len() != relation.columns.len() {
            return self.refuse(plan.display(), "its columns are not those of the translation");
        }
        for (field, value) in fields.iter().zip(&relation.columns) {
            let missing = matches!(value.fact.class, Class::Missing(_));
            if !missing && *field.data_type() != value.fact.arrow {
                let reason = format!("the source sends it as {}, not as {}", value.fact.arrow, field.data_type());
                return self.refuse(field.name(), reason);
            }
        }
        Ok(())
    }

    fn scan(&mut self, scan: &TableScan) -> Outcome<Relation> {
        let part = scan.table_name.to_string();
        let Ok(provider) = source_as_provider(&scan.source) else { return self.refuse(part, "it is no table of a source") };
        let Some(remote) = provider.downcast_ref::<RemoteTable>() else {
            return self.refuse(part, "it is no table of a remote database");
        };
        if remote.source().name() != self.database.source() {
            return self.refuse(part, format!("it is a table of the source {}", remote.source().name()));
        }
        let name = remote.meta().name.clone();
        let table = self.database.table(&name);
        let table = self.noted(&part, table)?;
        let item = self.item();
        let schema = scan.source.schema();
        let filters: Vec<PlanExpr> = scan.filters.iter().map(|f| qualified(f, &scan.table_name)).collect();
        let indices = scan.projection.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let mut used: BTreeSet<String> = filters.iter().flat_map(|f| f.column_refs()).map(|c| c.name.clone()).collect();
        used.extend(indices.iter().filter_map(|i| schema.fields().get(*i).map(|f| f.name().clone())));
        let all = self.table_columns(&name, &schema, &used, |column| Expr::Field(item, column));
        let Ok(full) = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &schema) else {
            return self.refuse(part, "its columns are ambiguous");
        };
        let mut relation = Relation::new(From::Table(table, Some(item)), Vec::new());
        relation.select.filters = self.scan_filters(remote, &filters, &Scope { schema: &full, columns: &all })?;
        relation.columns = indices.iter().filter_map(|i| all.get(*i).cloned()).collect();
        self.read(&name, used)?;
        self.reads.push(name);
        if let Some(fetch) = scan.fetch {
            relation.select.limit = Some(fetch as u64);
            relation.stage = Stage::Limited;
        }
        Ok(relation)
    }

    /// The filters of a scan. One that is only a superset is checked again by a node above, so it may be left out.
    fn scan_filters(&mut self, remote: &RemoteTable, filters: &[PlanExpr], scope: &Scope<'_>) -> Outcome<Vec<Expr>> {
        let mut found = Vec::new();
        let mut refused = false;
        for filter in filters {
            let kept = self.kept.len();
            match self.predicate(filter, scope) {
                Ok(filter) => found.push(filter),
                Err(Refused) if self.database.is_superset(remote.meta(), &unqualified(filter)) => self.kept.truncate(kept),
                Err(Refused) => refused = true,
            }
        }
        if refused { Err(Refused) } else { Ok(found) }
    }

    /// Notes what is read of a table.
    fn read(&mut self, table: &TableName, columns: BTreeSet<String>) -> Outcome<()> {
        self.tables.entry(table.clone()).or_default();
        for column in columns {
            let fact = self.database.column(table, &column);
            let mark = self.noted(format!("{table}.{column}"), fact)?.mark;
            self.tables.entry(table.clone()).or_default().insert(column, mark);
        }
        Ok(())
    }

    /// The columns of a table, of which only those in `used` are known.
    pub(super) fn table_columns(
        &self,
        table: &TableName,
        schema: &Schema,
        used: &BTreeSet<String>,
        expr: impl Fn(String) -> Expr,
    ) -> Vec<Value> {
        let column = |field: &FieldRef| {
            let name = field.name();
            let found = match used.contains(name) {
                true => self.database.column(table, name),
                false => Err("it is not read".to_owned()),
            };
            let (fact, cast) = match found {
                Ok(found) => (found.fact, found.cast),
                Err(reason) => (missing(reason), None),
            };
            Value {
                expr: expr(name.clone()),
                fact,
                cast,
                constant: None,
                fixed: false,
                origin: Some(format!("{table}.{name}")),
            }
        };
        schema.fields().iter().map(column).collect()
    }

    fn filter(&mut self, filter: &Filter) -> Outcome<Relation> {
        let input = self.plan(&filter.input)?;
        let mut relation = self.at_most(input, Stage::Grouped);
        let schema = filter.input.schema();
        let conditions = {
            let scope = Scope { schema, columns: &relation.columns };
            self.predicates(&split_conjunction(&filter.predicate), &scope)?
        };
        match relation.stage {
            Stage::Rows => relation.select.filters.extend(conditions),
            _ => relation.select.having.extend(conditions),
        }
        Ok(relation)
    }

    fn projection(&mut self, projection: &Projection) -> Outcome<Relation> {
        let input = self.plan(&projection.input)?;
        let schema = projection.input.schema();
        // A computed column that is used more than once is computed once, in a block below.
        let mut uses = vec![0_usize; input.columns.len()];
        for column in projection.expr.iter().flat_map(column_uses) {
            if let Some(count) = schema.maybe_index_of_column(&column).and_then(|i| uses.get_mut(i)) {
                *count += 1;
            }
        }
        let repeats = uses.iter().zip(&input.columns).any(|(uses, c)| *uses > 1 && !c.is_plain());
        // The one group of a block without GROUP BY is one by its aggregates, so one of them must stay in it.
        let ungrouped = input.stage == Stage::Grouped && input.select.group == Group::None && uses.iter().all(|n| *n == 0);
        let wraps = repeats || ungrouped || input.stage == Stage::Distinct;
        let mut relation = if wraps { self.wrap(input) } else { input };
        let columns = {
            let scope = Scope { schema, columns: &relation.columns };
            self.values(&projection.expr, &scope)?
        };
        relation.columns = columns;
        Ok(relation)
    }

    fn sort(&mut self, sort: &Sort) -> Outcome<Relation> {
        let Some(fetch) = sort.fetch else {
            return self.refuse(LogicalPlan::Sort(sort.clone()).display(), "a sort without LIMIT is done here");
        };
        let input = self.plan(&sort.input)?;
        let mut relation = self.at_most(input, Stage::Windowed);
        let scope = Scope { schema: sort.input.schema(), columns: &relation.columns };
        let order = self.order(&sort.expr, &scope)?;
        relation.select.order = order;
        relation.select.limit = Some(fetch as u64);
        relation.stage = Stage::Limited;
        Ok(relation)
    }

    /// Sort keys; all that are refused are noted.
    pub(super) fn order(&mut self, keys: &[datafusion::logical_expr::SortExpr], scope: &Scope<'_>) -> Outcome<Vec<Order>> {
        let mut order = Vec::new();
        let mut refused = false;
        for key in keys {
            let Ok(value) = self.value(&key.expr, scope) else {
                refused = true;
                continue;
            };
            let sorted = sort_key(self.database, &value);
            match self.noted(format!("ORDER BY {}", key.expr), sorted) {
                Ok(expr) => order.push(Order { expr, descending: !key.asc, nulls_first: key.nulls_first }),
                Err(Refused) => refused = true,
            }
        }
        if refused { Err(Refused) } else { Ok(order) }
    }

    fn limit(&mut self, limit: &Limit) -> Outcome<Relation> {
        let part = LogicalPlan::Limit(limit.clone()).display().to_string();
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) = (limit.get_skip_type(), limit.get_fetch_type())
        else {
            return self.refuse(part, "its number of rows is computed");
        };
        let input = self.plan(&limit.input)?;
        let mut relation = if input.stage == Stage::Distinct { self.wrap(input) } else { input };
        let (skip, fetch) = (skip as u64, fetch.map(|n| n as u64));
        let left = relation.select.limit.map(|n| n.saturating_sub(skip));
        relation.select.offset = relation.select.offset.saturating_add(skip);
        relation.select.limit = match (left, fetch) {
            (Some(left), Some(fetch)) => Some(left.min(fetch)),
            (left, fetch) => left.or(fetch),
        };
        relation.stage = Stage::Limited;
        Ok(relation)
    }

    fn distinct(&mut self, input: &LogicalPlan) -> Outcome<Relation> {
        let relation = self.plan(input)?;
        let mut relation = self.at_most(relation, Stage::Windowed);
        let keys = relation.columns.clone();
        self.group_keys(&keys)?;
        relation.select.distinct = true;
        relation.stage = Stage::Distinct;
        Ok(relation)
    }

    /// Notes every column that cannot be a key of a group.
    pub(super) fn group_keys(&mut self, keys: &[Value]) -> Outcome<()> {
        let mut refused = false;
        for key in keys {
            let name = format!("GROUP BY {}", key.name());
            let checked = key.usable().and_then(|()| self.database.group_key(key));
            refused |= self.noted(name, checked).is_err();
        }
        if refused { Err(Refused) } else { Ok(()) }
    }

    fn union(&mut self, union: &Union) -> Outcome<Relation> {
        let inputs: Vec<_> = union.inputs.iter().map(|input| self.plan(input)).collect();
        let Ok(relations) = inputs.into_iter().collect::<Result<Vec<_>, Refused>>() else { return Err(Refused) };
        let mut relations = relations;
        let mut facts: Vec<Fact> = Vec::new();
        for (i, field) in union.schema.fields().iter().enumerate() {
            let mut column: Vec<&mut Value> = relations.iter_mut().filter_map(|r| r.columns.get_mut(i)).collect();
            if merged_all(&column).is_none() {
                // Types of the source that are one here, such as two kinds of text, become the one of computed values.
                let Some((_, name)) = self.database.computed(field.data_type()) else {
                    return self.refuse(field.name(), "the parts of the union have other types at the source");
                };
                for value in &mut column {
                    let usable = value.usable();
                    self.noted(field.name(), usable)?;
                    let computed = self.database.value(value.output().cast(name.clone()), field.data_type());
                    let computed = self.noted(field.name(), computed)?;
                    let class =
                        if let Class::Text(_) = value.fact.class { value.fact.class.clone() } else { computed.fact.class };
                    let same = value.fact.arrow == computed.fact.arrow;
                    if !same {
                        return self.refuse(field.name(), "the parts of the union have other types at the source");
                    }
                    **value = Value { fact: Fact { class, ..computed.fact }, cast: None, ..computed };
                }
            }
            match merged_all(&column) {
                Some(fact) if fact.arrow == *field.data_type() => facts.push(fact),
                _ => return self.refuse(field.name(), "the parts of the union have other types at the source"),
            }
        }
        let parts = relations.into_iter().map(|r| Query::Block(r.finish())).collect();
        let item = self.item();
        let column = |(i, fact): (usize, Fact)| Value {
            expr: Expr::Output(item, i),
            fact,
            cast: None,
            constant: None,
            fixed: false,
            origin: None,
        };
        let columns = facts.into_iter().enumerate().map(column).collect();
        Ok(Relation::new(From::Query(Box::new(Query::UnionAll(parts)), item), columns))
    }
}

/// What is known of values that come from any of several expressions.
fn merged_all(values: &[&mut Value]) -> Option<Fact> {
    let (first, rest) = values.split_first()?;
    rest.iter().try_fold(first.fact.clone(), |fact, value| merged(&fact, &value.fact))
}

/// What is known of values that come from either of two expressions of the same type.
pub(super) fn merged(a: &Fact, b: &Fact) -> Option<Fact> {
    let attributes = a.arrow == b.arrow && a.attributes == b.attributes && a.remote_type == b.remote_type;
    match (&a.class, &b.class) {
        (Class::Text(x), Class::Text(y)) if attributes && x != y => {
            // Compared by bytes only, which is right whatever the two are.
            let collation = Collation { name: format!("{} and {}", x.name, y.name), deterministic: false };
            Some(Fact { class: Class::Text(collation), ..a.clone() })
        }
        (x, y) if attributes && x == y => Some(a.clone()),
        _ => None,
    }
}

pub(super) fn missing(reason: String) -> Fact {
    Fact {
        class: Class::Missing(reason),
        arrow: datafusion::arrow::datatypes::DataType::Null,
        remote_type: String::new(),
        attributes: std::collections::BTreeMap::new(),
    }
}

/// Every use of a column, repeated as often as it is used.
fn column_uses(expr: &PlanExpr) -> Vec<Column> {
    expr.column_refs_counts().into_iter().flat_map(|(c, n)| std::iter::repeat_n(c.clone(), n)).collect()
}

fn requalified(filter: &PlanExpr, relation: Option<&TableReference>) -> PlanExpr {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let change = |expr: PlanExpr| match expr {
        PlanExpr::Column(c) => Ok(Transformed::yes(PlanExpr::Column(Column::new(relation.cloned(), c.name)))),
        other => Ok(Transformed::no(other)),
    };
    filter.clone().transform(change).map_or_else(|_| filter.clone(), |t| t.data)
}

/// The filter with its columns qualified by the scan's name; a scan's filters may come without.
fn qualified(filter: &PlanExpr, table: &TableReference) -> PlanExpr {
    requalified(filter, Some(table))
}

fn unqualified(filter: &PlanExpr) -> PlanExpr {
    requalified(filter, None)
}
