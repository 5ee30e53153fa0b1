//! Who is calling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// Reads the `authorization` header.
pub(crate) fn credentials(metadata: &MetadataMap) -> Result<Credentials> {
    let Some(value) = metadata.get("authorization") else { return Ok(Credentials::None) };
    let wrong = || Error::unauthenticated("the authorization header must be Basic or Bearer");
    let value = value.to_str().map_err(|_| wrong())?;
    if let Some(token) = value.strip_prefix("Bearer ") {
        return Ok(Credentials::Bearer(token.trim().to_owned()));
    }
    let encoded = value.strip_prefix("Basic ").ok_or_else(wrong)?;
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| wrong())?;
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
