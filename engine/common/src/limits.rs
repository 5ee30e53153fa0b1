//! Every limit, once: its name, its default and what it bounds.

use crate::error::{Error, Result};
use crate::nearest;

/// One limit as data, for `system.settings` and the reference page.
#[derive(Debug, Clone, Copy)]
pub struct LimitSetting {
    /// Name below `limits.`.
    pub name: &'static str,
    /// Default; 0 stands for "no limit".
    pub default: u64,
    /// What it bounds, in one sentence with the unit.
    pub description: &'static str,
    /// Whether a session may lower it with `SET`.
    pub session: bool,
}

macro_rules! limits {
    ($($name:ident = $default:expr, $session:expr, $doc:expr;)*) => {
        /// All limits. A value of 0 stands for "no limit".
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Every limit, in order of declaration.
            pub const SETTINGS: &'static [LimitSetting] = &[
                $(LimitSetting { name: stringify!($name), default: $default, description: $doc, session: $session },)*
            ];

            /// The limit's value, by its name below `limits.`.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name { $(stringify!($name) => Some(self.$name),)* _ => None }
            }

            fn slot(&mut self, name: &str) -> Option<&mut u64> {
                match name { $(stringify!($name) => Some(&mut self.$name),)* _ => None }
            }
        }
    };
}

limits! {
    statement_bytes = 1 << 20, true, "Longest statement text, in bytes.";
    tokens = 400_000, true, "Most tokens in one statement.";
    nesting = 50, true, "Deepest nesting of parentheses, subqueries and function calls in a statement.";
    terms = 20_000, true, "Most operators chained in one expression without parentheses, such as a = 1 OR a = 2 OR ...";
    operators = 300, true, "Most operators other than AND and OR chained without parentheses, such as 1 + 1 + ...";
    in_list = 100_000, true, "Most elements in one IN list.";
    unions = 200, true, "Most set operations (UNION, INTERSECT, EXCEPT) in one statement.";
    joins = 100, true, "Most tables in the FROM clauses of one statement.";
    relations = 1_000, true, "Most tables that a statement reads, counted once for each place in which a WITH query is named.";
    grouping_sets = 4_096, true, "Most grouping sets that GROUP BY with CUBE, ROLLUP and GROUPING SETS may make.";
    recursion_rounds = 1_000_000, true, "Most rounds of a recursive query; 0 is no limit.";
    plan_time_ms = 10_000, true, "Longest time to plan a statement, in milliseconds.";
    query_time_ms = 0, true, "Longest run time of a statement, in milliseconds; 0 is no limit.";
    result_rows = 0, true, "Most rows that a query may return; 0 is no limit.";
    value_bytes = 16 << 20, true, "Largest value that functions such as repeat, lpad and range may build, in bytes.";
    memory_bytes = 0, false, "Memory that all queries together may reserve, in bytes; 0 is half of the machine's memory.";
    query_memory_bytes = 0, true, "Memory that one query may reserve, in bytes; 0 is the whole of memory_bytes.";
    spill_bytes = 100 << 30, false, "Most bytes of temporary files that queries may spill to disk.";
    source_rows = 0, true, "Most rows that one scan may read from a remote source; 0 is no limit.";
    source_bytes = 0, true, "Most bytes (as Arrow) that one scan may read from a remote source; 0 is no limit.";
    source_time_ms = 0, true, "Longest time that one scan may read from a remote source, in milliseconds; 0 is no limit.";
    decompression_ratio = 200, true, "Most bytes that one byte of a compressed file may become beyond the first 64 MiB; 0 is no limit.";
    concurrent_queries = 64, false, "Most queries that run at the same time; others wait.";
    sessions = 10_000, false, "Most open sessions.";
    prepared_statements = 1_000, false, "Most prepared statements in one session.";
    message_bytes = 4_194_304, false, "Largest Flight message that is sent, in bytes as encoded.";
    message_receive_bytes = 16 << 20, false, "Largest Flight message that is accepted, in bytes.";
}

impl Limits {
    /// Sets a limit by its name below `limits.`; an unknown name is an error with the nearest known one.
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        match self.slot(name) {
            Some(slot) => {
                *slot = value;
                Ok(())
            }
            None => Err(unknown(name)),
        }
    }

    /// Lowers a limit for a session. Raising it above `ceiling`'s value, or naming one that a session may not change, is refused.
    pub fn lower(&mut self, name: &str, value: u64, ceiling: &Limits) -> Result<()> {
        let setting = Self::SETTINGS.iter().find(|s| s.name == name).ok_or_else(|| unknown(name))?;
        if !setting.session {
            return Err(Error::denied(format!("limits.{name} can be changed in the configuration only")));
        }
        let most = ceiling.get(name).unwrap_or(0);
        if most != 0 && (value == 0 || value > most) {
            return Err(Error::denied(format!("limits.{name} can be lowered but not raised above {most}")));
        }
        self.set(name, value)
    }

    /// An error when `value` is over the limit `name` of value `limit`; 0 is no limit.
    pub fn check(what: &str, value: u64, limit: u64, name: &str) -> Result<()> {
        if limit != 0 && value > limit {
            return Err(Error::limit(format!("{what}: {value} is over the limit of {limit}"), &format!("limits.{name}")));
        }
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    let known = Limits::SETTINGS.iter().map(|s| s.name);
    Error::configuration(format!("unknown limit limits.{name}{}", nearest::hint(name, known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_session_lowers_but_never_raises() {
        let ceiling = Limits::default();
        let mut session = ceiling.clone();
        session.lower("terms", 10, &ceiling).unwrap();
        assert_eq!(session.terms, 10);
        session.lower("terms", 20, &ceiling).unwrap();
        assert_eq!(session.lower("terms", 1 << 40, &ceiling).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert!(session.lower("terms", 0, &ceiling).is_err(), "0 is no limit, so it raises");
        assert!(session.lower("memory_bytes", 1, &ceiling).is_err());
        session.lower("source_rows", 5, &ceiling).unwrap();
    }

    #[test]
    fn an_unknown_limit_names_the_nearest() {
        let text = Limits::default().set("statment_bytes", 1).unwrap_err().to_string();
        assert!(text.contains("did you mean \"statement_bytes\""), "{text}");
    }
}
