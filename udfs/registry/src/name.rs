//! Names of models and the paths they stand for.

use std::fmt;

use headwater_common::{Error, Result};

const PART_MAX_BYTES: usize = 128;
/// Schema of models that are named without one.
pub const SCHEMA: &str = "public";
/// Where all models are.
pub(crate) const ROOT: &str = "models/";
pub(crate) const MANIFEST: &str = "/manifest";

/// Schema and name of a model. Case counts; names that SQL folds are folded before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    schema: String,
    name: String,
}

impl ModelName {
    /// A name. Errors: a part is empty or longer than 128 bytes.
    pub fn new(schema: &str, name: &str) -> Result<Self> {
        for part in [schema, name] {
            if part.is_empty() || part.len() > PART_MAX_BYTES {
                return Err(Error::invalid("the name of a model and of its schema has 1 to 128 bytes"));
            }
        }
        Ok(Self { schema: schema.to_owned(), name: name.to_owned() })
    }

    /// The model of a text such as `sales` or `shop.sales`; the schema is `public` when none is named, and a name in SQL
    /// holds no `@`, which stands before the number of a version. Errors: as of [`ModelName::new`].
    pub fn parse(text: &str) -> Result<Self> {
        let (schema, name) = text.split_once('.').unwrap_or((SCHEMA, text));
        if name.contains(['.', '@']) || schema.contains('@') {
            return Err(Error::invalid("the name of a model is NAME or SCHEMA.NAME, without @ and further dots"));
        }
        Self::new(schema, name)
    }

    /// The model and version of a text such as `sales@3` or `shop.sales`. Errors: as of [`ModelName::parse`], or what
    /// stands after `@` is no number of a version.
    pub fn parse_version(text: &str) -> Result<(Self, Option<u64>)> {
        let Some((name, version)) = text.rsplit_once('@') else { return Ok((Self::parse(text)?, None)) };
        let number = version.parse::<u64>().ok().filter(|n| *n > 0);
        let number =
            number.ok_or_else(|| Error::invalid("what stands after @ is the number of a version, such as sales@3"))?;
        Ok((Self::parse(name)?, Some(number)))
    }

    /// The schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The name inside its schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Folder of everything that belongs to the model, without a final stroke.
    pub(crate) fn folder(&self) -> String {
        format!("{ROOT}{}/{}", escape(&self.schema), escape(&self.name))
    }

    pub(crate) fn manifest(&self) -> String {
        self.folder() + MANIFEST
    }

    pub(crate) fn artifact(&self, version: u64, digest: &str) -> String {
        format!("{}/{version:010}-{digest}", self.folder())
    }

    /// The model whose manifest has this path.
    pub(crate) fn of_manifest(path: &str) -> Option<Self> {
        let (schema, name) = path.strip_prefix(ROOT)?.strip_suffix(MANIFEST)?.split_once('/')?;
        Self::new(&unescape(schema)?, &unescape(name)?).ok()
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Letters, digits, `-` and `_` as they are, all other bytes as `%` and two hexadecimal digits: no name leaves its folder,
/// and different names have different paths.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        out.push(match byte {
            b'%' => u8::try_from(16 * digit(bytes.next())? + digit(bytes.next())?).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_models_and_versions() {
        let model = |schema, name| ModelName::new(schema, name).unwrap();
        assert_eq!(ModelName::parse_version("m").unwrap(), (model("public", "m"), None));
        assert_eq!(ModelName::parse_version("s.m@12").unwrap(), (model("s", "m"), Some(12)));
        for text in ["a.b.c", "m@", "m@0", "m@-1", "m@x", "m@1@2", "", ".m", "s."] {
            assert!(ModelName::parse_version(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_name_leaves_its_folder_and_paths_name_their_model() {
        for name in ["m", "..", "a/b", "ä%2f", "A", "a", "x\0y", "manifest"] {
            let model = ModelName::new("public", name).unwrap();
            let path = model.manifest();
            assert_eq!(path.matches('/').count(), 3, "{path}");
            assert!(!path.contains(".."));
            assert_eq!(ModelName::of_manifest(&path), Some(model));
        }
        assert_ne!(ModelName::new("s", "a%2fb").unwrap().folder(), ModelName::new("s", "a/b").unwrap().folder());
        assert!(ModelName::of_manifest("models/a/b/c/manifest").is_none_or(|m| m.name().contains('/')));
        assert!(ModelName::new("", "m").is_err() && ModelName::new("s", &"m".repeat(129)).is_err());
    }
}
