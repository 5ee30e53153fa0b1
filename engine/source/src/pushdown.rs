//! Whether a source may compute a part of a query.

use datafusion::logical_expr::TableProviderFilterPushDown;

/// A source's answer about a filter or a sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// Same result at the source and here, for every value.
    Exact,
    /// The source returns at least the right rows; they are checked again here.
    Superset,
    /// Stays here, for a reason a user understands.
    No(String),
}

impl Support {
    /// A refusal with its reason.
    pub fn no(reason: impl Into<String>) -> Self {
        Self::No(reason.into())
    }

    /// Whether the source computes the exact result.
    pub fn is_exact(&self) -> bool {
        *self == Self::Exact
    }

    /// The weaker of two answers, for parts that are combined with AND.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No(reason), _) | (_, Self::No(reason)) => Self::No(reason),
            (Self::Superset, _) | (_, Self::Superset) => Self::Superset,
            _ => Self::Exact,
        }
    }

    /// As DataFusion's answer.
    pub fn to_datafusion(&self) -> TableProviderFilterPushDown {
        match self {
            Self::Exact => TableProviderFilterPushDown::Exact,
            Self::Superset => TableProviderFilterPushDown::Inexact,
            Self::No(_) => TableProviderFilterPushDown::Unsupported,
        }
    }
}
