//! Patterns in a sample of keys.

use std::collections::BTreeMap;

use crate::pattern::{KeyPattern, Segment};

/// A text in the middle of a key belongs to the pattern when it has at most so many alternatives ...
const ALTERNATIVES_MAX: usize = 8;
/// ... and each stands in so many keys.
const KEYS_PER_ALTERNATIVE: usize = 4;

/// Keys of one pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) pattern: KeyPattern,
    pub(crate) keys: Vec<Vec<u8>>,
}

/// A key and its texts between separators.
type Split<'a> = (&'a [u8], Vec<&'a [u8]>);

/// The families of keys of one type.
pub(crate) fn families(keys: &[Vec<u8>], separator: &str) -> Vec<Family> {
    let mut by_length: BTreeMap<usize, Vec<Split<'_>>> = BTreeMap::new();
    for key in keys {
        let texts = split(key, separator.as_bytes());
        by_length.entry(texts.len()).or_default().push((key, texts));
    }
    let mut found = Vec::new();
    for keys in by_length.into_values() {
        group(keys, Vec::new(), separator, &mut found);
    }
    found
}

fn split<'k>(key: &'k [u8], separator: &[u8]) -> Vec<&'k [u8]> {
    if separator.is_empty() {
        return vec![key];
    }
    let (mut texts, mut start, mut i) = (Vec::new(), 0, 0);
    while i + separator.len() <= key.len() {
        if key[i..].starts_with(separator) {
            texts.push(&key[start..i]);
            i += separator.len();
            start = i;
        } else {
            i += 1;
        }
    }
    texts.push(&key[start..]);
    texts
}

/// Decides for the next place whether its texts belong to the pattern or are a part of the key.
fn group<'k>(keys: Vec<Split<'k>>, chosen: Vec<Option<&'k [u8]>>, separator: &str, found: &mut Vec<Family>) {
    let place = chosen.len();
    let Some((_, texts)) = keys.first() else { return };
    if place == texts.len() {
        found.extend(family(&chosen, &keys, separator));
        return;
    }
    let mut alternatives: BTreeMap<&[u8], Vec<Split<'k>>> = BTreeMap::new();
    for key in &keys {
        alternatives.entry(key.1[place]).or_default().push(key.clone());
    }
    let few = alternatives.len() <= ALTERNATIVES_MAX
        && alternatives.values().all(|keys| place == 0 || keys.len() >= KEYS_PER_ALTERNATIVE);
    let many_words = place == 0 && texts.len() > 1;
    if (few || many_words) && alternatives.keys().all(|text| is_word(text)) {
        for (text, keys) in alternatives {
            let chosen = chosen.iter().copied().chain([Some(text)]).collect();
            group(keys, chosen, separator, found);
        }
        return;
    }
    // Words among other texts, such as `app:1` beside `7:1`, stay patterns of their own.
    let (words, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| many_words && is_word(key.1[place]));
    if !words.is_empty() {
        group(words, chosen.clone(), separator, found);
    }
    group(others, chosen.into_iter().chain([None]).collect(), separator, found);
}

/// Whether a text is a name rather than an identifier.
fn is_word(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.starts_with(|c: char| c.is_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && text.len() <= 40
        && text.chars().filter(char::is_ascii_digit).count() <= 2
}

fn family(chosen: &[Option<&[u8]>], keys: &[Split<'_>], separator: &str) -> Option<Family> {
    let parts = chosen.iter().filter(|c| c.is_none()).count();
    let (mut segments, mut literal, mut words, mut names) = (Vec::new(), Vec::new(), Vec::new(), Vec::<String>::new());
    for (i, text) in chosen.iter().enumerate() {
        if i > 0 {
            literal.extend_from_slice(separator.as_bytes());
        }
        match text {
            Some(text) => {
                literal.extend_from_slice(text);
                words.push(String::from_utf8_lossy(text).replace(['-', '.'], "_"));
            }
            None => {
                if !literal.is_empty() {
                    segments.push(Segment::Literal(std::mem::take(&mut literal)));
                }
                let before = i.checked_sub(1).and_then(|i| chosen[i]).and_then(|_| words.last());
                let mut name = match before {
                    _ if parts == 1 => "id".to_owned(),
                    Some(word) => format!("{word}_id"),
                    None => format!("part{}", names.len() + 1),
                };
                if names.contains(&name) {
                    name = format!("{name}{}", names.len() + 1);
                }
                names.push(name.clone());
                segments.push(Segment::Part { name, rest: false });
            }
        }
    }
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    let pattern = KeyPattern::new(segments, separator).ok()?;
    let keys: Vec<Vec<u8>> = keys.iter().map(|(key, _)| key.to_vec()).filter(|k| pattern.parts(k).is_some()).collect();
    let name = if words.is_empty() { "keys".to_owned() } else { words.join("_") };
    (!keys.is_empty()).then_some(Family { name, pattern, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found() {
        let mut keys: Vec<String> = (0..50).map(|i| format!("user:{i}")).collect();
        keys.extend((0..20).map(|i| format!("user:{i}:cart")));
        keys.extend((0..20).flat_map(|i| ["cpu", "mem"].map(|m| format!("metrics:web{i:03}:{m}"))));
        keys.extend(["visits", "app:ann", "app:bob", "7:x", "8:y"].map(str::to_owned));
        let keys: Vec<Vec<u8>> = keys.into_iter().map(String::into_bytes).collect();
        let shown: Vec<String> =
            families(&keys, ":").iter().map(|f| format!("{} {} {}", f.name, f.pattern, f.keys.len())).collect();
        assert_eq!(
            shown,
            [
                "visits visits 1",
                "app app:{id} 2",
                "user user:{id} 50",
                "keys {part1}:{part2} 2",
                "metrics_cpu metrics:{id}:cpu 20",
                "metrics_mem metrics:{id}:mem 20",
                "user_cart user:{id}:cart 20",
            ]
        );
    }
}
