//! TLS to the server: its chain and its host name are always verified.

use std::sync::Arc;

use headwater_common::{Error, Result};
use headwater_source::tls::{certificates, private_key, roots};
use rustls::ClientConfig;

use crate::config::ClickHouseConfig;

/// The client configuration of a source.
pub(crate) fn client_config(config: &ClickHouseConfig) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal(format!("TLS versions: {e}")))?
        .with_root_certificates(roots("ssl_root_certificate", config.ssl_root_certificate.as_deref())?);
    match (&config.ssl_certificate, &config.ssl_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("ssl_certificate", certificate)?;
            let key = private_key("ssl_key", key)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| Error::configuration(format!("ssl_key: {e}")))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}
