//! Writes expressions, blocks and statements as text.

use datafusion::common::ScalarValue;
use headwater_common::{Error, Result};

use crate::dialect::Dialect;
use crate::expr::Expr;
use crate::literal::literal;
use crate::select::Select;
use crate::statement::Statement;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As literals.
    Inline,
    /// As parameters of type text, cast to the value's type.
    Bind,
}

/// A finished text with its parameters; each parameter is a text or NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// Text.
    pub text: String,
    /// Parameters in the order of their numbers.
    pub parameters: Vec<Option<String>>,
}

/// Nesting that no allowed filter reaches; more is refused, so that writing never overflows the stack.
const DEPTH_MAX: usize = 200;

/// The protocol counts parameters in 16 bits.
const PARAMETERS_MAX: usize = 65_535;

/// Writes text for a dialect.
#[derive(Debug)]
pub struct Writer<'a> {
    dialect: &'a dyn Dialect,
    mode: Mode,
    out: String,
    parameters: Vec<Option<String>>,
    depth: usize,
}

impl<'a> Writer<'a> {
    /// An empty writer.
    pub fn new(dialect: &'a dyn Dialect, mode: Mode) -> Self {
        Self { dialect, mode, out: String::new(), parameters: Vec::new(), depth: 0 }
    }

    /// The text written so far.
    pub fn finish(self) -> Sql {
        Sql { text: self.out, parameters: self.parameters }
    }

    /// Writes an expression, always in parentheses when it has parts.
    pub fn expr(mut self, expr: &Expr) -> Result<Self> {
        self.write(expr)?;
        Ok(self)
    }

    /// Writes a block.
    pub fn select(mut self, select: &Select) -> Result<Self> {
        self.write_select(select)?;
        Ok(self)
    }

    /// Writes a statement.
    pub fn statement(mut self, statement: &Statement) -> Result<Self> {
        match statement {
            Statement::Select(select) => self.write_select(select)?,
            Statement::CopyOut(select) => {
                if self.mode == Mode::Bind {
                    return Err(Error::internal("COPY takes no parameters"));
                }
                self.push("COPY (");
                self.write_select(select)?;
                self.push(") TO STDOUT (FORMAT binary)");
            }
            Statement::CopyIn { schema, table, columns } => {
                self.push("COPY ");
                self.table(schema.as_deref(), table)?;
                self.names(columns)?;
                self.push(" FROM STDIN (FORMAT binary)");
            }
            Statement::CreateStaging { table, columns } => self.create_staging(table, columns)?,
            Statement::InsertFromStaging { schema, table, columns, staging } => {
                self.insert_from_staging(schema, table, columns, staging)?;
            }
            Statement::Delete { schema, table, filters } => {
                self.push("DELETE FROM ");
                self.table(Some(schema), table)?;
                self.filters(filters)?;
            }
            Statement::Update { schema, table, assignments, filters } => {
                self.push("UPDATE ");
                self.table(Some(schema), table)?;
                self.push(" SET ");
                self.comma_separated(assignments, |w, (name, value)| {
                    w.dialect.identifier(name, &mut w.out)?;
                    w.push(" = ");
                    w.write(value)
                })?;
                self.filters(filters)?;
            }
            Statement::ColumnTypes(select) => self.column_types(select)?,
            Statement::Explain(select) => {
                self.push("EXPLAIN (FORMAT JSON) ");
                self.write_select(select)?;
            }
            Statement::SetSnapshot(id) => {
                self.push("SET TRANSACTION SNAPSHOT ");
                self.dialect.text(id, &mut self.out)?;
            }
            Statement::SetLocal(name, value) => {
                self.push("SET LOCAL ");
                self.push(name);
                self.push(" = ");
                self.dialect.text(value, &mut self.out)?;
            }
        }
        Ok(self)
    }

    fn create_staging(&mut self, table: &str, columns: &[(String, String)]) -> Result<()> {
        self.push("CREATE TEMPORARY TABLE ");
        self.dialect.identifier(table, &mut self.out)?;
        self.push(" (");
        self.comma_separated(columns, |w, (name, type_name)| {
            w.dialect.identifier(name, &mut w.out)?;
            w.push(" ");
            w.push(type_name);
            Ok(())
        })?;
        self.push(") ON COMMIT DROP");
        Ok(())
    }

