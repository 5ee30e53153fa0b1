//! The server's settings that answers depend on.
//!
//! Each one has the one value under which the server means what Headwater means. It is sent with every query when the server's
//! own value differs. A user that may not change settings (`readonly = 1`) is served as long as its profile has these values
//! already; where it has others, what depends on them stays here or is refused.

use std::collections::BTreeMap;

use headwater_common::{Error, Result};

/// What a setting decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    /// What filters, counts or orders mean, or whether a result is cut short: nothing may be read under another value.
    Answer,
    /// How large a statement may be and how the server streams: another value is an error, or slower, but never wrong.
    Comfort,
}

use Matter::{Answer, Comfort};

/// Name, value, and what it decides.
const PINNED: &[(&str, &str, Matter)] = &[
    ("transform_null_in", "0", Answer),
    ("join_use_nulls", "1", Answer),
    ("group_by_use_nulls", "0", Answer),
    ("aggregate_functions_null_for_empty", "0", Answer),
    ("empty_result_for_aggregation_by_empty_set", "0", Answer),
    ("cast_keep_nullable", "0", Answer),
    ("decimal_check_overflow", "1", Answer),
    ("count_distinct_implementation", "uniqExact", Answer),
    ("union_default_mode", "", Answer),
    ("prefer_column_name_to_alias", "0", Answer),
    ("join_default_strictness", "ALL", Answer),
    ("any_join_distinct_right_table_keys", "0", Answer),
    ("distributed_product_mode", "deny", Answer),
    ("limit", "0", Answer),
    ("offset", "0", Answer),
    ("final", "0", Answer),
    ("skip_unavailable_shards", "0", Answer),
    ("optimize_move_to_prewhere_if_final", "0", Answer),
    ("result_overflow_mode", "throw", Answer),
    ("read_overflow_mode", "throw", Answer),
    ("read_overflow_mode_leaf", "throw", Answer),
    ("timeout_overflow_mode", "throw", Answer),
    ("timeout_overflow_mode_leaf", "throw", Answer),
    ("set_overflow_mode", "throw", Answer),
    ("group_by_overflow_mode", "throw", Answer),
    ("sort_overflow_mode", "throw", Answer),
    ("distinct_overflow_mode", "throw", Answer),
    ("join_overflow_mode", "throw", Answer),
    ("transfer_overflow_mode", "throw", Answer),
    ("output_format_arrow_low_cardinality_as_dictionary", "0", Answer),
    ("output_format_arrow_string_as_string", "0", Comfort),
    ("output_format_arrow_fixed_string_as_fixed_byte_array", "1", Answer),
    ("output_format_arrow_date_as_uint16", "0", Answer),
    ("http_write_exception_in_output_format", "0", Comfort),
    ("cancel_http_readonly_queries_on_client_close", "1", Comfort),
    ("wait_end_of_query", "0", Comfort),
    ("http_response_buffer_size", "0", Comfort),
    ("buffer_size", "1048576", Comfort),
    ("max_query_size", "67108864", Comfort),
    ("max_ast_elements", "10000000", Comfort),
    ("max_expanded_ast_elements", "10000000", Comfort),
    ("max_ast_depth", "10000", Comfort),
    ("max_parser_depth", "10000", Comfort),
];

/// The setting that switches the query analyzer on.
const ANALYZER: &str = "enable_analyzer";
/// A setting that servers have from version 25.4 on.
const NEW_ENOUGH: &str = "allow_experimental_correlated_subqueries";

/// Settings that the connector sets itself.
const OWN: &[&str] = &["readonly", "query_id", "query", "database", "default_format", "user", "password", "role"];

/// What is known of the server's settings for this user.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerSettings {
    /// Sent with every query.
    pub(crate) sent: Vec<(String, String)>,
    /// Settings of the user's profile that change answers and cannot be changed.
    pub(crate) foreign: Vec<String>,
    /// Whether the user may change settings at all.
    pub(crate) restricted: bool,
    /// Whether the server has the query analyzer whose joins are relied on.
    pub(crate) analyzer: bool,
}

