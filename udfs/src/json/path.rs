//! Paths as DuckDB writes them: `$.a.b[0]`, `/a/b/0`, or one key.

use std::borrow::Cow;

use headwater_common::{Error, Result};

use super::document::Step;

/// The steps of a path.
pub(super) fn steps(path: &str) -> Result<Vec<Step<'_>>> {
    if let Some(rest) = path.strip_prefix('$') {
        return dotted(rest).ok_or_else(|| {
            Error::invalid(
                "a JSON path is written as $.key, $.\"a key\", $[0] or $[#-1], one after another; there are no wildcards",
            )
        });
    }
    match path.strip_prefix('/') {
        // A JSON pointer (RFC 6901).
        Some(pointer) => Ok(pointer.split('/').map(pointed).collect()),
        None => Ok(vec![Step::Key(Cow::Borrowed(path))]),
    }
}

fn pointed(part: &str) -> Step<'_> {
    match part.contains('~') {
        true => Step::Key(Cow::Owned(part.replace("~1", "/").replace("~0", "~"))),
        false => Step::Either(part),
    }
}

fn dotted(mut rest: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix(".\"") {
            let (key, after) = quoted.split_once('"')?;
            steps.push(Step::Key(Cow::Borrowed(key)));
            rest = after;
        } else if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, after) = name.split_at_checked(end)?;
            if key.is_empty() || key.contains('*') {
                return None;
            }
            steps.push(Step::Key(Cow::Borrowed(key)));
            rest = after;
        } else {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            let index = match index.strip_prefix("#-") {
                Some(back) => -back.parse::<i64>().ok().filter(|n| *n > 0)?,
                None => index.parse().ok()?,
            };
            steps.push(Step::Index(index));
            rest = after;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_steps() {
        let key = |name: &'static str| Step::Key(Cow::Borrowed(name));
        assert_eq!(steps("$").unwrap(), []);
        assert_eq!(steps("$.a.\"b.c\"[0][#-1]").unwrap(), [key("a"), key("b.c"), Step::Index(0), Step::Index(-1)]);
        assert_eq!(steps("/a/0/b~1c").unwrap(), [Step::Either("a"), Step::Either("0"), key("b/c")]);
        assert_eq!(steps("a.b").unwrap(), [key("a.b")]);
        for wrong in ["$a", "$.", "$.*", "$[x]", "$[0", "$[#-0]", "$.a[*]"] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}
