//! A query's text in a dialect. What a dialect computes otherwise has no text in it, with the reason.

use std::fmt::Write as _;

use crate::ast::{
    AggregateFunction, Body, Expr, First, From, Grouping, Join, Key, Query, Relation, Select, SetOperator, WindowFunction,
};
use crate::value::{DECIMAL_SCALE, Type, Value, civil, decimal_text};

/// Whose SQL is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Headwater,
    DuckDb,
    Postgres,
}

/// Prints queries.
pub(crate) struct Printer<'a> {
    pub(crate) dialect: Dialect,
    /// The name of a table in the source it is read from.
    pub(crate) table: &'a dyn Fn(&str) -> String,
    pub(crate) text: String,
}

/// Why a dialect cannot say or computes otherwise what the query means here.
pub(crate) type Print = Result<(), &'static str>;

/// The text of a query.
pub(crate) fn print(query: &Query, dialect: Dialect, table: &dyn Fn(&str) -> String) -> Result<String, &'static str> {
    let mut printer = Printer { dialect, table, text: String::new() };
    printer.query(query)?;
    Ok(printer.text)
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of a type.
pub(crate) fn type_name(dialect: Dialect, ty: Type) -> &'static str {
    match (ty, dialect) {
        (Type::Bool, _) => "BOOLEAN",
        (Type::Int2, _) => "SMALLINT",
        (Type::Int4, _) => "INTEGER",
        (Type::Int8, _) => "BIGINT",
        (Type::Float, Dialect::Postgres) => "DOUBLE PRECISION",
        (Type::Float, _) => "DOUBLE",
        (Type::Decimal, Dialect::Postgres) => "NUMERIC(18,4)",
        (Type::Decimal, _) => "DECIMAL(18,4)",
        (Type::Text | Type::Uuid, Dialect::Postgres) => "TEXT",
        (Type::Text | Type::Uuid, _) => "VARCHAR",
        (Type::Date, _) => "DATE",
        (Type::Timestamp, Dialect::Headwater) => "TIMESTAMP(6)",
        (Type::Timestamp, _) => "TIMESTAMP",
        (Type::Instant, Dialect::Headwater) => "TIMESTAMP(6) WITH TIME ZONE",
        (Type::Instant, _) => "TIMESTAMPTZ",
        (Type::Bytes, Dialect::DuckDb) => "BLOB",
        (Type::Bytes, _) => "BYTEA",
    }
}

/// A value as a literal of its type.
pub(crate) fn literal(dialect: Dialect, value: &Value, ty: Type) -> String {
    let name = type_name(dialect, ty);
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Null => format!("CAST(NULL AS {name})"),
        Value::Bool(v) => v.to_string().to_uppercase(),
        Value::Int(v) if ty == Type::Int8 && (-1_000..1_000).contains(v) => format!("CAST({v} AS BIGINT)"),
        Value::Int(v) if (-1_000..1_000).contains(v) => v.to_string(),
        Value::Int(v) => format!("CAST('{v}' AS {name})"),
        Value::Float(v) if v.is_nan() => format!("CAST('NaN' AS {name})"),
        Value::Float(v) if v.is_infinite() => format!("CAST('{}Infinity' AS {name})", if *v < 0.0 { "-" } else { "" }),
        Value::Float(v) => format!("CAST('{v:?}' AS {name})"),
        Value::Decimal(v) => format!("CAST('{}' AS {name})", decimal_text(*v, DECIMAL_SCALE)),
        // Elsewhere a text in quotes finds its type by itself.
        Value::Text(v) | Value::Uuid(v) if dialect == Dialect::Postgres => format!("CAST({} AS TEXT)", quote(v)),
        Value::Text(v) | Value::Uuid(v) => quote(v),
        Value::Date(days) if dialect == Dialect::Postgres => format!("(DATE '1970-01-01' + ({days}))"),
        Value::Date(days) => {
            let (year, month, day) = civil(i64::from(*days));
            format!("CAST('{year:04}-{month:02}-{day:02}' AS DATE)")
        }
        Value::Timestamp(micros) if dialect == Dialect::Postgres => {
            let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
            let start = if ty == Type::Instant { "TIMESTAMPTZ '1970-01-01 00:00:00+00'" } else { "TIMESTAMP '1970-01-01'" };
            format!("({start} + INTERVAL '{days} days' + INTERVAL '{rest} microseconds')")
        }
        Value::Timestamp(micros) => {
            let (year, month, day) = civil(micros.div_euclid(86_400_000_000));
            let rest = micros.rem_euclid(86_400_000_000);
            let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
            let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let zone = if ty == Type::Instant { "+00:00" } else { "" };
            format!("CAST('{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:06}{zone}' AS {name})")
        }
        Value::Bytes(bytes) => bytes_literal(dialect, bytes),
    }
}

