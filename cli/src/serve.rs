//! `headwater serve`.

use std::process::ExitCode;

use headwater_common::Result;
use headwater_common::config::load_file;
use headwater_engine::Engine;
use headwater_flight_server::Server;

use crate::args::ServeArgs;
use crate::interrupt::termination;

/// Serves the configured sources until SIGINT or SIGTERM. A source that is away does not stop the start.
pub(crate) async fn main(args: &ServeArgs) -> Result<ExitCode> {
    let mut config = load_file(Some(&args.config))?;
    if let Some(listen) = &args.listen {
        config.server.flight_listen.clone_from(listen);
    }
    let settings = config.server.clone();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %args.config.display(), "headwater starts");
    let engine = headwater_flight_server::wire::engine(config).await?;
    report(&engine);
    let server = Server::bind(engine.clone(), &settings).await?;
    let terminated = termination()?;
    let (tls, sign_in) = (settings.tls_certificate.is_some(), !(settings.users.is_empty() && settings.tokens.is_empty()));
    tracing::info!(address = %server.local_address(), tls, sign_in, "Flight SQL is ready");
    let grace_ms = settings.shutdown_grace_ms;
    let stop = async move {
        terminated.await;
        tracing::info!(grace_ms, "stopping: no new calls, running ones may end");
    };
    server.serve(stop).await?;
    engine.shutdown().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// One line for each source.
fn report(engine: &Engine) {
    for catalog in engine.catalogs() {
        let source = catalog.source();
        let (name, kind, location) = (source.name(), source.kind(), source.location());
        let discovery = catalog.discovery();
        match catalog.error() {
            Some(error) => {
                tracing::warn!(name, kind, location, error, "source is unavailable; it is tried again when used")
            }
            None => {
                let tables: usize = discovery.schemas.values().map(|s| s.tables.len()).sum();
                tracing::info!(name, kind, location, schemas = discovery.schemas.len(), tables, "source");
            }
        }
    }
}