/// Reads `name=value, name=value`.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(Error::configuration("option \"settings\" must be name=value, separated by commas"));
        };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        let known = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
        if !known || name.starts_with("param_") {
            return Err(Error::configuration(format!("option \"settings\": {name:?} is no setting's name")));
        }
        let answers = PINNED.iter().any(|(n, _, matter)| *n == name && *matter == Answer);
        if answers || OWN.contains(&name.as_str()) {
            let message = format!("option \"settings\": {name} has one value that Headwater relies on and cannot be set");
            return Err(Error::configuration(message));
        }
        found.push((name, value));
    }
    Ok(found)
}

/// Names of the settings whose values [`ServerSettings::new`] needs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PINNED.iter().map(|(name, _, _)| *name).chain([
        "readonly",
        "output_format_arrow_compression_method",
        ANALYZER,
        NEW_ENOUGH,
    ])
}

impl ServerSettings {
    /// What to send, from the server's own values: name, value, and whether this user may not change it.
    pub(crate) fn new(
        server: &BTreeMap<String, (String, bool)>,
        compression: &'static str,
        of_user: &[(String, String)],
    ) -> Self {
        let mut found = Self::default();
        let readonly = server.get("readonly").map_or("0", |(value, _)| value.as_str());
        found.restricted = readonly == "1";
        let on = server.get(ANALYZER).is_some_and(|(value, _)| value == "1");
        let switched_off = of_user.iter().any(|(name, _)| name.ends_with("_analyzer"));
        found.analyzer = on && !switched_off && server.contains_key(NEW_ENOUGH);
        let wanted = PINNED.iter().copied().chain([("output_format_arrow_compression_method", compression, Comfort)]);
        for (name, value, matter) in wanted {
            // An older server without a setting behaves as the pinned value says or is refused by its answers.
            let Some((current, fixed)) = server.get(name) else { continue };
            if current == value || of_user.iter().any(|(n, _)| n == name) {
                continue;
            }
            if !fixed && !found.restricted {
                found.sent.push((name.to_owned(), value.to_owned()));
            } else if matter == Answer && name != "join_use_nulls" {
                found.foreign.push(name.to_owned());
            }
        }
        found.sent.extend(of_user.iter().cloned());
        if readonly == "0" && !found.restricted {
            // A read cannot change anything, and the server may end it when the connection is closed.
            found.sent.push(("readonly".to_owned(), "2".to_owned()));
        }
        found
    }

    /// The settings for a statement that changes something.
    pub(crate) fn for_writing(&self) -> impl Iterator<Item = &(String, String)> {
        self.sent.iter().filter(|(name, _)| name != "readonly" && !name.starts_with("output_format"))
    }

    /// An error when the user's profile changes what an answer means.
    pub(crate) fn check(&self, source: &str) -> Result<()> {
        if self.foreign.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the user may not change the setting {} and its value changes answers; set it to its default in the user's \
             profile or allow the user to change it",
            self.foreign.join(", ")
        );
        Err(Error::configuration(message).from_source(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(values: &[(&str, &str, bool)]) -> BTreeMap<String, (String, bool)> {
        values.iter().map(|(n, v, fixed)| ((*n).to_owned(), ((*v).to_owned(), *fixed))).collect()
    }

    #[test]
    fn only_what_differs_is_sent() {
        let values = [("transform_null_in", "1", false), ("limit", "0", false), ("readonly", "0", false)];
        let found = ServerSettings::new(&server(&values), "zstd", &[]);
        let pairs: Vec<_> = found.sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("transform_null_in", "0"), ("readonly", "2")]);
        assert!(found.check("s").is_ok());
    }

    #[test]
    fn a_fixed_setting_that_changes_answers_is_refused() {
        let values = [("readonly", "1", true), ("limit", "5", true), ("max_query_size", "1", true)];
        let found = ServerSettings::new(&server(&values), "lz4_frame", &[]);
        assert!(found.restricted && found.sent.is_empty());
        assert!(found.check("s").unwrap_err().to_string().contains("limit"));
    }
}