fn bytes_literal(dialect: Dialect, bytes: &[u8]) -> String {
    let hex = |before: &str| bytes.iter().map(|b| format!("{before}{b:02x}")).collect::<String>();
    match dialect {
        Dialect::Headwater => format!("X'{}'", hex("")),
        Dialect::DuckDb => format!("CAST('{}' AS BLOB)", hex("\\x")),
        Dialect::Postgres => format!("CAST('\\x{}' AS BYTEA)", hex("")),
    }
}

impl Printer<'_> {
    pub(crate) fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Runs `each` over a list with `between` between the elements.
    pub(crate) fn list<T>(&mut self, list: &[T], between: &str, mut each: impl FnMut(&mut Self, &T) -> Print) -> Print {
        for (i, element) in list.iter().enumerate() {
            if i > 0 {
                self.put(between);
            }
            each(self, element)?;
        }
        Ok(())
    }

    pub(crate) fn query(&mut self, query: &Query) -> Print {
        for (i, (name, cte)) in query.ctes.iter().enumerate() {
            self.put(if i == 0 { "WITH " } else { ", " });
            self.put(name);
            self.put(" AS (");
            self.query(cte)?;
            self.put(")");
        }
        if !query.ctes.is_empty() {
            self.put(" ");
        }
        self.body(&query.body)?;
        let direction = |on: bool, yes: &'static str, no: &'static str| if on { yes } else { no };
        for (i, (column, descending, nulls_first)) in query.order.iter().enumerate() {
            self.put(if i == 0 { " ORDER BY " } else { ", " });
            let _ = write!(self.text, "c{column}{}", direction(*descending, " DESC", ""));
            self.put(direction(*nulls_first, " NULLS FIRST", " NULLS LAST"));
        }
        if let Some(limit) = query.limit {
            let _ = write!(self.text, " LIMIT {limit}");
        }
        if let Some(offset) = query.offset {
            let _ = write!(self.text, " OFFSET {offset}");
        }
        Ok(())
    }

    fn body(&mut self, body: &Body) -> Print {
        match body {
            Body::Select(select) => self.select(select),
            Body::Set { operator, all, sides } => {
                self.put("(");
                self.body(&sides[0])?;
                self.put(match operator {
                    SetOperator::Union => ") UNION ",
                    SetOperator::Intersect => ") INTERSECT ",
                    SetOperator::Except => ") EXCEPT ",
                });
                self.put(if *all { "ALL (" } else { "(" });
                self.body(&sides[1])?;
                self.put(")");
                Ok(())
            }
        }
    }

    fn select(&mut self, select: &Select) -> Print {
        if let Some(first) = &select.first {
            return self.first(first, select);
        }
        self.put(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
        self.block(select)
    }

    /// A block of its own, so that its order is nobody else's.
    fn first(&mut self, first: &First, select: &Select) -> Print {
        for i in 0..select.items.len() {
            let _ = write!(self.text, "{}d.c{i} AS c{i}", if i == 0 { "SELECT " } else { ", " });
        }
        self.put(" FROM (SELECT DISTINCT ON (");
        self.list(&first.keys, ", ", Self::expr)?;
        self.put(") ");
        self.block(select)?;
        self.put(" ORDER BY ");
        self.list(&first.keys, ", ", |p, key| {
            p.expr(key)?;
            p.put(" NULLS LAST");
            Ok(())
        })?;
        self.put(", ");
        self.keys(&first.order)?;
        self.put(") AS d");
        Ok(())
    }

    /// What stands behind the word SELECT.
    fn block(&mut self, select: &Select) -> Print {
        for (i, item) in select.items.iter().enumerate() {
            if i > 0 {
                self.put(", ");
            }
            self.expr(item)?;
            let _ = write!(self.text, " AS c{i}");
        }
        self.put(if select.from.is_empty() { "" } else { " FROM " });
        for from in &select.from {
            self.from(from)?;
        }
        if let Some(filter) = &select.filter {
            self.put(" WHERE ");
            self.expr(filter)?;
        }
        self.grouping(&select.grouping)?;
        if let Some(having) = &select.having {
            self.put(" HAVING ");
            self.expr(having)?;
        }
        Ok(())
    }

    fn from(&mut self, from: &From) -> Print {
        self.put(match from.join {
            Join::First => "",
            Join::Cross => " CROSS JOIN ",
            Join::Inner => " INNER JOIN ",
            Join::Left => " LEFT JOIN ",
            Join::Right => " RIGHT JOIN ",
            Join::Full => " FULL JOIN ",
        });
        match &from.relation {
            Relation::Base(name) => {
                let name = (self.table)(name);
                self.put(&name);
            }
            Relation::Cte(name) => self.put(name),
            Relation::Derived(query) | Relation::Lateral(query) => {
                self.put(if matches!(from.relation, Relation::Lateral(_)) { "LATERAL (" } else { "(" });
                self.query(query)?;
                self.put(")");
            }
        }
        self.put(" AS ");
        self.put(&from.alias);
        if let Some(on) = &from.on {
            self.put(" ON ");
            self.expr(on)?;
        }
        Ok(())
    }

    fn grouping(&mut self, grouping: &Grouping) -> Print {
        match grouping {
            Grouping::None => Ok(()),
            Grouping::Keys(keys) => {
                self.put(" GROUP BY ");
                self.list(keys, ", ", Self::expr)
            }
            Grouping::Rollup(keys) | Grouping::Cube(keys) => {
                self.put(if matches!(grouping, Grouping::Cube(_)) { " GROUP BY CUBE (" } else { " GROUP BY ROLLUP (" });
                self.list(keys, ", ", Self::expr)?;
                self.put(")");
                Ok(())
            }
            Grouping::Sets(keys, sets) => {
                self.put(" GROUP BY GROUPING SETS (");
                self.list(sets, ", ", |p, set| {
                    p.put("(");
                    p.list(set, ", ", |p, i| keys.get(*i).map_or(Err("a key is gone"), |key| p.expr(key)))?;
                    p.put(")");
                    Ok(())
                })?;
                self.put(")");
                Ok(())
            }
        }
    }

    pub(crate) fn keys(&mut self, keys: &[Key]) -> Print {
        self.list(keys, ", ", |p, key| {
            p.expr(&key.expr)?;
            p.put(if key.descending { " DESC" } else { "" });
            p.put(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            Ok(())
        })
    }

    pub(crate) fn aggregate(&mut self, function: AggregateFunction, arguments: &[&Expr], distinct: bool) -> Print {
        if function == AggregateFunction::Average && arguments.iter().any(|a| a.ty() != Type::Float) {
            self.oracles_differ("avg of decimals and integers has another type elsewhere")?;
        }
        let ty = arguments.first().map(|a| a.ty());
        if self.dialect == Dialect::Postgres && ty == Some(Type::Bytes) && function != AggregateFunction::Count {
            return Err("Postgres before 18 has no min of bytea");
        }
        self.put(match function {
            AggregateFunction::CountRows => return self.counted(),
            AggregateFunction::Count => "count(",
            AggregateFunction::Sum => "sum(",
            AggregateFunction::Min => "min(",
            AggregateFunction::Max => "max(",
            AggregateFunction::Average => "avg(",
            AggregateFunction::BoolAnd => "bool_and(",
            AggregateFunction::BoolOr => "bool_or(",
        });
        self.put(if distinct { "DISTINCT " } else { "" });
        self.list(arguments, ", ", |p, a| p.expr(a))?;
        self.put(")");
        Ok(())
    }

    fn counted(&mut self) -> Print {
        self.put("count(*)");
        Ok(())
    }

    pub(crate) fn window(&mut self, function: WindowFunction, arguments: &[Expr]) -> Print {
        let name = match function {
            WindowFunction::Aggregate(function) => {
                return self.aggregate(function, &arguments.iter().collect::<Vec<_>>(), false);
            }
            WindowFunction::RowNumber => "row_number(",
            WindowFunction::Rank => "rank(",
            WindowFunction::DenseRank => "dense_rank(",
            WindowFunction::Lag => "lag(",
            WindowFunction::Lead => "lead(",
            WindowFunction::FirstValue => "first_value(",
            WindowFunction::LastValue => "last_value(",
            WindowFunction::NthValue => "nth_value(",
            WindowFunction::Ntile => "ntile(",
            WindowFunction::PercentRank => "percent_rank(",
            WindowFunction::CumulativeShare => "cume_dist(",
        };
        self.put(name);
        self.list(arguments, ", ", Self::expr)?;
        self.put(")");
        Ok(())
    }

    /// Ends the text in every dialect but Headwater's.
    pub(crate) fn oracles_differ(&self, reason: &'static str) -> Print {
        if self.dialect == Dialect::Headwater { Ok(()) } else { Err(reason) }
    }
}
