//! TLS to the server: its chain and its host name are always verified.

use std::path::Path;
use std::sync::Arc;

use headwater_common::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::ClickHouseConfig;

/// The client configuration of a source.
pub(crate) fn client_config(config: &ClickHouseConfig) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal(format!("TLS versions: {e}")))?
        .with_root_certificates(roots(config)?);
    match (&config.ssl_certificate, &config.ssl_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("ssl_certificate", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable("ssl_key", key, &e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| Error::configuration(format!("ssl_key: {e}")))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn roots(config: &ClickHouseConfig) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match &config.ssl_root_certificate {
        Some(path) => {
            for certificate in certificates("ssl_root_certificate", path)? {
                roots.add(certificate).map_err(|e| unreadable("ssl_root_certificate", path, &e))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(roots)
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path).map_err(|e| unreadable(option, path, &e))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|e| unreadable(option, path, &e))?;
    if all.is_empty() {
        return Err(Error::configuration(format!("{option}: {} holds no certificate", path.display())));
    }
    Ok(all)
}

fn unreadable(option: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!("{option}: cannot use {}: {error}", path.display()))
}
