//! LIKE as a regular expression.

use bson::Regex;

/// Longest pattern that is sent; the server takes regular expressions of up to 32,764 bytes.
const PATTERN_BYTES_MAX: usize = 4096;
/// Any one character, also the end of a line.
const ANY: &str = "[\\s\\S]";
/// The end of the text: `$` also matches before a last end of a line.
const END: &str = "(?![\\s\\S])";

/// A regular expression for a pattern.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) regex: Regex,
    /// Matches the same texts; otherwise at least those.
    pub(super) exact: bool,
}

/// The regular expression of a pattern without escapes.
///
/// It never has `.*` inside: the server gives up silently on long texts when such an expression takes too many steps. A
/// pattern with several parts is sent as its first part.
pub(super) fn regex(pattern: &str) -> Result<Found, String> {
    if pattern.contains(['\\', '\0']) || pattern.len() > PATTERN_BYTES_MAX {
        return Err("a pattern with escapes, or a very long one, stays here".to_owned());
    }
    let inner = pattern.trim_matches('%');
    let (open_start, open_end) = (pattern.starts_with('%'), pattern.ends_with('%'));
    let (parts, exact) = match inner.find('%') {
        None => (inner, true),
        Some(_) if open_start => return Err("a pattern with several parts and no fixed start stays here".to_owned()),
        Some(end) => (inner.get(..end).unwrap_or_default(), false),
    };
    let mut text = String::new();
    if !open_start {
        text.push('^');
    }
    for c in parts.chars() {
        match c {
            '_' => text.push_str(ANY),
            c if c.is_ascii_alphanumeric() || !c.is_ascii() => text.push(c),
            c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => {
                text.push('\\');
                text.push(c);
            }
        }
    }
    if exact && !open_end {
        text.push_str(END);
    }
    let wrong = |_| "a pattern with a zero character stays here".to_owned();
    let regex = Regex { pattern: text.try_into().map_err(wrong)?, options: String::new().try_into().map_err(wrong)? };
    Ok(Found { regex, exact })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_anchored_and_escaped() {
        let of = |pattern: &str| {
            let found = regex(pattern).unwrap();
            (found.regex.pattern.as_str().to_owned(), found.exact)
        };
        assert_eq!(of("abc"), ("^abc(?![\\s\\S])".into(), true));
        assert_eq!(of("abc%"), ("^abc".into(), true));
        assert_eq!(of("%abc"), ("abc(?![\\s\\S])".into(), true));
        assert_eq!(of("%a.c%"), ("a\\.c".into(), true));
        assert_eq!(of("a_$"), ("^a[\\s\\S]\\$(?![\\s\\S])".into(), true));
        assert_eq!(of("a%b%"), ("^a".into(), false));
        assert_eq!(of("%"), (String::new(), true));
        assert_eq!(of(""), ("^(?![\\s\\S])".into(), true));
        assert_eq!(of("ü\n"), ("^ü\\x0a(?![\\s\\S])".into(), true));
        assert!(regex("%a%b").is_err() && regex("a\\%").is_err());
    }
}
