//! Writes blocks and the expressions that only they have.

use headwater_common::Result;

use super::Writer;
use crate::expr::{Aggregate, Bound, Expr, Frame, Operator, Window};
use crate::select::{From, Group, Join, JoinKind, Order, Query, Select};

impl Writer<'_> {
    pub(super) fn query_node(&mut self, query: &Query) -> Result<()> {
        self.nested(|w| match query {
            Query::Block(select) => w.write_select(select),
            Query::UnionAll(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    w.push(if i == 0 { "(" } else { " UNION ALL (" });
                    w.query_node(part)?;
                    w.push(")");
                }
                Ok(())
            }
        })
    }

    pub(super) fn write_select(&mut self, select: &Select) -> Result<()> {
        self.push("SELECT ");
        if select.distinct {
            self.push("DISTINCT ");
        }
        for (i, column) in select.columns.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            self.write(column)?;
            if select.named {
                self.push(" AS ");
                self.output(i)?;
            }
        }
        self.push(match select.columns.is_empty() {
            true => self.dialect.no_columns(),
            false => " ",
        });
        self.push("FROM ");
        self.from(&select.from)?;
        self.filters(&select.filters)?;
        self.group(&select.group)?;
        self.conditions(" HAVING ", &select.having)?;
        self.order(" ORDER BY ", &select.order)?;
        // Servers count rows in 64 bits with a sign, and add both numbers. No table has as many.
        let offset = select.offset.min(i64::MAX.cast_unsigned());
        if let Some(limit) = select.limit.filter(|limit| i64::try_from(limit.saturating_add(offset)).is_ok()) {
            self.push(&format!(" LIMIT {limit}"));
        }
        if offset > 0 {
            self.push(&format!(" OFFSET {offset}"));
        }
        Ok(())
    }

    /// The name of an output column.
    pub(super) fn output(&mut self, column: usize) -> Result<()> {
        self.dialect.identifier(&format!("c{column}"), &mut self.out)
    }

    /// The name of a FROM item.
    pub(super) fn item(&mut self, item: usize) -> Result<()> {
        let name = format!("{}{item}", self.dialect.item_prefix());
        self.dialect.identifier(&name, &mut self.out)
    }

    fn from(&mut self, from: &From) -> Result<()> {
        self.nested(|w| match from {
            From::Table(table, item) => {
                if table.only {
                    w.push("ONLY ");
                }
                w.table(Some(&table.schema), &table.name)?;
                if let Some(item) = item {
                    w.push(" AS ");
                    w.item(*item)?;
                }
                if table.merged {
                    w.push(" FINAL");
                }
                Ok(())
            }
            From::Query(query, item) => {
                w.push("(");
                w.query_node(query)?;
                w.push(") AS ");
                w.item(*item)
            }
            From::Join(join) => w.join(join),
            From::Native { text, columns, item } => {
                // The database has found the text a statement of its own, so nothing in it ends the parentheses; a comment at
                // its end does not reach over the line.
                w.push("(");
                w.push(text);
                w.push("\n) AS ");
                w.item(*item)?;
                if *columns > 0 {
                    let columns: Vec<usize> = (0..*columns).collect();
                    w.push(" (");
                    w.comma_separated(&columns, |w, column| w.output(*column))?;
                    w.push(")");
                }
                Ok(())
            }
        })
    }

    fn join(&mut self, join: &Join) -> Result<()> {
        self.from(&join.left)?;
        self.push(match join.kind {
            JoinKind::Cross => " CROSS JOIN ",
            JoinKind::Inner => " INNER JOIN ",
            JoinKind::Left => " LEFT JOIN ",
            JoinKind::Right => " RIGHT JOIN ",
            JoinKind::Full => " FULL JOIN ",
            JoinKind::LeftSemi => " LEFT SEMI JOIN ",
            JoinKind::LeftAnti => " LEFT ANTI JOIN ",
        });
        let nested = matches!(join.right, From::Join(_));
        if nested {
            self.push("(");
        }
        self.from(&join.right)?;
        if nested {
            self.push(")");
        }
        match join.on.as_slice() {
            [] if join.kind == JoinKind::Cross => Ok(()),
            [] => {
                self.push(" ON TRUE");
                Ok(())
            }
            conditions => {
                // The keys stand first, and every database joins by them when they are written as its own operator.
                let keys = conditions.iter().take_while(|c| matches!(c, Expr::Binary(_, Operator::IsNotDistinctFrom, _)));
                let (keys, rest) = conditions.split_at(keys.count());
                for (i, key) in keys.iter().enumerate() {
                    self.push(if i == 0 { " ON " } else { " AND " });
                    self.null_equal(key)?;
                }
                self.conditions(if keys.is_empty() { " ON " } else { " AND " }, rest)
            }
        }
    }

    fn null_equal(&mut self, key: &Expr) -> Result<()> {
        let Expr::Binary(left, operator, right) = key else { return self.write(key) };
        self.push("(");
        self.write(left)?;
        self.push(" ");
        self.push(operator.symbol());
        self.push(" ");
        self.write(right)?;
        self.push(")");
        Ok(())
    }

    fn group(&mut self, group: &Group) -> Result<()> {
        match group {
            Group::None => Ok(()),
            Group::By(keys) => {
                self.push(" GROUP BY ");
                self.comma_separated(keys, |w, key| w.write(key))
            }
            Group::Sets(sets) => {
                self.push(" GROUP BY GROUPING SETS (");
                self.comma_separated(sets, |w, set| {
                    w.push("(");
                    w.comma_separated(set, |w, key| w.write(key))?;
                    w.push(")");
                    Ok(())
                })?;
                self.push(")");
                Ok(())
            }
        }
    }

    fn order(&mut self, clause: &str, keys: &[Order]) -> Result<()> {
        for (i, key) in keys.iter().enumerate() {
            self.push(if i == 0 { clause } else { ", " });
            self.write(&key.expr)?;
            self.push(if key.descending { " DESC" } else { " ASC" });
            self.push(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        }
        Ok(())
    }

    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<()> {
        self.push(aggregate.function);
        self.push(if aggregate.distinct { "(DISTINCT " } else { "(" });
        if aggregate.arguments.is_empty() {
            self.push("*");
        }
        self.comma_separated(&aggregate.arguments, |w, argument| w.write(argument))?;
        self.push(")");
        if let Some(filter) = &aggregate.filter {
            self.push(" FILTER (WHERE ");
            self.write(filter)?;
            self.push(")");
        }
        Ok(())
    }

    pub(super) fn window(&mut self, window: &Window) -> Result<()> {
        self.write(&window.function)?;
        self.push(" OVER (");
        if !window.partition.is_empty() {
            self.push("PARTITION BY ");
            self.comma_separated(&window.partition, |w, key| w.write(key))?;
        }
        let clause = if window.partition.is_empty() { "ORDER BY " } else { " ORDER BY " };
        self.order(clause, &window.order)?;
        if let Some(frame) = &window.frame {
            self.frame(frame);
        }
        self.push(")");
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) {
        self.push(if frame.rows { " ROWS BETWEEN " } else { " RANGE BETWEEN " });
        for (bound, after) in [(frame.start, " AND "), (frame.end, "")] {
            match bound {
                Bound::UnboundedPreceding => self.push("UNBOUNDED PRECEDING"),
                Bound::Preceding(rows) => self.push(&format!("{rows} PRECEDING")),
                Bound::CurrentRow => self.push("CURRENT ROW"),
                Bound::Following(rows) => self.push(&format!("{rows} FOLLOWING")),
                Bound::UnboundedFollowing => self.push("UNBOUNDED FOLLOWING"),
            }
            self.push(after);
        }
    }

    pub(super) fn case(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) -> Result<()> {
        self.push("(CASE");
        for (condition, value) in branches {
            self.push(" WHEN ");
            self.write(condition)?;
            self.push(" THEN ");
            self.write(value)?;
        }
        if let Some(otherwise) = otherwise {
            self.push(" ELSE ");
            self.write(otherwise)?;
        }
        self.push(" END)");
        Ok(())
    }

    pub(super) fn in_query(&mut self, exprs: &[Expr], query: &Query, negated: bool) -> Result<()> {
        self.push("((");
        self.comma_separated(exprs, |w, expr| w.write(expr))?;
        self.push(if negated { ") NOT IN (" } else { ") IN (" });
        self.query_node(query)?;
        self.push("))");
        Ok(())
    }

    pub(super) fn blocks(&mut self, item: Option<usize>, from: u64, to: Option<u64>) -> Result<()> {
        let place = |w: &mut Self| {
            if let Some(item) = item {
                w.item(item)?;
                w.push(".");
            }
            w.push("ctid");
            Ok::<(), headwater_common::Error>(())
        };
        self.push("(");
        place(self)?;
        self.push(&format!(" >= '({from},0)'::tid"));
        if let Some(to) = to {
            self.push(" AND ");
            place(self)?;
            self.push(&format!(" < '({to},0)'::tid"));
        }
        self.push(")");
        Ok(())
    }
}
