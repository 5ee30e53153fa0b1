//! Named constants in a call, read by name and type; what is wrong with one is said with the names or values there are.

use std::fmt;

use datafusion::sql::sqlparser::ast::{Array, Expr, FunctionArg, FunctionArgExpr, UnaryOperator, Value};
use headwater_common::{Error, Result, nearest};

/// One argument that a function takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    /// Its name.
    pub(crate) name: &'static str,
    /// What may stand there, as it completes "must be ...".
    pub(crate) wanted: &'static str,
}

/// A constant of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    /// `'text'`, or a name without quotes.
    Text(String),
    /// `0.95`, `24`, `-1`.
    Number(String),
    /// `true`, `false`.
    Boolean(bool),
    /// `NULL`.
    Null,
    /// `[a, b]`, `ARRAY[a, b]`.
    List(Vec<Constant>),
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number(text) => f.write_str(text),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null => f.write_str("NULL"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// The named arguments of one call.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    function: &'static str,
    specs: &'static [Spec],
    values: Vec<(&'static str, Constant)>,
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.values.iter().map(|(name, value)| format!("{name} => {value}")).collect();
        f.write_str(&parts.join(", "))
    }
}

impl Arguments {
    /// Reads the arguments of a call. `normalize` folds names without quotes.
    pub(crate) fn read(
        function: &'static str,
        specs: &'static [Spec],
        given: Vec<FunctionArg>,
        normalize: impl Fn(&datafusion::sql::sqlparser::ast::Ident) -> String,
    ) -> Result<Self> {
        let mut arguments = Self { function, specs, values: Vec::new() };
        for argument in given {
            let (name, value) = match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
                | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                    (name.value.to_lowercase(), value)
                }
                _ => {
                    return Err(Error::invalid(format!(
                        "{function} takes a table or query and then named arguments, such as {} => ...; it has {}",
                        specs.first().map_or("name", |s| s.name),
                        arguments.names()
                    )));
                }
            };
            let Some(spec) = specs.iter().find(|s| s.name == name) else {
                let near = nearest::nearest(&name, specs.iter().map(|s| s.name));
                let hint = match name.as_str() {
                    "holidays" if specs.iter().any(|s| s.name == "regressors") => {
                        "; name a column that is 1 on holidays and 0 on other days in regressors".to_owned()
                    }
                    _ => near.map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default(),
                };
                let (names, shown) = (arguments.names(), name.chars().take(40).collect::<String>());
                return Err(Error::invalid(format!("{function} has no argument \"{shown}\"{hint}; it has {names}")));
            };
            if arguments.values.iter().any(|(known, _)| *known == spec.name) {
                return Err(Error::invalid(format!("{function} got the argument {name} twice")));
            }
            let constant = constant(&value, &normalize).ok_or_else(|| arguments.wrong(spec.name, "an expression"))?;
            arguments.values.push((spec.name, constant));
        }
        Ok(arguments)
    }

    /// The arguments of another function, of these values; their names must be among its specs.
    pub(crate) fn of(function: &'static str, specs: &'static [Spec], values: Vec<(&'static str, Constant)>) -> Self {
        Self { function, specs, values }
    }

    /// Names that may be given; those that start with `__` are given by the engine alone.
    fn names(&self) -> String {
        self.specs.iter().map(|s| s.name).filter(|name| !name.starts_with("__")).collect::<Vec<_>>().join(", ")
    }

    /// The arguments as they were given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &Constant)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// Name of the function.
    pub(crate) fn function(&self) -> &'static str {
        self.function
    }

    /// The error of an argument that is not what it must be.
    pub(crate) fn wrong(&self, name: &str, given: impl fmt::Display) -> Error {
        let wanted = self.specs.iter().find(|s| s.name == name).map_or("another value", |s| s.wanted);
        let given: String = given.to_string().chars().take(60).collect();
        Error::invalid(format!("{name} of {} must be {wanted}, not {given}", self.function))
    }

    /// The error of an argument that is missing.
    pub(crate) fn missing(&self, name: &str) -> Error {
        let wanted = self.specs.iter().find(|s| s.name == name).map_or("a value", |s| s.wanted);
        Error::invalid(format!("{} needs {name} => {wanted}", self.function))
    }

    /// The constant of an argument; `None` when it is not given.
    pub(crate) fn get(&self, name: &str) -> Option<&Constant> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Constant::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// One text or a list of texts; empty when it is not given.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Constant::List(items)) => items.iter().map(|item| self.text_of(name, item)).collect(),
            Some(one) => Ok(vec![self.text_of(name, one)?]),
        }
    }

    fn text_of<'a>(&self, name: &str, value: &'a Constant) -> Result<&'a str> {
        match value {
            Constant::Text(text) => Ok(text),
            other => Err(self.wrong(name, other)),
        }
    }

    /// One of a few texts; the default when it is not given.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], default: T) -> Result<T> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        let found = choices.iter().find(|(known, _)| *known == text);
        found.map(|(_, value)| *value).ok_or_else(|| self.wrong(name, format!("'{text}'")))
    }

    /// A whole number in a range.
    pub(crate) fn count(&self, name: &str, range: std::ops::RangeInclusive<usize>, default: usize) -> Result<usize> {
        let Some(value) = self.get(name) else { return Ok(default) };
        self.whole(name, value, range)
    }

    /// A whole number in a range, of a constant.
    pub(crate) fn whole(&self, name: &str, value: &Constant, range: std::ops::RangeInclusive<usize>) -> Result<usize> {
        let Constant::Number(text) = value else { return Err(self.wrong(name, value)) };
        text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| self.wrong(name, value))
    }

    /// One number or a list of numbers between 0 and 1, neither of them; empty when it is not given.
    pub(crate) fn shares(&self, name: &str) -> Result<Vec<f64>> {
        let of = |value: &Constant| match value {
            Constant::Number(text) => {
                let number = text.parse().ok().filter(|n: &f64| *n > 0.0 && *n < 1.0);
                number.ok_or_else(|| self.wrong(name, value))
            }
            other => Err(self.wrong(name, other)),
        };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Constant::List(items)) => items.iter().map(of).collect(),
            Some(one) => Ok(vec![of(one)?]),
        }
    }

    /// A finite number of at least `least`.
    pub(crate) fn number(&self, name: &str, least: f64) -> Result<Option<f64>> {
        match self.get(name) {
            None => Ok(None),
            Some(value @ Constant::Number(text)) => {
                let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= least);
                number.map(Some).ok_or_else(|| self.wrong(name, value))
            }
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// True or false.
    pub(crate) fn boolean(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Constant::Boolean(value)) => Ok(*value),
            Some(other) => Err(self.wrong(name, other)),
        }
    }
}

/// The constant that an expression is, if it is one.
fn constant(expr: &Expr, normalize: &impl Fn(&datafusion::sql::sqlparser::ast::Ident) -> String) -> Option<Constant> {
    match expr {
        Expr::Nested(inner) => constant(inner, normalize),
        Expr::Identifier(name) => Some(Constant::Text(normalize(name))),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(Constant::Text(text.clone())),
            Value::DollarQuotedString(text) => Some(Constant::Text(text.value.clone())),
            Value::Number(number, _) => Some(Constant::Number(number.to_string())),
            Value::Boolean(value) => Some(Constant::Boolean(*value)),
            Value::Null => Some(Constant::Null),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match constant(expr, normalize)? {
            Constant::Number(number) => Some(Constant::Number(format!("-{number}"))),
            _ => None,
        },
        Expr::Array(Array { elem, .. }) => {
            let items: Option<Vec<Constant>> = elem.iter().map(|e| constant(e, normalize)).collect();
            items.map(Constant::List)
        }
        _ => None,
    }
}
