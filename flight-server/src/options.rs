//! Session options of Flight: the default catalog and schema, every setting of the session, and how results are sent.

use std::collections::HashMap;

use arrow::ipc::CompressionType;
use headwater_common::{Error, ErrorKind, Result};
use headwater_engine::{Engine, Session};

use crate::encode::types::Profile;
use crate::proto::{OptionError, OptionErrorValue, OptionValue, SessionOptionValue};
use crate::session::WireSession;

/// Options that only the wire has.
#[derive(Debug, Clone, Default)]
pub(crate) struct WireOptions {
    /// The client's choice of types, over what its name says.
    pub(crate) profile: Option<Profile>,
    pub(crate) compression: Option<CompressionType>,
}

const PROFILE: &str = "flight.type_profile";
/// The value of [`PROFILE`] by which the client's name decides.
const AUTO: &str = "auto";
const COMPRESSION: &str = "flight.compression";
const COMPRESSIONS: [(&str, Option<CompressionType>); 3] =
    [("none", None), ("lz4", Some(CompressionType::LZ4_FRAME)), ("zstd", Some(CompressionType::ZSTD))];

/// Sets options; the errors of those that were not set. Each is set on its own, the catalog before the schema.
pub(crate) fn set(wire: &WireSession, options: HashMap<String, SessionOptionValue>) -> HashMap<String, OptionError> {
    let mut ordered: Vec<(String, SessionOptionValue)> = options.into_iter().collect();
    ordered.sort_by(|a, b| a.0.cmp(&b.0));
    let mut errors = HashMap::new();
    for (name, value) in ordered {
        if let Err(value) = set_one(wire, &name, value.value) {
            errors.insert(name, OptionError { value: value as i32 });
        }
    }
    errors
}

fn set_one(wire: &WireSession, name: &str, value: Option<OptionValue>) -> Result<(), OptionErrorValue> {
    let text = match value {
        None => None,
        Some(OptionValue::Text(text)) => Some(text),
        Some(OptionValue::Flag(flag)) => Some(flag.to_string()),
        Some(OptionValue::Whole(number)) => Some(number.to_string()),
        Some(OptionValue::Real(number)) => Some(number.to_string()),
        Some(OptionValue::Texts(_)) => return Err(OptionErrorValue::InvalidValue),
    };
    let session = &wire.session;
    let done = match name {
        "catalog" => set_catalog(session, text.as_deref()),
        "schema" => set_schema(session, text.as_deref()),
        PROFILE => named(text.as_deref().filter(|t| *t != AUTO), Profile::parse).map(|p| wire.options.lock().profile = p),
        COMPRESSION => {
            let known = |t: &str| COMPRESSIONS.iter().find(|(n, _)| *n == t).map(|(_, c)| *c);
            named(text.as_deref(), known).map(|c| wire.options.lock().compression = c.flatten())
        }
        _ => match text {
            Some(text) => session.set(name, &text),
            None => session.reset(name),
        },
    };
    done.map_err(|error| {
        let known = matches!(name, "catalog" | "schema" | PROFILE | COMPRESSION);
        match error.kind() {
            ErrorKind::PermissionDenied => OptionErrorValue::Error,
            _ if known || is_setting(session, name) => OptionErrorValue::InvalidValue,
            _ => OptionErrorValue::InvalidName,
        }
    })
}

/// The value with this name; `None` sets the option back.
fn named<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    text.map(|t| parse(t).ok_or_else(|| Error::invalid("unknown value"))).transpose()
}

fn is_setting(session: &Session, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    session.settings().iter().any(|(n, _)| *n == name) || session.get(&name).is_ok()
}

fn set_catalog(session: &Session, name: Option<&str>) -> Result<()> {
    let own = session.engine().own_schemas().0;
    session.set_default(Some(name.unwrap_or(own)), None)
}

/// A schema that a reachable source does not have is refused; what a source that is away has is not known.
fn set_schema(session: &Session, name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return session.set_default(None, Some("public")) };
    let engine = session.engine();
    let (catalog, _) = session.defaults();
    let (own, own_schemas) = engine.own_schemas();
    let sources = engine.catalogs();
    let source = sources.iter().find(|c| c.source().name() == catalog);
    let known = match source {
        _ if catalog == own => own_schemas.iter().any(|s| s == name),
        Some(source) => source.error().is_some() || source.discovery().schemas.contains_key(name),
        None => false,
    };
    if !known && !matches!(name, "system" | "information_schema") {
        return Err(Error::not_found(format!("catalog {catalog} has no schema \"{name}\"")));
    }
    session.set_default(None, Some(name))
}

/// Every option with its value; those of a new session when the caller has none.
pub(crate) fn all(engine: &Engine, wire: Option<&WireSession>) -> Result<HashMap<String, SessionOptionValue>> {
    let (session, options) = match wire {
        Some(wire) => (wire.session.clone(), wire.options.lock().clone()),
        None => (engine.session("anonymous")?, WireOptions::default()),
    };
    let (catalog, schema) = session.defaults();
    let compression = COMPRESSIONS.iter().find(|(_, c)| *c == options.compression).map_or("none", |(n, _)| n);
    let profile = options.profile.map_or(AUTO, Profile::name);
    let texts = [("catalog", catalog.as_str()), ("schema", &schema), (PROFILE, profile), (COMPRESSION, compression)];
    let mut all: HashMap<String, SessionOptionValue> = texts
        .into_iter()
        .map(|(name, text)| (name.to_owned(), SessionOptionValue { value: Some(OptionValue::Text(text.to_owned())) }))
        .collect();
    for (name, text) in session.settings() {
        let value = match text.parse::<i64>() {
            Ok(number) if name.starts_with("limits.") => OptionValue::Whole(number),
            _ => match text.as_str() {
                "true" | "false" => OptionValue::Flag(text == "true"),
                _ => OptionValue::Text(text),
            },
        };
        all.insert(name, SessionOptionValue { value: Some(value) });
    }
    Ok(all)
}
