//! Features as models see them: numbers, column by column.

use headwater_common::{Error, Result};

/// Most categories of a feature that trees split as sets.
pub const CATEGORIES_MAX: u32 = 254;

/// Most features of a model.
pub const FEATURES_MAX: usize = 1 << 20;

/// How the numbers of a feature are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Larger and smaller have a meaning; NaN is missing.
    Numeric,
    /// Codes 0, 1, ... below this number, without an order; NaN is missing.
    Category(u32),
}

/// A matrix of features, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    names: Vec<String>,
    kinds: Vec<Kind>,
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Features {
    /// Features. Errors: lengths differ, a feature has more than [`CATEGORIES_MAX`] categories, or there are more than
    /// [`FEATURES_MAX`].
    pub fn new(rows: usize, features: Vec<(String, Kind, Vec<f64>)>) -> Result<Self> {
        if features.len() > FEATURES_MAX {
            return Err(Error::invalid(format!("the rows have more than {FEATURES_MAX} features")));
        }
        let mut new = Self { names: Vec::new(), kinds: Vec::new(), columns: Vec::new(), rows };
        for (name, kind, column) in features {
            if column.len() != rows {
                return Err(Error::internal(format!("feature {name} has another number of rows")));
            }
            if matches!(kind, Kind::Category(n) if n > CATEGORIES_MAX) {
                return Err(Error::invalid(format!("feature {name} has more than {CATEGORIES_MAX} categories")));
            }
            new.names.push(name);
            new.kinds.push(kind);
            new.columns.push(column);
        }
        Ok(new)
    }

    /// Features of numbers without names.
    pub fn of_numbers(columns: Vec<Vec<f64>>) -> Result<Self> {
        let rows = columns.first().map_or(0, Vec::len);
        Self::new(rows, columns.into_iter().enumerate().map(|(i, c)| (format!("x{i}"), Kind::Numeric, c)).collect())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Name of each feature.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Kind of each feature.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The values, one slice a feature.
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// Some rows, in the order given.
    pub fn take(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|c| rows.iter().map(|&r| c[r]).collect()).collect();
        Self { names: self.names.clone(), kinds: self.kinds.clone(), columns, rows: rows.len() }
    }

    /// The same features with one column replaced; it must have the same length.
    pub fn with_column(&self, feature: usize, column: Vec<f64>) -> Self {
        let mut new = self.clone();
        new.columns[feature] = column;
        new
    }

    /// Errors: another number of features than a model was fitted with, or categories where it had numbers.
    pub(crate) fn check_width(&self, width: usize) -> Result<()> {
        match self.width() == width {
            true => Ok(()),
            false => Err(Error::invalid(format!("the model has {width} features, the rows have {}", self.width()))),
        }
    }
}
