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

/// What a refused connection says, for users; `None` when the text is of something else.
///
/// The text is that of rustls: `invalid peer certificate: UnknownIssuer`, `received fatal alert: CertificateRequired`.
pub fn refused(text: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 6] = [
        (
            "UnknownIssuer",
            "the server's certificate is signed by an authority that is not trusted; set option \"ssl_root_certificate\"",
        ),
        ("certificate expired", "the server's certificate is no longer valid"),
        ("certificate not valid yet", "the server's certificate is not valid yet"),
        ("certificate not valid for name", "the server's certificate is one of another host"),
        ("alert: CertificateRequired", "the server asks for a client certificate; set option \"ssl_certificate\""),
        ("alert: UnknownCA", "the server does not trust the client certificate of option \"ssl_certificate\""),
    ];
    KNOWN.iter().find(|(part, _)| text.contains(part)).map(|(_, told)| *told)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{AlertDescription, CertificateError, Error as TlsError};

    use super::*;

    #[test]
    fn every_refused_certificate_says_what_is_wrong_with_it() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let name = ServerName::try_from("db").unwrap().to_owned();
        let other = CertificateError::NotValidForNameContext { expected: name, presented: Vec::new() };
        for (error, part) in [
            (TlsError::from(CertificateError::UnknownIssuer), "ssl_root_certificate"),
            (CertificateError::ExpiredContext { time: time(2), not_after: time(1) }.into(), "no longer valid"),
            (CertificateError::NotValidYetContext { time: time(1), not_before: time(2) }.into(), "not valid yet"),
            (other.into(), "another host"),
            (TlsError::AlertReceived(AlertDescription::CertificateRequired), "client certificate"),
            (TlsError::AlertReceived(AlertDescription::UnknownCA), "does not trust"),
        ] {
            let told = refused(&error.to_string());
            assert!(told.is_some_and(|told| told.contains(part)), "{error}: {told:?}");
        }
        assert_eq!(refused("connection reset by peer"), None);
    }
}
