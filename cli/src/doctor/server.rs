//! The address and the TLS files of the server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_common::config::{Config, ServerConfig};
use headwater_common::{Error, Result};
use headwater_flight_server::Server;
use headwater_source::Finding;
use headwater_source::tls::{certificates, private_key, unreadable};
use rustls::RootCertStore;
use tokio::net::TcpStream;

use super::bare;
use super::certificate::validity;
use super::report::Section;

const ANSWER: Duration = Duration::from_secs(3);

/// Whether the server could start, or whether it runs.
pub(super) async fn section(config: &Config, running: bool) -> Section {
    let server = &config.server;
    let mut findings = tls(server);
    findings.push(if running { answers(server).await } else { free(config).await });
    if server.users.is_empty() && server.tokens.is_empty() {
        let remedy = "set server.auth.users or server.auth.tokens when others can reach the address";
        findings.push(Finding::note("every client is admitted", remedy));
    } else {
        let (users, tokens) = (server.users.len(), server.tokens.len());
        findings.push(Finding::ok(format!("clients sign in: {users} with passwords, {tokens} with tokens")));
    }
    Section { title: format!("server {}", server.flight_listen), findings }
}

/// Binds exactly as `headwater serve` does.
async fn free(config: &Config) -> Finding {
    let engine = match headwater_flight_server::wire::engine(bare(config)).await {
        Ok(engine) => engine,
        Err(e) => return Finding::problem(e.to_string(), "correct the limits"),
    };
    match Server::bind(engine, &config.server).await {
        Ok(_) => Finding::ok("the address is free"),
        Err(e) => Finding::problem(
            e.message(),
            "if Headwater runs there already, check with --running; find others with `ss -ltnp`",
        ),
    }
}

async fn answers(server: &ServerConfig) -> Finding {
    match tokio::time::timeout(ANSWER, TcpStream::connect(&server.flight_listen)).await {
        Ok(Ok(_)) => Finding::ok("the running server accepts connections"),
        Ok(Err(e)) => Finding::problem(format!("nothing answers at {}: {e}", server.flight_listen), "start the server"),
        Err(_) => Finding::problem(format!("nothing answers at {}", server.flight_listen), "start the server"),
    }
}

fn tls(server: &ServerConfig) -> Vec<Finding> {
    let (Some(certificate), Some(key)) = (&server.tls_certificate, &server.tls_key) else {
        let remedy = "set server.tls.certificate and server.tls.key when others can reach the address";
        return vec![Finding::note("clients connect without TLS", remedy)];
    };
    match files(certificate, key, server.tls_client_ca.as_deref()) {
        Ok(valid) => {
            let matched = match server.tls_client_ca {
                Some(_) => "TLS: certificate and key belong together; clients must present a certificate",
                None => "TLS: certificate and key belong together",
            };
            [Finding::ok(matched)].into_iter().chain(valid).collect()
        }
        Err(e) => {
            let remedy = "files are PEM: the certificate with its chain, its private key, authorities";
            vec![Finding::problem(e.message(), remedy)]
        }
    }
}

/// Reads the files as the server does, and says until when they are valid.
fn files(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Vec<Finding>> {
    let chain = certificates("server.tls.certificate", certificate)?;
    let mut valid = vec![validity("server.tls.certificate", &chain)];
    let private = private_key("server.tls.key", key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Error::internal(e.to_string()))?.with_no_client_auth();
    builder.with_single_cert(chain, private).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => {
            Error::configuration("server.tls.key does not belong to server.tls.certificate")
        }
        other => unreadable("server.tls.certificate", certificate, &other),
    })?;
    if let Some(path) = client_ca {
        let mut roots = RootCertStore::empty();
        let authorities = certificates("server.tls.client_ca", path)?;
        valid.push(validity("server.tls.client_ca", &authorities));
        for authority in authorities {
            roots.add(authority).map_err(|e| unreadable("server.tls.client_ca", path, &e))?;
        }
    }
    Ok(valid)
}
