//! `headwater serve`.

use std::process::ExitCode;

use headwater_common::Result;
use headwater_common::config::load_file;
use headwater_engine::Engine;

use crate::args::ServeArgs;
use crate::interrupt::termination;

/// Serves the configured sources until SIGINT or SIGTERM.
pub(crate) async fn main(args: &ServeArgs) -> Result<ExitCode> {
    let mut config = load_file(Some(&args.config))?;
    if let Some(listen) = &args.listen {
        config.server.flight_listen.clone_from(listen);
    }
    let server = config.server.clone();
    let engine = headwater_flight_server::wire::engine(config).await?;
    report(&engine);
    eprintln!("listening on {}", server.flight_listen);
    let stop = async {
        if let Err(e) = termination().await {
            tracing::error!(error = %e, "stopping");
        }
    };
    headwater_flight_server::serve(engine.clone(), &server, stop).await?;
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// One line for each source.
fn report(engine: &Engine) {
    for catalog in engine.catalogs() {
        let source = catalog.source();
        let state = match catalog.error() {
            Some(error) => format!("unavailable: {error}"),
            None => {
                let tables: usize = catalog.discovery().schemas.values().map(|s| s.tables.len()).sum();
                format!("{tables} tables")
            }
        };
        eprintln!("source {} ({}, {}): {state}", source.name(), source.kind(), source.location());
    }
}
