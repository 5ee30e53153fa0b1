//! A table of named columns, column by column.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_common::{Error, Result};

/// Code of a value that is missing.
pub const MISSING: u32 = u32::MAX;

/// Values out of a set of names, each as the place of its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    codes: Vec<u32>,
    /// Shared by parts of a table: cutting rows does not copy names.
    names: Arc<Vec<String>>,
}

impl Categories {
    /// Categories by code; [`MISSING`] stands for none. Errors: a code without a name.
    pub fn new(codes: Vec<u32>, names: Vec<String>) -> Result<Self> {
        match codes.iter().all(|c| *c == MISSING || (*c as usize) < names.len()) {
            true => Ok(Self { codes, names: Arc::new(names) }),
            false => Err(Error::internal("a category has no name")),
        }
    }

    /// The categories of texts; names are in order, whatever the order of the rows. O(n log n).
    pub fn of_texts<T: AsRef<str>>(texts: &[Option<T>]) -> Self {
        let mut place: BTreeMap<&str, u32> = texts.iter().flatten().map(|t| (t.as_ref(), 0)).collect();
        place.values_mut().zip(0..).for_each(|(place, code)| *place = code);
        let code = |text: &Option<T>| text.as_ref().and_then(|t| place.get(t.as_ref()).copied()).unwrap_or(MISSING);
        let codes = texts.iter().map(code).collect();
        Self { codes, names: Arc::new(place.keys().map(|&name| name.to_owned()).collect()) }
    }

    /// The code of each row.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The name of each code.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a row's category.
    pub fn name(&self, row: usize) -> Option<&str> {
        self.names.get(self.codes[row] as usize).map(String::as_str)
    }
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Names out of a set.
    Categories(Categories),
    /// Wall time in microseconds since 1970-01-01.
    Times(Vec<Option<i64>>),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(x) => x.len(),
            Self::Categories(x) => x.codes.len(),
            Self::Times(x) => x.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the values are, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "numbers",
            Self::Categories(_) => "texts",
            Self::Times(_) => "times",
        }
    }

    /// The values of some rows, in the order given.
    pub fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(x) => Self::Numbers(rows.iter().map(|&r| x[r]).collect()),
            Self::Categories(x) => {
                let codes = rows.iter().map(|&r| x.codes[r]).collect();
                Self::Categories(Categories { codes, names: Arc::clone(&x.names) })
            }
            Self::Times(x) => Self::Times(rows.iter().map(|&r| x[r]).collect()),
        }
    }
}

/// A column: its name and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// One value a row.
    pub values: Values,
}

impl Column {
    /// A column of numbers.
    pub fn numbers(name: &str, values: Vec<f64>) -> Self {
        Self { name: name.to_owned(), values: Values::Numbers(values) }
    }

    /// A column of texts.
    pub fn texts<T: AsRef<str>>(name: &str, values: &[Option<T>]) -> Self {
        Self { name: name.to_owned(), values: Values::Categories(Categories::of_texts(values)) }
    }

    /// A column of times, microseconds since 1970-01-01.
    pub fn times(name: &str, values: Vec<Option<i64>>) -> Self {
        Self { name: name.to_owned(), values: Values::Times(values) }
    }
}

/// Columns of equal length with different names.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// A table. Errors: lengths differ, or a name is there twice.
    pub fn new(columns: Vec<Column>) -> Result<Self> {
        let rows = columns.first().map_or(0, |c| c.values.len());
        for (at, column) in columns.iter().enumerate() {
            if column.values.len() != rows {
                return Err(Error::internal(format!("column {} has another number of rows than the first", column.name)));
            }
            if columns[..at].iter().any(|c| c.name == column.name) {
                return Err(Error::invalid(format!("column {} is there twice; name the columns differently", column.name)));
            }
        }
        Ok(Self { columns, rows })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of a column, if there is one of this name.
    pub fn find(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|c| c.name == name).map(|c| &c.values)
    }

    /// The values of a column. Errors: there is none of this name; the message lists those there are.
    pub fn values(&self, name: &str) -> Result<&Values> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
            Error::invalid(format!("there is no column {name}; there are {}", names.join(", ")))
        })
    }

    /// The numbers of a column. Errors: there is none of this name, or it has no numbers.
    pub fn numbers(&self, name: &str) -> Result<&[f64]> {
        match self.values(name)? {
            Values::Numbers(x) => Ok(x),
            other => Err(Error::invalid(format!("column {name} has {}, not numbers", other.kind()))),
        }
    }

    /// Some rows, in the order given.
    pub fn take(&self, rows: &[usize]) -> Self {
        let take = |c: &Column| Column { name: c.name.clone(), values: c.values.take(rows) };
        Self { columns: self.columns.iter().map(take).collect(), rows: rows.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_kind() {
        let columns = vec![
            Column::numbers("a", vec![1.0, f64::NAN]),
            Column::texts("b", &[Some("y"), None]),
            Column::times("t", vec![Some(0), None]),
        ];
        let table = Table::new(columns.clone()).unwrap();
        assert!(table.numbers("b").unwrap_err().message().contains("has texts"));
        assert!(table.values("c").unwrap_err().message().contains("there are a, b, t"));
        assert_eq!(table.take(&[1, 1, 0]).rows(), 3);
        assert!(Table::new([columns.clone(), vec![Column::numbers("a", vec![0.0; 2])]].concat()).is_err());
        assert!(Table::new([columns, vec![Column::numbers("d", vec![0.0])]].concat()).is_err());
        assert!(Categories::new(vec![0, 1], vec!["x".into()]).is_err());
    }
}
