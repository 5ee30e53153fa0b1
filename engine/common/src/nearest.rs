//! "Did you mean": the nearest of a list of known names.

/// The known name most like `given` (Jaro-Winkler similarity of at least 0.7), if any.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = given.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&lowered, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `; did you mean "x"?` when a known name is near, else `; known: a, b, c`.
pub fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(given, known.clone()) {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None => {
            let names: Vec<&str> = known.into_iter().collect();
            if names.is_empty() { String::new() } else { format!("; known: {}", names.join(", ")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_name() {
        assert_eq!(nearest("pasword", ["user", "password", "url"]), Some("password"));
        assert_eq!(nearest("zzz", ["user", "password"]), None);
        assert_eq!(hint("zzz", ["user", "url"]), "; known: user, url");
    }
}
