//! How many rows and bytes a node returns, from the statistics of the tables below it.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Column, DFSchema, Statistics};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{
    Aggregate, Distinct, ExprSchemable, FetchType, Filter, GroupingSet, Join, JoinType, Limit, LogicalPlan, SkipType,
    TableScan,
};
use datafusion::prelude::Expr;
use headwater_source::RemoteTable;
use headwater_source::scan::{ColumnFacts, column_width, selectivity, width};

/// Share of the rows that are groups when the distinct values are not known.
const GROUPS_DEFAULT: f64 = 0.1;
/// Most values of a part of a date that is not its year.
const DAYS_PER_YEAR: f64 = 366.0;

/// What is known of one column of a result.
#[derive(Debug, Clone)]
pub(crate) struct ColumnEstimate {
    pub(crate) facts: ColumnFacts,
    pub(crate) width: f64,
}

impl ColumnEstimate {
    fn unknown(data_type: &DataType) -> Self {
        Self { facts: ColumnFacts::default(), width: width(data_type) }
    }
}

/// What is known of a result.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) rows: Option<f64>,
    /// It has no more rows than all inputs of the plan together.
    pub(super) bounded: bool,
    pub(crate) columns: Vec<ColumnEstimate>,
}

impl Estimate {
    /// Of a node, from those of its inputs.
    pub(super) fn of(plan: &LogicalPlan, inputs: &[&Estimate]) -> Self {
        let mut estimate = match (plan, inputs) {
            (LogicalPlan::TableScan(scan), _) => Self::scan(scan),
            (LogicalPlan::Filter(filter), [input]) => Self::filter(filter, input),
            (LogicalPlan::Projection(projection), [input]) => {
                let expr = |e: &Expr| input.expression(e, projection.input.schema());
                Self { columns: projection.expr.iter().map(expr).collect(), ..(*input).clone() }
            }
            (LogicalPlan::Aggregate(aggregate), [input]) => Self::aggregate(aggregate, input),
            (LogicalPlan::Distinct(Distinct::All(_)), [input]) => {
                let rows = input.groups(&input.columns);
                Self { rows, ..(*input).clone() }
            }
            (LogicalPlan::Join(join), [left, right]) => Self::join(join, left, right),
            (LogicalPlan::Union(_), [first, ..]) => {
                let rows = inputs.iter().map(|i| i.rows).try_fold(0.0, |sum, rows| Some(sum + rows?));
                Self { rows, bounded: inputs.iter().all(|i| i.bounded), columns: first.columns.clone() }
            }
            (LogicalPlan::Limit(limit), [input]) => Self { rows: limited(limit, input.rows), ..(*input).clone() },
            (LogicalPlan::Sort(sort), [input]) => {
                let fetch = sort.fetch.map(|n| n as f64);
                Self { rows: least(fetch, input.rows), ..(*input).clone() }
            }
            (LogicalPlan::EmptyRelation(empty), _) => {
                let rows = Some(f64::from(u8::from(empty.produce_one_row)));
                Self { rows, bounded: true, columns: Vec::new() }
            }
            (LogicalPlan::Values(values), _) => {
                Self { rows: Some(values.values.len() as f64), bounded: true, columns: Vec::new() }
            }
            (
                LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Subquery(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Repartition(_),
                [input],
            ) => (*input).clone(),
            _ => Self { rows: None, bounded: false, columns: Vec::new() },
        };
        let fields = plan.schema().fields();
        estimate.columns.truncate(fields.len());
        for field in fields.iter().skip(estimate.columns.len()) {
            estimate.columns.push(ColumnEstimate::unknown(field.data_type()));
        }
        if let Some(rows) = estimate.rows {
            for column in &mut estimate.columns {
                column.facts.distinct = column.facts.distinct.map(|d| d.min(rows).max(1.0));
            }
        }
        estimate
    }

    /// Bytes of one row.
    pub(super) fn width(&self) -> f64 {
        1.0 + self.columns.iter().map(|c| c.width).sum::<f64>()
    }

    /// Bytes of all rows.
    pub(crate) fn bytes(&self) -> Option<f64> {
        self.rows.map(|rows| rows * self.width())
    }

    fn scan(scan: &TableScan) -> Self {
        let provider = source_as_provider(&scan.source).ok();
        let Some(table) = provider.as_ref().and_then(|p| p.downcast_ref::<RemoteTable>()) else {
            return Self::read_here(scan, provider.and_then(|p| p.statistics()));
        };
        let meta = table.meta();
        let facts = |column: &Column| meta.column(&column.name).map(|c| ColumnFacts::new(&c.statistics, meta.row_count));
        let share: f64 = scan.filters.iter().map(|f| selectivity(f, &facts)).product();
        let rows = meta.row_count.map(|n| (n as f64 * share * table.correction()).max(1.0));
        let estimate = |name: &String, data_type: &DataType| ColumnEstimate {
            facts: facts(&Column::from_name(name)).unwrap_or_default(),
            width: match meta.column(name) {
                Some(_) => column_width(meta, name),
                None => width(data_type),
            },
        };
        let fields = scan.projected_schema.fields().iter();
        let columns = fields.map(|f| estimate(f.name(), f.data_type())).collect();
        Self { rows: least(scan.fetch.map(|n| n as f64), rows), bounded: true, columns }
    }

    /// Of a table that this engine reads by itself.
    fn read_here(scan: &TableScan, statistics: Option<Statistics>) -> Self {
        let Some(statistics) = statistics else { return Self { rows: None, bounded: true, columns: Vec::new() } };
        let all = statistics.num_rows.get_value().copied();
        let schema = scan.source.schema();
        let facts = |column: &Column| {
            let place = schema.index_of(&column.name).ok()?;
            let known = statistics.column_statistics.get(place)?;
            Some(ColumnFacts::new(known, all.and_then(|n| u64::try_from(n).ok())))
        };
        let share: f64 = scan.filters.iter().map(|f| selectivity(f, &facts)).product();
        let rows = all.map(|n| (n as f64 * share).max(1.0));
        let estimate = |field: &FieldRef| ColumnEstimate {
            facts: facts(&Column::from_name(field.name())).unwrap_or_default(),
            width: width(field.data_type()),
        };
        let columns = scan.projected_schema.fields().iter().map(estimate).collect();
        Self { rows: least(scan.fetch.map(|n| n as f64), rows), bounded: true, columns }
    }

    fn filter(filter: &Filter, input: &Estimate) -> Self {
        let schema = filter.input.schema();
        let facts = |column: &Column| input.column(column, schema).map(|c| c.facts.clone());
        let share = selectivity(&filter.predicate, &facts);
        Self { rows: input.rows.map(|rows| (rows * share).max(1.0)), ..input.clone() }
    }

    fn aggregate(aggregate: &Aggregate, input: &Estimate) -> Self {
        let schema = aggregate.input.schema();
        let mut groups: Vec<ColumnEstimate> = Vec::new();
        let mut sets = 1.0;
        for expr in &aggregate.group_expr {
            match expr {
                Expr::GroupingSet(set) => {
                    groups.extend(set.distinct_expr().into_iter().map(|e| input.expression(e, schema)));
                    sets *= number_of_sets(set);
                }
                other => groups.push(input.expression(other, schema)),
            }
        }
        let rows = if aggregate.group_expr.is_empty() { Some(1.0) } else { input.groups(&groups) };
        let rows = rows.map(|rows| rows * sets);
        Self { rows, bounded: true, columns: groups }
    }

    /// Number of groups that these columns make.
    fn groups(&self, columns: &[ColumnEstimate]) -> Option<f64> {
        let distinct = columns.iter().map(|c| c.facts.distinct).try_fold(1.0, |all, one| Some(all * one?));
        match (distinct, self.rows) {
            (Some(distinct), Some(rows)) => Some(distinct.min(rows)),
            (None, Some(rows)) => Some((rows * GROUPS_DEFAULT).max(1.0)),
            (_, None) => None,
        }
    }

    fn join(join: &Join, left: &Estimate, right: &Estimate) -> Self {
        let (left_keys, right_keys): (Vec<&Expr>, Vec<&Expr>) = join.on.iter().map(|(l, r)| (l, r)).unzip();
        let left_unique = is_key(join.left.schema(), &left_keys) || left.rows.is_some_and(|n| n <= 1.0);
        let right_unique = is_key(join.right.schema(), &right_keys) || right.rows.is_some_and(|n| n <= 1.0);
        let mut columns: Vec<ColumnEstimate> = match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.columns.clone(),
            _ => left.columns.clone(),
        };
        if matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full) {
            columns.extend(right.columns.iter().cloned());
        }
        let matches = matching(join, left, right, left_unique, right_unique);
        let (l, r) = (left.rows, right.rows);
        let at_least = |rows: Option<f64>| matches.zip(rows).map(|(n, rows)| n.max(rows));
        let without = |rows: Option<f64>| rows.map(|rows| (rows - matches.unwrap_or(0.0)).max(rows * 0.1));
        let rows = match join.join_type {
            JoinType::Inner => matches,
            JoinType::Left => at_least(l),
            JoinType::Right => at_least(r),
            JoinType::Full => at_least(l.zip(r).map(|(l, r)| l.max(r))),
            JoinType::LeftSemi => least(matches, l),
            JoinType::RightSemi => least(matches, r),
            JoinType::LeftAnti => without(l),
            JoinType::RightAnti => without(r),
            JoinType::LeftMark => l,
            JoinType::RightMark => r,
        };
        let multiplies = matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
        let bounded = left.bounded && right.bounded && (!multiplies || left_unique || right_unique);
        Self { rows, bounded, columns }
    }

    fn column(&self, column: &Column, schema: &DFSchema) -> Option<&ColumnEstimate> {
        schema.maybe_index_of_column(column).and_then(|i| self.columns.get(i))
    }

    /// An expression of one column has at most as many distinct values as the column.
    fn expression(&self, expr: &Expr, schema: &DFSchema) -> ColumnEstimate {
        match expr {
            Expr::Alias(alias) => return self.expression(&alias.expr, schema),
            Expr::Column(column) => {
                if let Some(found) = self.column(column, schema) {
                    return found.clone();
                }
            }
            _ => {}
        }
        let data_type = expr.get_type(schema).unwrap_or(DataType::Null);
        let mut estimate = ColumnEstimate::unknown(&data_type);
        let refs = expr.column_refs();
        let mut refs = refs.iter();
        estimate.facts.distinct = match (refs.next(), refs.next()) {
            (None, _) => Some(1.0),
            (Some(column), None) => self.column(column, schema).and_then(|c| c.facts.distinct).map(|d| coarser(expr, d)),
            _ => None,
        };
        estimate
    }
}

