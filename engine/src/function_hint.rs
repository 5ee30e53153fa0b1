//! The function that a statement may have meant, by a name that does not exist.

use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use headwater_common::nearest::nearest;

/// The error with the nearest of all names; DataFusion takes another of equal ones each time.
pub(crate) fn steady(error: DataFusionError, state: &SessionState) -> DataFusionError {
    let Some(name) = missing(&error) else { return error };
    if state.window_functions().contains_key(&name) {
        return DataFusionError::Plan(format!("{name} is a window function: {name}(...) OVER (ORDER BY ...)"));
    }
    let mut names: Vec<&str> = state.scalar_functions().keys().map(String::as_str).collect();
    names.extend(state.aggregate_functions().keys().map(String::as_str));
    names.extend(state.window_functions().keys().map(String::as_str));
    names.sort_unstable();
    DataFusionError::Plan(match nearest(&name, names) {
        Some(near) => format!("Invalid function '{name}'.\nDid you mean '{near}'?"),
        None => format!("Invalid function '{name}'"),
    })
}

/// The name of the function that is not there.
fn missing(error: &DataFusionError) -> Option<String> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => missing(inner),
        DataFusionError::Plan(message) => {
            let name = message.strip_prefix("Invalid function '")?.split_once('\'')?.0;
            Some(name.to_owned())
        }
        _ => None,
    }
}
