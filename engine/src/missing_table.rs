//! "Did you mean" for tables that are not there.

use datafusion::catalog::CatalogProviderList;
use headwater_common::{Error, ErrorKind, nearest};

use crate::catalog::SYSTEM_SCHEMA;

/// Names that are compared; a source may have very many tables.
const NAMES_MAX: usize = 20_000;

/// An error of a table that is not there, with the full name of the one that is most like it.
pub(crate) fn with_hint(error: Error, catalogs: &dyn CatalogProviderList) -> Error {
    let asked = error.message().strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found"));
    let Some(asked) = asked.filter(|_| error.kind() == ErrorKind::NotFound) else { return error };
    let table = asked.rsplit('.').next().unwrap_or(asked);
    let names = names(catalogs);
    // A table of this very name, wherever it is, comes first.
    let same = names.iter().find(|(_, name)| name.eq_ignore_ascii_case(table)).map(|(full, _)| full.as_str());
    let near = || {
        let near = nearest::nearest(table, names.iter().map(|(_, name)| name.as_str()))?;
        names.iter().find(|(_, name)| name == near).map(|(full, _)| full.as_str())
    };
    match same.or_else(near).filter(|found| *found != asked) {
        Some(found) => {
            let message = format!("{}; did you mean {found}?", error.message());
            Error::new(error.kind(), error.origin().clone(), message).retryable(error.is_retryable()).with_cause(error)
        }
        None => error,
    }
}

/// Full and last names of all tables that are known.
fn names(catalogs: &dyn CatalogProviderList) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for catalog in catalogs.catalog_names() {
        let Some(provider) = catalogs.catalog(&catalog) else { continue };
        for schema in provider.schema_names().into_iter().filter(|s| s != SYSTEM_SCHEMA) {
            let tables = provider.schema(&schema).map(|s| s.table_names()).unwrap_or_default();
            names.extend(tables.into_iter().map(|table| (format!("{catalog}.{schema}.{table}"), table)));
            if names.len() >= NAMES_MAX {
                return names;
            }
        }
    }
    names
}
