//! Writes expressions, blocks and statements as text.

use datafusion::common::ScalarValue;
use headwater_common::{Error, Result};

use crate::dialect::Dialect;
use crate::expr::{Expr, Operator};
use crate::literal::Literal;
use crate::select::{Query, Select};
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

    /// Writes a query.
    pub fn query(mut self, query: &Query) -> Result<Self> {
        self.query_node(query)?;
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
            Statement::CopyText(text) => {
                self.push("COPY (");
                self.push(text);
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
        self.conditions(" WHERE ", filters)
    }

    fn conditions(&mut self, clause: &str, conditions: &[Expr]) -> Result<()> {
        for (i, condition) in conditions.iter().enumerate() {
            self.push(if i == 0 { clause } else { " AND " });
            self.write(condition)?;
        }
        Ok(())
    }

    fn write(&mut self, expr: &Expr) -> Result<()> {
        self.nested(|w| w.write_node(expr))
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::unsupported(format!("an expression nested deeper than {DEPTH_MAX} levels stays here")));
        }
        let written = write(self);
        self.depth -= 1;
        written
    }

    fn write_node(&mut self, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Column(name) => self.dialect.identifier(name, &mut self.out),
            Expr::Field(item, name) => {
                self.item(*item)?;
                self.push(".");
                self.dialect.identifier(name, &mut self.out)
            }
            Expr::Output(item, column) => {
                self.item(*item)?;
                self.push(".");
                self.output(*column)
            }
            Expr::Value(value) => self.value(value),
            Expr::Typed(text, type_name) => self.typed(Some(text.clone()), type_name),
            Expr::CheckedCast(inner, type_name) if self.dialect.checked_cast().is_some() => {
                self.push(self.dialect.checked_cast().unwrap_or_default());
                self.around("(", inner, ", ")?;
                self.dialect.text(type_name, &mut self.out)?;
                self.push(")");
                Ok(())
            }
            Expr::Cast(inner, type_name) | Expr::CheckedCast(inner, type_name) => {
                self.around("CAST(", inner, " AS ")?;
                self.push(type_name);
                self.push(")");
                Ok(())
            }
            Expr::ByteOrder(inner) => {
                self.around("(", inner, "")?;
                self.dialect.byte_order(&mut self.out);
                self.push(")");
                Ok(())
            }
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right),
            Expr::All(parts) => self.chain(parts, " AND ", "TRUE"),
            Expr::Any(parts) => self.chain(parts, " OR ", "FALSE"),
            Expr::Not(inner) => self.around("(NOT ", inner, ")"),
            Expr::IsNull(inner) => self.suffixed(inner, " IS NULL"),
            Expr::IsNotNull(inner) => self.suffixed(inner, " IS NOT NULL"),
            Expr::IsTrue(inner) if self.dialect.has_truth_tests() => self.suffixed(inner, " IS TRUE"),
            Expr::IsFalse(inner) if self.dialect.has_truth_tests() => self.suffixed(inner, " IS FALSE"),
            Expr::IsUnknown(inner) if self.dialect.has_truth_tests() => self.suffixed(inner, " IS UNKNOWN"),
            Expr::IsTrue(inner) => self.around("coalesce(", inner, ", FALSE)"),
            Expr::IsFalse(inner) => self.around("coalesce((NOT ", inner, "), FALSE)"),
            Expr::IsUnknown(inner) => self.suffixed(inner, " IS NULL"),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Like { expr, pattern, escape, negated } => self.like(expr, pattern, *escape, *negated),
            Expr::CountRows => {
                self.push("count(*)");
                Ok(())
            }
            Expr::Call(function, arguments) => {
                self.push(function);
                self.push("(");
                self.comma_separated(arguments, |w, argument| w.write(argument))?;
                self.push(")");
                Ok(())
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Window(window) => self.window(window),
            Expr::Case { branches, otherwise } => self.case(branches, otherwise.as_deref()),
            Expr::Exists { query, negated } => {
                self.around_query(if *negated { "(NOT EXISTS (" } else { "(EXISTS (" }, query, "))")
            }
            Expr::InQuery { exprs, query, negated } => self.in_query(exprs, query, *negated),
            Expr::Scalar(query) => self.around_query("(", query, ")"),
            Expr::Blocks { item, from, to } => self.blocks(*item, *from, *to),
        }
    }

    fn binary(&mut self, left: &Expr, operator: Operator, right: &Expr) -> Result<()> {
        match operator {
            Operator::IsDistinctFrom if !self.dialect.has_truth_tests() => {
                self.push("(NOT ");
                self.same(left, right)?;
            }
            Operator::IsNotDistinctFrom if !self.dialect.has_truth_tests() => return self.same(left, right),
            _ => {
                self.around("(", left, " ")?;
                self.push(operator.symbol());
                self.push(" ");
                self.write(right)?;
            }
        }
        self.push(")");
        Ok(())
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
        let literals: Option<Vec<Literal>> = list.iter().map(|element| self.literal_of(element)).collect();
        let literals = literals.unwrap_or_default();
        if let Some((text, type_name)) = self.dialect.array(&literals) {
            self.push(if negated { " <> ALL (" } else { " = ANY (" });
            self.typed(Some(text), &type_name)?;
            self.push("))");
            return Ok(());
        }
        self.push(if negated { " NOT IN (" } else { " IN (" });
        if self.dialect.constant_list(&literals, &mut self.out)? {
            self.push("))");
            return Ok(());
        }
        self.comma_separated(list, |w, element| match element {
            Expr::Value(value) if w.dialect.list_element(value, &mut w.out)? => Ok(()),
            other => w.write(other),
        })?;
        self.push("))");
        Ok(())
    }

    /// A value that is not NULL.
    fn literal_of(&self, expr: &Expr) -> Option<Literal> {
        match expr {
            Expr::Value(value) => self.dialect.literal(value).ok().filter(|literal| literal.text.is_some()),
            Expr::Typed(text, type_name) => Some(Literal::new(Some(text.clone()), type_name.clone())),
            _ => None,
        }
    }

    fn like(&mut self, expr: &Expr, pattern: &str, escape: char, negated: bool) -> Result<()> {
        let open_escapes = pattern.chars().rev().take_while(|c| *c == escape).count();
        if open_escapes % 2 == 1 {
            return Err(Error::unsupported("a LIKE pattern that ends with its escape character stays here"));
        }
        self.push("(");
        self.write(expr)?;
        self.push(if negated { " NOT LIKE " } else { " LIKE " });
        self.typed(Some(pattern.to_owned()), self.dialect.text_type())?;
        self.dialect.like_escape(escape, &mut self.out)?;
        self.push(")");
        Ok(())
    }

    fn value(&mut self, value: &ScalarValue) -> Result<()> {
        let literal = self.dialect.literal(value)?;
        let (before, after) = if literal.text.is_some() { literal.around } else { ("", "") };
        self.push(before);
        self.typed(literal.text, &literal.type_name)?;
        self.push(after);
        Ok(())
    }

    fn typed(&mut self, text: Option<String>, type_name: &str) -> Result<()> {
        if self.mode == Mode::Inline || (text.is_none() && !self.dialect.binds_null()) {
            return self.dialect.typed(text.as_deref(), type_name, &mut self.out);
        }
        if self.parameters.len() >= PARAMETERS_MAX {
            return Err(Error::unsupported(format!("a statement with more than {PARAMETERS_MAX} values")));
        }
        self.parameters.push(text);
        self.dialect.placeholder(self.parameters.len(), type_name, &mut self.out);
        Ok(())
    }

    /// `IS NOT DISTINCT FROM` where the database has no such operator; never null.
    fn same(&mut self, left: &Expr, right: &Expr) -> Result<()> {
        self.push("coalesce((");
        self.write(left)?;
        self.push(" = ");
        self.write(right)?;
        self.push("), ((");
        self.write(left)?;
        self.push(" IS NULL) AND (");
        self.write(right)?;
        self.push(" IS NULL)))");
        Ok(())
    }

    fn around_query(&mut self, before: &str, query: &Query, after: &str) -> Result<()> {
        self.push(before);
        self.query_node(query)?;
        self.push(after);
        Ok(())
    }

    fn around(&mut self, before: &str, inner: &Expr, after: &str) -> Result<()> {
        self.push(before);
        self.write(inner)?;
        self.push(after);
        Ok(())
    }
}

mod query;

#[cfg(test)]
mod tests;
