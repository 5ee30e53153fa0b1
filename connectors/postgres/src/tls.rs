//! TLS to the server, from no verification to the full one.

use std::sync::Arc;

use headwater_common::{Error, Result};
use headwater_source::tls::{certificates, private_key, roots};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::config::{PostgresConfig, SslMode};

/// The client configuration of a source; `None` when TLS is off.
pub(crate) fn client_config(config: &PostgresConfig) -> Result<Option<ClientConfig>> {
    if config.ssl_mode == SslMode::Disable {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal(format!("TLS versions: {e}")))?;
    let verifier: Arc<dyn ServerCertVerifier> = match config.ssl_mode {
        SslMode::VerifyCa | SslMode::VerifyFull => {
            let authorities = roots("ssl_root_certificate", config.ssl_root_certificate.as_deref())?;
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider)
                .build()
                .map_err(|e| Error::configuration(format!("ssl_root_certificate: {e}")))?;
            Arc::new(Chain { inner, check_name: config.ssl_mode == SslMode::VerifyFull })
        }
        _ => Arc::new(Anyone { algorithms: provider.signature_verification_algorithms }),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let client = match (&config.ssl_certificate, &config.ssl_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("ssl_certificate", certificate)?;
            let key = private_key("ssl_key", key)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| Error::configuration(format!("ssl_key: {e}")))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(client))
}

/// Verifies the chain, and the host name when asked to.
#[derive(Debug)]
struct Chain {
    inner: Arc<WebPkiServerVerifier>,
    check_name: bool,
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            // The name is checked last, so the chain is good when only the name is not.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Encrypts without asking who the server is (`prefer` and `require`, as libpq does).
#[derive(Debug)]
struct Anyone {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The process-wide provider, for parts of TLS stacks that look for one.
pub(crate) fn install_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may be faster; either way one is installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
