//! Shows where in a statement an error is.

use unicode_width::UnicodeWidthStr;

/// Terminal cells of a statement's line that are shown before the place.
const BEFORE: usize = 60;
/// Characters that are shown after it.
const AFTER: usize = 40;

/// The line with the place, and a sign below it, when the message names one.
pub(super) fn shown(sql: &str, message: &str) -> Option<String> {
    let (line, column) = place(message).or_else(|| place_of_name(sql, message))?;
    let text = sql.lines().nth(line.checked_sub(1)?)?;
    let at = column.checked_sub(1)?.min(text.chars().count());
    let skipped = at.saturating_sub(BEFORE);
    let before: String = text.chars().skip(skipped).take(at - skipped).map(flat).collect();
    let after: String = text.chars().skip(at).take(AFTER).map(flat).collect();
    let tail = if text.chars().nth(at + AFTER).is_some() { "..." } else { "" };
    let head = if skipped > 0 { format!("LINE {line}: ...") } else { format!("LINE {line}: ") };
    Some(format!("{head}{before}{after}{tail}\n{}^", " ".repeat(head.width() + before.width())))
}

fn flat(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// `... at Line: 1, Column: 8`.
fn place(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.rsplit_once("Line: ")?;
    let (line, rest) = rest.split_once(", Column: ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The only place of the column name that the message says is unknown.
fn place_of_name(sql: &str, message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("No field named ")?;
    let name = rest.lines().next()?.split(". ").next()?.trim_end_matches('.').replace('"', "");
    let name = name.rsplit('.').next().filter(|n| !n.is_empty())?;
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (lowered, wanted) = (sql.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut places = lowered
        .match_indices(&wanted)
        .map(|(at, _)| at)
        .filter(|at| !word(sql[..*at].chars().next_back()) && !word(sql[at + name.len()..].chars().next()));
    let at = places.next().filter(|_| places.next().is_none())?;
    let before = &sql[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    Some((line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown_below_its_line() {
        let sql = "select 'ü',\n  from t";
        let text = shown(sql, "sql parser error: Expected: x, found: from at Line: 2, Column: 3").unwrap();
        assert_eq!(text, "LINE 2:   from t\n          ^");
        let text = shown("selec 1", "... found: selec at Line: 1, Column: 1").unwrap();
        assert_eq!(text, "LINE 1: selec 1\n        ^");
        let long = format!("select {} fro t", "a, ".repeat(100));
        let text = shown(&long, "at Line: 1, Column: 309").unwrap();
        assert!(text.starts_with("LINE 1: ...") && text.lines().all(|l| l.len() < 100), "{text}");
        assert_eq!(shown(sql, "Divide by zero error"), None);
        assert_eq!(shown(sql, "at Line: 9, Column: 1"), None);
    }

    #[test]
    fn an_unknown_column_is_found_when_it_stands_once() {
        let sql = "select id,\n nme from t";
        let text = shown(sql, "No field named nme. Did you mean 't.name'?\nValid fields are t.id").unwrap();
        assert_eq!(text, "LINE 2:  nme from t\n         ^");
        assert_eq!(shown("select x, x from t", "No field named x.\nValid fields are t.y"), None);
        assert_eq!(shown("select names from t", "No field named name.\nValid fields are t.y"), None);
    }
}
