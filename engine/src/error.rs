//! DataFusion's errors as Headwater's: what went wrong, without internals.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use headwater_common::{Error, ErrorKind, Origin};
use headwater_source::error::find;
use headwater_source::redact::without_values_but;

/// Turns any error of planning or running a query into Headwater's.
pub fn classify(error: DataFusionError) -> Error {
    classified(error, &|_| false)
}

/// The error of a statement, with the values in it that are words of the statement.
pub(crate) fn of_statement(error: Error, sql: &str) -> Error {
    let Some(cause) = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<DataFusionError>()) else {
        return error;
    };
    if find(cause).is_some() || error.kind() != ErrorKind::InvalidInput {
        return error;
    }
    let words = words(sql);
    let own = |word: &str| words.iter().any(|own| own.eq_ignore_ascii_case(word));
    let message = describe(cause, &own).1;
    Error::new(error.kind(), error.origin().clone(), message).retryable(error.is_retryable()).with_cause(error)
}

/// The texts, numbers and names of a statement.
fn words(sql: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let word = |token| match token {
        Token::SingleQuotedString(text) | Token::Number(text, _) => Some(text),
        Token::Word(word) => Some(word.value),
        _ => None,
    };
    tokens.into_iter().filter_map(word).filter(|word| !word.is_empty()).collect()
}

fn classified(error: DataFusionError, own: &dyn Fn(&str) -> bool) -> Error {
    if let Some(found) = find(&error) {
        let copy = Error::new(found.kind(), found.origin().clone(), found.message()).retryable(found.is_retryable());
        return copy.with_cause(error);
    }
    let (kind, message) = match error.to_string() {
        text if text.contains("max_temp_directory_size") => {
            let message = "the query needs more temporary files than it may use; the limit is set by limits.spill_bytes";
            (ErrorKind::LimitExceeded, message.to_owned())
        }
        _ => describe(&error, own),
    };
    let origin = if kind == ErrorKind::Internal { Origin::Engine } else { Origin::Client };
    Error::new(kind, origin, message).with_cause(error)
}

/// A function that was called with types that it does not take, without the list of everything that was tried.
fn arguments(text: &str) -> Option<String> {
    let (before, after) = text.split_once("' failed to match any signature")?;
    let (_, function) = before.rsplit_once('\'')?;
    let received =
        after.split_once("but received ").map(|(_, rest)| rest.split([' ', '(', '.', ',']).next().unwrap_or(rest));
    Some(match received {
        Some(received) => format!("{function} does not take a value of type {received}; cast it to a type that it takes"),
        None => format!("{function} does not take these arguments; see system.functions"),
    })
}

fn describe(error: &DataFusionError, own: &dyn Fn(&str) -> bool) -> (ErrorKind, String) {
    if let Some(message) = arguments(&error.to_string()) {
        return (ErrorKind::InvalidInput, message);
    }
    match error {
        DataFusionError::Context(context, inner) if inner_is_opaque(inner) => {
            let (kind, text) = describe(inner, own);
            (kind, format!("{context}: {text}"))
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => describe(inner, own),
        DataFusionError::Shared(inner) => describe(inner, own),
        DataFusionError::Collection(all) => match all.first() {
            Some(first) => describe(first, own),
            None => (ErrorKind::Internal, "an error without description".into()),
        },
        DataFusionError::SQL(e, _) if matches!(e.as_ref(), ParserError::RecursionLimitExceeded) => {
            let message = "the statement is nested too deeply; the limit is set by limits.nesting";
            (ErrorKind::LimitExceeded, message.to_owned())
        }
        DataFusionError::SQL(e, _) => (ErrorKind::InvalidInput, clean(&e.to_string())),
        DataFusionError::Plan(message) => (plan_kind(message), clean(message)),
        DataFusionError::SchemaError(e, _) => (ErrorKind::InvalidInput, clean(&e.to_string())),
        DataFusionError::NotImplemented(message) => (ErrorKind::Unsupported, clean(message)),
        DataFusionError::Configuration(message) => (ErrorKind::InvalidInput, clean(message)),
        DataFusionError::ResourcesExhausted(message) => (
            ErrorKind::LimitExceeded,
            format!("{}; raise limits.memory_bytes or limits.spill_bytes, or ask for less", clean(message)),
        ),
        DataFusionError::Execution(message) => (ErrorKind::InvalidInput, without_values_but(&clean(message), own)),
        DataFusionError::ArrowError(e, _) => (ErrorKind::InvalidInput, without_values_but(&clean(&e.to_string()), own)),
        DataFusionError::ObjectStore(e) => (ErrorKind::SourceFailed, clean(&e.to_string())),
        DataFusionError::ParquetError(e) => (ErrorKind::SourceFailed, clean(&e.to_string())),
        DataFusionError::Internal(message) if uncomparable(message).is_some() => {
            (ErrorKind::InvalidInput, uncomparable(message).unwrap_or_default())
        }
        DataFusionError::IoError(e) => (ErrorKind::Internal, clean(&e.to_string())),
        other => (ErrorKind::Internal, clean(&other.to_string())),
    }
}

/// What is wrong with a BETWEEN of types that do not meet, which DataFusion reports as a defect of its own.
fn uncomparable(message: &str) -> Option<String> {
    let types = message.strip_prefix("Failed to coerce types ")?.split(" in BETWEEN expression").next()?;
    Some(format!("BETWEEN cannot compare {types}; cast one of them"))
}

fn inner_is_opaque(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::Execution(_) | DataFusionError::NotImplemented(_))
}

