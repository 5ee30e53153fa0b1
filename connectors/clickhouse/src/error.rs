//! The server's errors as Headwater's, without row values.

use headwater_common::{Error, ErrorKind, Origin};

/// An exception of the server, from its text (`Code: 60. DB::Exception: ... (UNKNOWN_TABLE) (version ...)`).
pub(crate) fn exception(source: &str, code: Option<i32>, text: &str) -> Error {
    let code = code.or_else(|| code_of(text)).unwrap_or(0);
    let kind = kind(code);
    let retryable = matches!(kind, ErrorKind::Unavailable) || is_stale(code);
    let message = if holds_values(code) {
        format!("the server cannot read or convert a value{} (code {code})", name_of(text))
    } else {
        format!("{} (code {code})", shortened(text))
    };
    let hint = match code {
        407 | 321 if text.contains("Arrow") => {
            "; a value does not fit its Arrow type: set option \"nanoseconds\" or \"time\" to text"
        }
        164 => "; the user may only read",
        _ => "",
    };
    Error::new(kind, Origin::Source(source.to_owned()), format!("{message}{hint}")).retryable(retryable)
}

/// Whether the exception says that a table is not what it was.
pub(crate) fn is_stale(code: i32) -> bool {
    matches!(code, 10 | 16 | 47 | 60 | 81)
}

/// The number of an exception.
pub(crate) fn code_of(text: &str) -> Option<i32> {
    let rest = text.split("Code: ").nth(1)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A failure of the connection.
pub(crate) fn broken(source: &str, error: &(dyn std::error::Error + 'static)) -> Error {
    Error::new(ErrorKind::Unavailable, Origin::Source(source.to_owned()), chain(error)).retryable(true)
}

fn kind(code: i32) -> ErrorKind {
    match code {
        164 | 192 | 193 | 194 | 195 | 497 | 516 => ErrorKind::PermissionDenied,
        159 | 160 => ErrorKind::Timeout,
        394 => ErrorKind::Cancelled,
        158 | 307 | 396 | 241 | 191 => ErrorKind::LimitExceeded,
        202 | 209 | 210 | 242 | 279 | 425 | 999 => ErrorKind::Unavailable,
        code if holds_values(code) => ErrorKind::InvalidInput,
        _ => ErrorKind::SourceFailed,
    }
}

/// Exceptions whose text quotes what could not be read or written.
fn holds_values(code: i32) -> bool {
    matches!(
        code,
        6 | 25
            ..=28
                | 31
                | 32
                | 33
                | 34
                | 38
                | 40
                | 41
                | 53
                | 69
                | 70
                | 72
                | 73
                | 117
                | 130
                | 131
                | 190
                | 349
                | 376
                | 441
                | 457
                | 469
                | 541
                | 691
                | 697
    )
}

/// The name at the end of an exception's text, such as ` (CANNOT_PARSE_UUID)`.
fn name_of(text: &str) -> String {
    let names = text.rsplit('(').filter_map(|part| part.split_once(')')).map(|(name, _)| name);
    let mut names =
        names.filter(|n| n.len() > 3 && n.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()));
    names.next().map_or_else(String::new, |name| format!(" ({name})"))
}

/// The text without version, stack and the expressions that were being computed, which may quote values.
fn shortened(text: &str) -> String {
    let text = text.split("DB::Exception: ").nth(1).unwrap_or(text);
    let ends = [": while executing", ": While executing", ": In scope", ". Stack trace", " (version ", "\n"];
    let end = ends.iter().filter_map(|e| text.find(e)).min().unwrap_or(text.len());
    let message = text.get(..end).unwrap_or(text).trim_end_matches('.').trim();
    let short: String = message.chars().take(500).collect();
    let name = name_of(text);
    if short.ends_with(&name) { short } else { format!("{short}{name}") }
}

/// The error with its causes, which a driver's own text leaves out.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_classified_and_hold_no_values() {
        let missing = "Code: 60. DB::Exception: Unknown table expression identifier 'a.b' in scope SELECT 1. \
                       (UNKNOWN_TABLE) (version 26.9.2.1)\n";
        let error = exception("ch", None, missing);
        assert!(error.is_retryable() && error.to_string().contains("UNKNOWN_TABLE"), "{error}");
        let parse = "Code: 376. DB::Exception: Cannot parse uuid hunter2: while converting (CANNOT_PARSE_UUID) (version 1)";
        let error = exception("ch", None, parse);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!error.to_string().contains("hunter2") && error.to_string().contains("CANNOT_PARSE_UUID"), "{error}");
        let thrown = "Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero: while executing 'FUNCTION \
                      throwIf(equals(x, 'hunter2'))'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 1)";
        let error = exception("ch", Some(395), thrown).to_string();
        assert!(!error.contains("hunter2") && error.contains("throwIf"), "{error}");
        assert_eq!(exception("ch", Some(516), "x").kind(), ErrorKind::PermissionDenied);
        assert_eq!(exception("ch", Some(159), "x").kind(), ErrorKind::Timeout);
    }
}