/// Distinct values of a function of one column that has `distinct` ones.
fn coarser(expr: &Expr, distinct: f64) -> f64 {
    match expr {
        Expr::ScalarFunction(call) if call.name() == "date_trunc" => (distinct * GROUPS_DEFAULT).max(1.0),
        Expr::ScalarFunction(call) if call.name() == "date_part" => distinct.min(DAYS_PER_YEAR),
        _ => distinct,
    }
}

fn number_of_sets(set: &GroupingSet) -> f64 {
    match set {
        GroupingSet::Rollup(columns) => columns.len() as f64 + 1.0,
        GroupingSet::Cube(columns) => 2f64.powf(columns.len() as f64),
        GroupingSet::GroupingSets(sets) => sets.len() as f64,
    }
}

/// Rows of an inner join: all pairs, over the distinct values of the side that has more of them.
fn matching(join: &Join, left: &Estimate, right: &Estimate, left_unique: bool, right_unique: bool) -> Option<f64> {
    let (l, r) = left.rows.zip(right.rows)?;
    let mut distinct: Option<f64> = None;
    for (left_key, right_key) in &join.on {
        let one = left.expression(left_key, join.left.schema()).facts.distinct;
        let other = right.expression(right_key, join.right.schema()).facts.distinct;
        if let Some(most) = one.into_iter().chain(other).reduce(f64::max) {
            distinct = Some(distinct.unwrap_or(1.0) * most);
        }
    }
    let known = distinct.unwrap_or(1.0).min(l.max(r));
    let pairs = l * r;
    let rows = match (left_unique, right_unique) {
        (false, false) if !join.on.is_empty() && distinct.is_none() => return None,
        (false, false) => pairs / known.max(1.0),
        (true, true) => pairs / known.max(l).max(r),
        (true, false) => pairs / known.max(l),
        (false, true) => pairs / known.max(r),
    };
    let share = join.filter.as_ref().map_or(1.0, |filter| {
        let facts = |column: &Column| {
            let found = left.column(column, join.left.schema());
            found.or_else(|| right.column(column, join.right.schema())).map(|c| c.facts.clone())
        };
        selectivity(filter, &facts)
    });
    Some((rows * share).max(1.0))
}

/// Whether no two rows have the same values of these expressions.
fn is_key(schema: &DFSchema, keys: &[&Expr]) -> bool {
    let columns = keys.iter().filter_map(|key| match key {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    });
    let columns: Vec<usize> = columns.collect();
    let all = schema.fields().len();
    schema.functional_dependencies().iter().any(|dependence| {
        dependence.mode == datafusion::common::Dependency::Single
            && dependence.target_indices.len() == all
            && dependence.source_indices.iter().all(|i| columns.contains(i))
    })
}

fn limited(limit: &Limit, rows: Option<f64>) -> Option<f64> {
    let skip = match limit.get_skip_type() {
        Ok(SkipType::Literal(n)) => n as f64,
        _ => 0.0,
    };
    let fetch = match limit.get_fetch_type() {
        Ok(FetchType::Literal(fetch)) => fetch.map(|n| n as f64),
        _ => None,
    };
    least(fetch, rows.map(|rows| (rows - skip).max(0.0)))
}

fn least(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