    fn insert_from_staging(
        &mut self,
        schema: &str,
        table: &str,
        columns: &[(String, String)],
        staging: &str,
    ) -> Result<()> {
        self.push("INSERT INTO ");
        self.table(Some(schema), table)?;
        let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        self.names(&names)?;
        self.push(" SELECT ");
        self.comma_separated(columns, |w, (name, type_name)| {
            w.push("CAST(");
            w.dialect.identifier(name, &mut w.out)?;
            w.push(" AS ");
            // The database's own format_type() text, which quotes names itself.
            w.push(type_name);
            w.push(")");
            Ok(())
        })?;
        self.push(" FROM ");
        self.dialect.identifier(staging, &mut self.out)
    }

    /// The left side has one row, so there is one for the empty right side too, with nulls of its types.
    fn column_types(&mut self, select: &Select) -> Result<()> {
        self.push("SELECT ");
        self.comma_separated(&select.columns, |w, column| match column {
            Expr::Column(name) => {
                w.push("pg_catalog.pg_typeof(p.");
                w.dialect.identifier(name, &mut w.out)?;
                w.push(")::pg_catalog.oid");
                Ok(())
            }
            _ => Err(Error::internal("only plain columns have a type to ask for")),
        })?;
        self.push(" FROM (SELECT) o LEFT JOIN (");
        self.write_select(select)?;
        self.push(") p ON TRUE");
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn table(&mut self, schema: Option<&str>, table: &str) -> Result<()> {
        if let Some(schema) = schema {
            self.dialect.identifier(schema, &mut self.out)?;
            self.push(".");
        }
        self.dialect.identifier(table, &mut self.out)
    }

    fn names(&mut self, names: &[String]) -> Result<()> {
        self.push(" (");
        self.comma_separated(names, |w, name| w.dialect.identifier(name, &mut w.out))?;
        self.push(")");
        Ok(())
    }

    fn comma_separated<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T) -> Result<()>) -> Result<()> {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            write(self, item)?;
        }
        Ok(())
    }

    fn filters(&mut self, filters: &[Expr]) -> Result<()> {
        for (i, filter) in filters.iter().enumerate() {
            self.push(if i == 0 { " WHERE " } else { " AND " });
            self.write(filter)?;
        }
        Ok(())
    }

    fn write_select(&mut self, select: &Select) -> Result<()> {
        self.push("SELECT ");
        self.comma_separated(&select.columns, |w, column| w.write(column))?;
        self.push(if select.columns.is_empty() { "FROM " } else { " FROM " });
        if select.only {
            self.push("ONLY ");
        }
        self.table(Some(&select.schema), &select.table)?;
        self.filters(&select.filters)?;
        for (i, key) in select.order.iter().enumerate() {
            self.push(if i == 0 { " ORDER BY " } else { ", " });
            self.write(&key.expr)?;
            self.push(if key.descending { " DESC" } else { " ASC" });
            self.push(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        }
        if let Some(limit) = select.limit {
            self.push(&format!(" LIMIT {limit}"));
        }
        Ok(())
    }

    fn write(&mut self, expr: &Expr) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::unsupported(format!("an expression nested deeper than {DEPTH_MAX} levels stays here")));
        }
        let written = self.write_node(expr);
        self.depth -= 1;
        written
    }

    fn write_node(&mut self, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Column(name) => self.dialect.identifier(name, &mut self.out),
            Expr::Value(value) => self.value(value),
            Expr::Typed(text, type_name) => self.typed(Some(text.clone()), type_name),
            Expr::Cast(inner, type_name) => {
                self.push("CAST(");
                self.write(inner)?;
                self.push(" AS ");
                self.push(type_name);
                self.push(")");
                Ok(())
            }
            Expr::ByteOrder(inner) => {
                self.push("(");
                self.write(inner)?;
                self.dialect.byte_order(&mut self.out);
                self.push(")");
                Ok(())
            }
            Expr::Binary(left, operator, right) => {
                self.push("(");
                self.write(left)?;
                self.push(" ");
                self.push(operator.symbol());
                self.push(" ");
                self.write(right)?;
                self.push(")");
                Ok(())
            }
            Expr::All(parts) => self.chain(parts, " AND ", "TRUE"),
            Expr::Any(parts) => self.chain(parts, " OR ", "FALSE"),
            Expr::Not(inner) => {
                self.push("(NOT ");
                self.write(inner)?;
                self.push(")");
                Ok(())
            }
            Expr::IsNull(inner) => self.suffixed(inner, " IS NULL"),
            Expr::IsNotNull(inner) => self.suffixed(inner, " IS NOT NULL"),
            Expr::IsTrue(inner) => self.suffixed(inner, " IS TRUE"),
            Expr::IsFalse(inner) => self.suffixed(inner, " IS FALSE"),
            Expr::IsUnknown(inner) => self.suffixed(inner, " IS UNKNOWN"),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Like { expr, pattern, escape, negated } => self.like(expr, pattern, *escape, *negated),
            Expr::CountRows => {
                self.push("count(*)");
                Ok(())
            }
            Expr::Blocks(from, to) => {
                self.push(&format!("(ctid >= '({from},0)'::tid"));
                if let Some(to) = to {
                    self.push(&format!(" AND ctid < '({to},0)'::tid"));
                }
                self.push(")");
                Ok(())
            }
        }
    }

    fn chain(&mut self, parts: &[Expr], between: &str, empty: &str) -> Result<()> {
        if parts.is_empty() {
            self.push(empty);
            return Ok(());
        }
        self.push("(");
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                self.push(between);
            }
            self.write(part)?;
        }
        self.push(")");
        Ok(())
    }

    fn suffixed(&mut self, inner: &Expr, suffix: &str) -> Result<()> {
        self.push("(");
        self.write(inner)?;
        self.push(suffix);
        self.push(")");
        Ok(())
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<()> {
        if list.is_empty() {
            // No dialect has an empty list; x IN () is false and x NOT IN () is true, for a null x too.
            self.push(if negated { "TRUE" } else { "FALSE" });
            return Ok(());
        }
        self.push("(");
        self.write(expr)?;
        self.push(if negated { " NOT IN (" } else { " IN (" });
        self.comma_separated(list, |w, element| w.write(element))?;
        self.push("))");
        Ok(())
    }

    fn like(&mut self, expr: &Expr, pattern: &str, escape: char, negated: bool) -> Result<()> {
        let open_escapes = pattern.chars().rev().take_while(|c| *c == escape).count();
        if open_escapes % 2 == 1 {
            return Err(Error::unsupported("a LIKE pattern that ends with its escape character stays here"));
        }
        self.push("(");
        self.write(expr)?;
        self.push(if negated { " NOT LIKE " } else { " LIKE " });
        self.typed(Some(pattern.to_owned()), "text")?;
        self.push(" ESCAPE ");
        self.dialect.text(&escape.to_string(), &mut self.out)?;
        self.push(")");
        Ok(())
    }

    fn value(&mut self, value: &ScalarValue) -> Result<()> {
        let literal = literal(value)?;
        self.typed(literal.text, literal.type_name)
    }

    fn typed(&mut self, text: Option<String>, type_name: &str) -> Result<()> {
        match (self.mode, text) {
            (Mode::Inline, None) => self.push("NULL"),
            (Mode::Inline, Some(text)) => self.dialect.text(&text, &mut self.out)?,
            (Mode::Bind, text) => {
                if self.parameters.len() >= PARAMETERS_MAX {
                    return Err(Error::unsupported(format!("a statement with more than {PARAMETERS_MAX} values")));
                }
                self.parameters.push(text);
                self.dialect.placeholder(self.parameters.len(), &mut self.out);
                if type_name != "text" {
                    self.push("::text");
                }
            }
        }
        self.push("::");
        self.push(type_name);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
