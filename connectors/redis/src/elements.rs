//! The elements of a value, from the server's answer.

use headwater_common::{Error, Result};
use redis::Value;

use crate::error::unexpected;
use crate::json::{Json, elements, is_json, members};
use crate::program::{Fetch, Found};
use crate::request::Request;
use crate::rows::Element;
use crate::table::{Format, Kind, Role};
use crate::value::{bytes, float, list, pairs, text, whole};

/// What was read of a value.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Elements that the server sent.
    pub(crate) sent: u64,
    /// The last of them, from which a next page is asked for.
    pub(crate) last: Option<Last>,
    /// A value that is not of its table's format; its columns are null.
    pub(crate) malformed: bool,
}

/// Where a page ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Last {
    Entry(String),
    Sample(i64),
    Score(f64),
}

/// Gives every element that the request asks for to `row`.
pub(crate) fn each(
    source: &str,
    request: &Request,
    fetch: &Fetch,
    found: &mut Found,
    row: &mut dyn FnMut(&Found, Element<'_>),
) -> Result<Read> {
    let value = std::mem::take(&mut found.value);
    let wrong = || unexpected(source, request.table.kind.word());
    let mut read = Read::default();
    match fetch {
        Fetch::Nothing | Fetch::Type => row(found, Element::Nothing),
        Fetch::Length => {
            let length = whole(&value).ok_or_else(wrong)?;
            (0..length).for_each(|_| row(found, Element::Nothing));
        }
        Fetch::Count => row(found, Element::Counted(whole(&value).ok_or_else(wrong)?)),
        Fetch::Text if request.table.kind == Kind::String(Format::Raw) => {
            row(found, Element::Value(&bytes(value).ok_or_else(wrong)?, 0));
        }
        Fetch::Text | Fetch::Document | Fetch::Members(_) => {
            let text = bytes(value).ok_or_else(wrong)?;
            let fields = fields_of_text(request, fetch, &text);
            read.malformed = fields.is_none();
            row(found, Element::Fields(&fields.unwrap_or_default()));
        }
        Fetch::Fields => {
            let fields = list(value).ok_or_else(wrong)?;
            let fields =
                fields.into_iter().map(|v| if v == Value::Nil { Ok(None) } else { bytes(v).ok_or_else(wrong).map(Some) });
            row(found, Element::Fields(&fields.collect::<Result<Vec<_>>>()?));
        }
        Fetch::List => {
            for (i, item) in (0_i64..).zip(list(value).ok_or_else(wrong)?) {
                row(found, Element::Value(&bytes(item).ok_or_else(wrong)?, i));
            }
        }
        Fetch::Set => {
            for member in list(value).ok_or_else(wrong)? {
                row(found, Element::Member(&bytes(member).ok_or_else(wrong)?));
            }
        }
        Fetch::Sorted => read = sorted(request, value, found, row).ok_or_else(wrong)?,
        Fetch::Entries => read = entries(source, request, value, found, row)?,
        Fetch::Samples => read = samples(value, found, row).ok_or_else(wrong)?,
    }
    Ok(read)
}

fn sorted(request: &Request, value: Value, found: &Found, row: &mut dyn FnMut(&Found, Element<'_>)) -> Option<Read> {
    let members = pairs(value)?;
    let mut read = Read { sent: members.len() as u64, ..Read::default() };
    for (rank, (member, score)) in (0_i64..).zip(members) {
        let (member, score) = (bytes(member)?, float(&score)?);
        read.last = Some(Last::Score(score));
        if request.elements.scores.is_none_or(|range| range.holds(score)) {
            row(found, Element::Scored { member: &member, score, rank });
        }
    }
    Some(read)
}

fn entries(
    source: &str,
    request: &Request,
    value: Value,
    found: &Found,
    row: &mut dyn FnMut(&Found, Element<'_>),
) -> Result<Read> {
    let wrong = || unexpected(source, "XRANGE");
    let wanted = request.columns.iter().filter_map(|c| match &c.role {
        Role::Field(name) => Some(name.as_bytes()),
        _ => None,
    });
    let wanted: Vec<&[u8]> = wanted.collect();
    let found_entries = list(value).ok_or_else(wrong)?;
    let mut read = Read { sent: found_entries.len() as u64, ..Read::default() };
    for entry in found_entries {
        let mut entry = list(entry).ok_or_else(wrong)?.into_iter();
        let id = entry.next().and_then(text).ok_or_else(wrong)?;
        let named = pairs(entry.next().ok_or_else(wrong)?).ok_or_else(wrong)?;
        let mut fields: Vec<Option<Vec<u8>>> = vec![None; wanted.len()];
        for (name, value) in named {
            let name = bytes(name).ok_or_else(wrong)?;
            // An entry may have a field twice; the first counts.
            if let Some(i) = wanted.iter().position(|w| *w == name)
                && let Some(cell) = fields.get_mut(i)
                && cell.is_none()
            {
                *cell = Some(bytes(value).ok_or_else(wrong)?);
            }
        }
        let ms: u64 = id.split('-').next().and_then(|ms| ms.parse().ok()).ok_or_else(wrong)?;
        let ms = i64::try_from(ms)
            .map_err(|_| Error::source_failed(source, "a stream has an entry whose time does not fit a timestamp"))?;
        row(found, Element::Entry { id: id.as_bytes(), ms, fields: &fields });
        read.last = Some(Last::Entry(id));
    }
    Ok(read)
}

fn samples(value: Value, found: &Found, row: &mut dyn FnMut(&Found, Element<'_>)) -> Option<Read> {
    let samples = list(value)?;
    let mut read = Read { sent: samples.len() as u64, ..Read::default() };
    for sample in samples {
        let sample = list(sample)?;
        let (ms, value) = (whole(sample.first()?)?, float(sample.get(1)?)?);
        row(found, Element::Sample { ms, value });
        read.last = Some(Last::Sample(ms));
    }
    Some(read)
}

/// The columns of a JSON document or CSV record, in order; `None` when the text is neither.
fn fields_of_text(request: &Request, fetch: &Fetch, value: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    if request.table.kind == Kind::String(Format::Csv) {
        let record = record(value)?;
        let position = |role: &Role| match role {
            Role::Position(i) => Some(record.get(*i).cloned().filter(|v| !v.is_empty())),
            _ => None,
        };
        return Some(request.columns.iter().filter_map(|c| position(&c.role)).collect());
    }
    let text = std::str::from_utf8(value).ok()?;
    if let Fetch::Members(names) = fetch {
        return members_of_paths(names, text);
    }
    let document = match fetch {
        Fetch::Document => *elements(text)?.first()?,
        _ => text.trim(),
    };
    let members = match members(document) {
        Some(members) => members,
        None if is_json(document) => Vec::new(),
        None => return None,
    };
    let field = |role: &Role| match role {
        // Of two members of one name the last counts.
        Role::Field(name) => Some(members.iter().rev().find(|(n, _)| n == name).and_then(|(_, raw)| cell(raw))),
        Role::Document => Some(Some(document.as_bytes().to_vec())),
        _ => None,
    };
    Some(request.columns.iter().filter_map(|c| field(&c.role)).collect())
}

/// Several paths are answered with an object of arrays, one with an array.
fn members_of_paths(names: &[String], text: &str) -> Option<Vec<Option<Vec<u8>>>> {
    let first = |array: &str| Some(elements(array)?.first().and_then(|raw| cell(raw)));
    if names.len() == 1 {
        return first(text).map(|value| vec![value]);
    }
    let members = members(text)?;
    let of = |name: &String| {
        let path = format!("$.{name}");
        first(members.iter().find(|(n, _)| *n == path)?.1)
    };
    names.iter().map(of).collect()
}

fn cell(raw: &str) -> Option<Vec<u8>> {
    Json::of(raw)?.into_text().map(|text| text.into_owned().into_bytes())
}

/// The values of one CSV record (RFC 4180); `None` when its quotes do not fit.
pub(crate) fn record(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut text = text.strip_suffix(b"\n").unwrap_or(text);
    text = text.strip_suffix(b"\r").unwrap_or(text);
    let (mut values, mut value, mut i) = (Vec::new(), Vec::new(), 0);
    loop {
        if text.get(i) == Some(&b'"') && value.is_empty() {
            i += 1;
            loop {
                match (text.get(i)?, text.get(i + 1)) {
                    (b'"', Some(b'"')) => {
                        value.push(b'"');
                        i += 2;
                    }
                    (b'"', None | Some(b',')) => break,
                    (b'"', _) => return None,
                    (byte, _) => {
                        value.push(*byte);
                        i += 1;
                    }
                }
            }
            i += 1;
        }
        match text.get(i) {
            None => {
                values.push(value);
                return Some(values);
            }
            Some(b',') => values.push(std::mem::take(&mut value)),
            Some(byte) => value.push(*byte),
        }
        i += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_split() {
        let split = |text: &str| {
            let values = record(text.as_bytes())?;
            Some(values.into_iter().map(|v| String::from_utf8(v).unwrap()).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(split("a,b").as_deref(), Some("a|b"));
        assert_eq!(split("\"a,\"\"b\"\"\",,c\r\n").as_deref(), Some("a,\"b\"||c"));
        assert_eq!(split("").as_deref(), Some(""));
        assert_eq!(split("a,").as_deref(), Some("a|"));
        assert_eq!((split("\"a"), split("\"a\"b")), (None, None));
    }

    #[test]
    fn members_come_from_one_path_or_several() {
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let text = |v: &str| Some(v.as_bytes().to_vec());
        assert_eq!(members_of_paths(&names(&["a"]), "[1.50]"), Some(vec![text("1.50")]));
        assert_eq!(members_of_paths(&names(&["a"]), "[]"), Some(vec![None]));
        let answer = r#"{"$.b":[],"$.a":["x"],"$.c":[{"d":1}]}"#;
        assert_eq!(members_of_paths(&names(&["a", "b", "c"]), answer), Some(vec![text("x"), None, text("{\"d\":1}")]));
    }
}
