//! Differences that are agreed, each with its reason; the page `docs/reference/differences.md` lists them too.

use crate::rows::Outcome;
use crate::universe::TOO_LONG;

/// Who is compared with Headwater's reference route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// Another route through Headwater.
    Headwater,
    /// A related query on the same route; both outcomes are Headwater's.
    Related,
    DuckDb,
    Postgres,
}

/// An agreed difference.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// Its title in the page.
    pub(crate) name: &'static str,
    applies: fn(Against, &Outcome, &Outcome) -> bool,
}

fn error_has(outcome: &Outcome, parts: &[&str]) -> bool {
    outcome.as_ref().err().is_some_and(|message| parts.iter().any(|part| message.contains(part)))
}

/// Messages with which a query is refused that others compute.
const REFUSALS: &[&str] = &[
    "cannot be computed at its place",
    "from outside otherwise than by =",
    "is not a column of the query right around it",
    "Valid fields are __correlated_sq",
    "subquery can only be used in",
    "null_aware anti join only supports",
    "not implemented",
    "not support",
    "does not satisfy order requirements",
    "Invalid comparison operation: Decimal",
    "Schema contains duplicate unqualified field name",
    "Physical input schema should be the same",
    "Fail to find the coerced type",
    "Selectivity is out of limit",
    "Correlated scalar subquery must be aggregated",
    "Correlated scalar subquery can only be used in",
];

/// Messages of results that do not fit their types.
const OVERFLOWS: &[&str] = &["integer overflow", "decimal overflow"];

/// Whether an outcome is a query that is refused.
fn refused(outcome: &Outcome) -> bool {
    let beyond = |message: &String| message.contains("Timestamp ") && message.contains(" out of range");
    error_has(outcome, REFUSALS) || outcome.as_ref().err().is_some_and(beyond)
}

/// The list. A difference between two routes of Headwater's is never agreed unless one of them refuses.
pub(crate) const AGREED: &[Agreed] = &[
    Agreed {
        name: "Integer overflow",
        applies: |against, ours, theirs| {
            let other = matches!(against, Against::DuckDb | Against::Postgres);
            error_has(ours, OVERFLOWS)
                || (!other && error_has(theirs, OVERFLOWS))
                || (other && error_has(theirs, &["out of range", "Overflow in", "Out of Range Error"]))
        },
    },
    Agreed {
        name: "Refused queries",
        applies: |against, ours, theirs| {
            let own = matches!(against, Against::Headwater | Against::Related);
            refused(ours) || (own && refused(theirs))
        },
    },
    Agreed {
        name: "FULL JOIN without an equality",
        applies: |against, _, theirs| {
            against == Against::Postgres && error_has(theirs, &["FULL JOIN is only supported with"])
        },
    },
    Agreed {
        name: "Limits",
        applies: |against, ours, theirs| {
            matches!(against, Against::Headwater | Against::Related)
                && (error_has(theirs, &["limits.memory_bytes"]) || error_has(ours, &["limits.memory_bytes"]))
        },
    },
    Agreed { name: "Time", applies: |_, ours, theirs| error_has(ours, &[TOO_LONG]) || error_has(theirs, &[TOO_LONG]) },
];

/// The agreed difference that explains two outcomes.
pub(crate) fn agreed(against: Against, ours: &Outcome, theirs: &Outcome) -> Option<&'static str> {
    AGREED.iter().find(|a| (a.applies)(against, ours, theirs)).map(|a| a.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    #[test]
    fn every_agreed_difference_is_documented() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/differences.md"));
        let page = page.unwrap();
        for agreed in AGREED {
            assert!(page.contains(&format!("## {}\n", agreed.name)), "{} is not documented", agreed.name);
        }
    }

    #[test]
    fn rows_against_other_rows_are_never_agreed() {
        let (one, none) = (Ok(Rows(vec![vec![None]])), Ok(Rows(Vec::new())));
        for against in [Against::Headwater, Against::Related, Against::DuckDb, Against::Postgres] {
            assert_eq!(agreed(against, &one, &none), None);
        }
        let overflow = Err("bigint out of range".to_owned());
        assert_eq!(agreed(Against::Postgres, &one, &overflow), Some("Integer overflow"));
        assert_eq!(agreed(Against::Headwater, &one, &overflow), None);
        let ours = Err("integer overflow: the result of + does not fit the type Int64".to_owned());
        assert_eq!(agreed(Against::DuckDb, &ours, &one), Some("Integer overflow"));
        assert_eq!(agreed(Against::Headwater, &one, &ours), Some("Integer overflow"));
        assert_eq!(agreed(Against::Postgres, &one, &ours), None);
    }
}
