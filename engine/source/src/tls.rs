//! Certificates and keys of connections to sources, from PEM files.

use std::path::Path;

use headwater_common::{Error, Result};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authorities in the file that `option` names, or the public ones without a file.
pub fn roots(option: &str, path: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match path {
        Some(path) => {
            for certificate in certificates(option, path)? {
                roots.add(certificate).map_err(|e| unreadable(option, path, &e))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(roots)
}

/// The certificates in a file, at least one.
pub fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path).map_err(|e| unreadable(option, path, &e))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|e| unreadable(option, path, &e))?;
    if all.is_empty() {
        return Err(Error::configuration(format!("{option}: {} holds no certificate", path.display())));
    }
    Ok(all)
}

/// The private key in a file.
pub fn private_key(option: &str, path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| unreadable(option, path, &e))
}

/// The error for a file that cannot be used.
pub fn unreadable(option: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::configuration(format!("{option}: cannot use {}: {error}", path.display()))
}