fn plan_kind(message: &str) -> ErrorKind {
    let missing = message.starts_with("table '") && message.ends_with("' not found");
    if missing { ErrorKind::NotFound } else { ErrorKind::InvalidInput }
}

/// First paragraph, without back-traces and without DataFusion's request to report a defect.
fn clean(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or(message);
    let message = message.split("\nThis issue was likely caused by a bug").next().unwrap_or(message);
    match without_tree(message) {
        Some(short) => short,
        None => message.trim().trim_end_matches('.').to_owned(),
    }
}

/// A message that ends with a part of the parser's tree, without it.
fn without_tree(message: &str) -> Option<String> {
    if !message.contains("Span(Location(") {
        return None;
    }
    let told = message.split(['{', '(']).next().unwrap_or_default().trim().trim_end_matches([':', ',']);
    let form =
        told.strip_prefix("Unsupported ast node in sqltorel: ").or_else(|| told.strip_prefix("Unsupported ast node "));
    Some(match form {
        Some(form) => format!("{form} expressions are not supported"),
        None => told.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_of_arguments_are_one_sentence() {
        let text = "Internal error: Function 'sum' failed to match any signature, errors: Error during planning: Function \
            'sum' requires Decimal, but received String (DataType: Utf8View).,Error during planning: other";
        let found = classify(DataFusionError::Plan(text.into()));
        assert_eq!(found.message(), "sum does not take a value of type String; cast it to a type that it takes");
        assert_eq!(found.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn each_error_gets_its_kind() {
        let kind = |e| classify(e).kind();
        assert_eq!(kind(DataFusionError::Plan("table 'a.b.c' not found".into())), ErrorKind::NotFound);
        assert_eq!(kind(DataFusionError::Plan("bad".into())), ErrorKind::InvalidInput);
        assert_eq!(kind(DataFusionError::ResourcesExhausted("pool".into())), ErrorKind::LimitExceeded);
        assert_eq!(kind(DataFusionError::Internal("x".into())), ErrorKind::Internal);
        let between =
            "Failed to coerce types Int64 and Boolean in BETWEEN expression.\nThis issue was likely caused by a bug";
        let between = classify(DataFusionError::Internal(between.into()));
        assert_eq!(between.kind(), ErrorKind::InvalidInput);
        assert_eq!(between.message(), "BETWEEN cannot compare Int64 and Boolean; cast one of them");
        let tree = "Unsupported ast node in sqltorel: Foo { expr: Value(ValueWithSpan { span: Span(Location(1,1)..Location(1,2)) }) }";
        let told = classify(DataFusionError::NotImplemented(tree.into()));
        assert_eq!((told.kind(), told.message()), (ErrorKind::Unsupported, "Foo expressions are not supported"));
        let ours = DataFusionError::External(Box::new(Error::timeout("too long", "limits.plan_time_ms")));
        assert_eq!(kind(ours.context("planning")), ErrorKind::Timeout);
    }
}
