//! `to_char`, `to_date` and `to_timestamp` with the patterns of Postgres.

use datafusion::common::{Result, ScalarValue};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Patterns and what they are in strftime. Longer ones stand before those that they begin with.
const PATTERNS: &[(&str, &str)] = &[
    ("FMYYYY", "%-Y"),
    ("FMMonth", "%B"),
    ("FMMM", "%-m"),
    ("FMMI", "%-M"),
    ("FMDay", "%A"),
    ("FMDDD", "%-j"),
    ("FMDD", "%-d"),
    ("FMHH24", "%-H"),
    ("FMHH12", "%-I"),
    ("FMHH", "%-I"),
    ("FMSS", "%-S"),
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("IYYY", "%G"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("Mon", "%b"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("Dy", "%a"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SS", "%S"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
    ("TZH:TZM", "%:z"),
];

/// Functions whose second argument is a format.
const FORMATTED: [&str; 3] = ["to_char", "to_date", "to_timestamp"];

/// Whether a function takes a format.
pub(super) fn is_formatted(function: &str) -> bool {
    FORMATTED.contains(&function)
}

/// Brings the format of `function(value, format)` to strftime, which a format with `%` is.
pub(super) fn to_strftime(function: &str, format: &mut Expr) -> Result<()> {
    let text = match format {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text), _) => text,
        Expr::Literal(ScalarValue::Null, _) => return Ok(()),
        _ if function != "to_char" => return Ok(()),
        _ => {
            let message = format!("{function} takes a constant format, such as 'YYYY-MM-DD HH24:MI:SS' or '%Y-%m-%d'");
            return Err(Error::unsupported(message).into_datafusion());
        }
    };
    if let Some(pattern) = text.as_ref().filter(|text| !text.contains('%')) {
        *text = Some(translated(function, pattern)?);
    }
    match text {
        Some(format) if function == "to_timestamp" => whole_time(format),
        _ => Ok(()),
    }
}

/// Makes a format say a whole time of day or none: of less, midnight would be read.
fn whole_time(format: &mut String) -> Result<()> {
    let says = |parts: &[&str]| parts.iter().any(|part| format.contains(part));
    let hour = says(&["%H", "%-H", "%k", "%I", "%-I", "%l"]);
    let minute = says(&["%M", "%-M"]);
    let smaller = says(&["%S", "%-S", "%f", "%3f", "%6f", "%9f", "%.f"]);
    if hour != minute || (smaller && !hour && !says(&["%s"])) {
        let message = "to_timestamp reads hours and minutes together, as in 'YYYY-MM-DD HH24:MI'; add the missing ones to the text \
                       and the format";
        return Err(Error::unsupported(message).into_datafusion());
    }
    // Without a half of the day, 12 hours are the first of 24.
    if !says(&["%p", "%P"]) {
        *format = format.replace("%I", "%H").replace("%-I", "%-H").replace("%l", "%k");
    }
    Ok(())
}

fn translated(function: &str, pattern: &str) -> Result<String> {
    let mut found = String::new();
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("Month") || rest.starts_with("Day") {
            return Err(unknown(function, rest));
        } else if let Some((name, meaning)) = PATTERNS.iter().find(|(name, _)| rest.starts_with(name)) {
            found.push_str(meaning);
            rest = rest.get(name.len()..).unwrap_or_default();
            // DDTH is an ordinal number.
            if rest.starts_with("TH") || rest.starts_with("th") {
                return Err(unknown(function, rest));
            }
        } else if let Some((quoted, after)) = rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
            found.push_str(quoted);
            rest = after;
        } else if next.is_alphanumeric() || next == '"' || next == '\\' {
            return Err(unknown(function, rest));
        } else {
            found.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(found)
}

fn unknown(function: &str, rest: &str) -> datafusion::error::DataFusionError {
    let end = rest.find(|c: char| !c.is_alphanumeric()).filter(|end| *end > 0).unwrap_or(rest.len());
    let shown: String = rest.get(..end).unwrap_or(rest).chars().take(20).collect();
    let remedy = match shown.as_str() {
        day if day.starts_with("Month") || day.starts_with("Day") => {
            format!("; write FM{shown} for the name without blanks")
        }
        _ => "; put text in double quotes, or use a format of strftime, such as '%d %B'".to_owned(),
    };
    Error::invalid(format!("{function} does not know the pattern {shown}{remedy}")).into_datafusion()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_postgres_are_strftime() {
        for (pattern, expected) in [
            ("YYYY-MM-DD HH24:MI:SS.US", "%Y-%m-%d %H:%M:%S.%6f"),
            ("YYYY-MM-DD\"T\"HH24:MI", "%Y-%m-%dT%H:%M"),
            ("FMDD. FMMonth YYYY, Dy", "%-d. %B %Y, %a"),
            ("IYYY-IW", "%G-%V"),
            ("HH12:MI AM", "%I:%M %p"),
            ("YYYYMMDD", "%Y%m%d"),
            ("", ""),
        ] {
            assert_eq!(translated("to_char", pattern).unwrap(), expected);
        }
    }

    #[test]
    fn times_of_day_are_read_whole_or_not_at_all() {
        let read = |format: &str| {
            let mut format = datafusion::prelude::lit(format);
            to_strftime("to_timestamp", &mut format).map(|()| format.to_string())
        };
        for whole in
            ["YYYY-MM-DD", "YYYY-MM-DD HH24:MI", "HH12:MI AM DD.MM.YYYY", "%s", "%s.%f", "%FT%T", "%Y-%m-%d %H:%M:%S%.f"]
        {
            assert!(read(whole).is_ok(), "{whole}");
        }
        assert!(read("YYYY-MM-DD HH12:MI").unwrap().contains("%H:%M"));
        for part in ["YYYY-MM-DD HH24", "DD/MM/YYYY HH12 AM", "YYYY-MM-DD MI:SS", "%Y-%m-%d %H", "%Y-%m-%d %S"] {
            assert!(read(part).unwrap_err().to_string().contains("hours and minutes together"), "{part}");
        }
    }

    #[test]
    fn other_patterns_are_refused_by_name() {
        for (pattern, named) in [
            ("YYYY Month", "Month; write FMMonth"),
            ("YYYY-MM-DDTHH24", "THH24; put text in double quotes"),
            ("Q", "the pattern Q;"),
            ("YYYY \"x", "the pattern \"x;"),
        ] {
            let message = translated("to_char", pattern).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
        let mut column = datafusion::prelude::col("f");
        assert!(to_strftime("to_char", &mut column).unwrap_err().to_string().contains("constant format"));
    }
}
