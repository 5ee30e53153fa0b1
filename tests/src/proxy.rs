//! Ways to a server that fail on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring::default_provider};

use crate::server;

/// A port that leads to `target` and cuts each connection after `limit` bytes from the server.
pub async fn cutting(target: String, limit: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&target).await else { continue };
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut limited = from_server.take(limit);
                let _ = tokio::io::copy(&mut limited, &mut to_client).await;
                let _ = to_client.shutdown().await;
                up.abort();
            });
        }
    });
    port
}

/// A port that leads to `target` while the flag is set; clearing it also cuts what runs through it.
pub async fn gate(target: String) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if !state.load(Ordering::Acquire) {
                continue;
            }
            let Ok(mut server) = TcpStream::connect(&target).await else { continue };
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let closed = async {
                    while state.load(Ordering::Acquire) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = closed => {}
                }
            });
        }
    });
    (port, open)
}

/// A port that leads to `target`, and how often the client sent something: its round trips, as long as it waits for answers.
pub async fn counting(target: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trips = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&trips);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&target).await else { continue };
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let down = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut buffer = vec![0; 64 << 10];
                while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
                    counter.fetch_add(1, Ordering::AcqRel);
                    if to_server.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                }
                down.abort();
            });
        }
    });
    (port, trips)
}

/// A TLS end in front of a server. The files are named by variables of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Tls {
    /// Where it listens.
    pub address: &'static str,
    /// The certificate that it shows.
    pub certificate: &'static str,
    /// The certificate's key.
    pub key: &'static str,
    /// The authority whose clients are let in; everyone is without one.
    pub clients: Option<&'static str>,
}

/// A port that takes TLS connections and passes what comes through them on to `target`.
pub async fn tls(target: String, end: Tls) -> u16 {
    let chain = |variable: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(server(variable)).unwrap().map(Result::unwrap).collect()
    };
    let provider = Arc::new(default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match end.clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            chain(authority).into_iter().for_each(|certificate| roots.add(certificate).unwrap());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(server(end.key)).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain(end.certificate), key).unwrap()));
    let listener = TcpListener::bind((end.address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(&target).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}
