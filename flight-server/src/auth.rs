//! Who is calling.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use headwater_common::config::ServerConfig;
use headwater_common::{Error, Result};
use tonic::metadata::MetadataMap;

/// What a call says about its caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    None,
    Basic(String, String),
    Bearer(String),
}

/// Some clients, ADBC among them, send base64 without padding.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Reads the `authorization` header (RFC 9110: the scheme in either case).
pub(crate) fn credentials(metadata: &MetadataMap) -> Result<Credentials> {
    let Some(value) = metadata.get("authorization") else { return Ok(Credentials::None) };
    let wrong = || Error::unauthenticated("the authorization header must be Basic or Bearer");
    let value = value.to_str().map_err(|_| wrong())?;
    let (scheme, value) = value.split_once(' ').ok_or_else(wrong)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(value.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = BASE64.decode(value.trim()).map_err(|_| wrong())?;
    let text = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (user, password) = text.split_once(':').ok_or_else(wrong)?;
    Ok(Credentials::Basic(user.to_owned(), password.to_owned()))
}

/// Whether any caller must say who it is.
pub(crate) fn required(config: &ServerConfig) -> bool {
    !config.users.is_empty() || !config.tokens.is_empty()
}

/// The user with this password. Every refusal reads the same.
pub(crate) fn user(config: &ServerConfig, name: &str, password: &str) -> Result<String> {
    let mut found = false;
    for (known, secret) in &config.users {
        // Every entry is compared, so time tells nothing about names.
        found |= same(known, name) & same(secret.expose(), password);
    }
    if found { Ok(name.to_owned()) } else { Err(refused()) }
}

/// The user of a configured token.
pub(crate) fn token_user(config: &ServerConfig, token: &str) -> Option<String> {
    let mut matching = config.tokens.iter().filter(|(_, secret)| same(secret.expose(), token));
    matching.next_back().map(|(user, _)| user.clone())
}

pub(crate) fn refused() -> Error {
    Error::unauthenticated("wrong user name, password or token")
}

/// Compares in a time that depends on the lengths only.
fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut difference = a.len() ^ b.len();
    for i in 0..a.len().max(b.len()) {
        let (x, y) = (a.get(i).copied().unwrap_or(0), b.get(i).copied().unwrap_or(0));
        difference |= usize::from(x ^ y);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_common::Secret;

    #[test]
    fn headers_are_read_with_and_without_padding_and_in_either_case() {
        let read = |header: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("authorization", header.parse().unwrap());
            credentials(&metadata)
        };
        let ann = |password: &str| Credentials::Basic("ann".into(), password.into());
        for (header, meant) in [
            ("Basic YW5uOmFubnNlY3JldA==", ann("annsecret")),
            ("Basic YW5uOmFubnNlY3JldA", ann("annsecret")),
            ("basic YW5uOnB3", ann("pw")),
            ("bearer token", Credentials::Bearer("token".into())),
        ] {
            assert_eq!(read(header).unwrap(), meant, "{header}");
        }
        for header in ["Basic", "Basic ???", "Digest YW5uOnB3", "Basic YW5u"] {
            assert!(read(header).is_err(), "{header}");
        }
    }

    #[test]
    fn refusals_read_the_same() {
        let config = ServerConfig { users: vec![("ann".into(), Secret::new("pw"))], ..ServerConfig::default() };
        assert_eq!(user(&config, "ann", "pw").unwrap(), "ann");
        let texts: Vec<String> = [("ann", "p"), ("bob", "pw"), ("", "")]
            .iter()
            .map(|(u, p)| user(&config, u, p).unwrap_err().to_string())
            .collect();
        assert!(texts.windows(2).all(|w| w[0] == w[1]));
        assert!(token_user(&config, "").is_none());
    }
}
