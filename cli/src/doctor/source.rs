//! One source: reached, counted and looked into, within a deadline.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_common::clock::Stopwatch;
use headwater_common::config::{Config, SourceConfig};
use headwater_common::{Error, ErrorKind, Result};
use headwater_source::tls::certificates;
use headwater_source::{Finding, Source, SourceCatalog};

use super::bare;
use super::certificate::validity;
use super::report::Section;
use crate::run::duration;

/// How often a round trip is measured; the shortest counts.
const ROUND_TRIPS: usize = 5;

/// Everything about one source.
pub(super) async fn section(config: &Config, source: &SourceConfig, deadline: Duration) -> Section {
    let title = format!("source {} ({})", source.name, source.kind);
    let alone = Config { sources: vec![source.clone()], ..bare(config) };
    let mut section = match tokio::time::timeout(deadline, findings(alone)).await {
        Ok(Ok(findings)) => Section { title, findings },
        Ok(Err(e)) => Section::failed(title, e.message(), remedy(&e)),
        Err(_) => {
            let text = format!("no answer within {} s", deadline.as_secs());
            Section::failed(title, &text, "check host, port and firewall; --deadline waits longer")
        }
    };
    section.findings.extend(expiry(source));
    section
}

/// Until when the certificates of a source are valid. One that cannot be read is a fault of its options.
fn expiry(source: &SourceConfig) -> Vec<Finding> {
    let read = |option: &&str| {
        let path = source.options.get(option)?;
        let found = certificates(option, Path::new(path)).ok()?;
        Some(validity(option, &found))
    };
    ["ssl_certificate", "ssl_root_certificate"].iter().filter_map(read).collect()
}

async fn findings(alone: Config) -> Result<Vec<Finding>> {
    let engine = headwater_flight_server::wire::engine(alone).await?;
    let catalogs = engine.catalogs();
    let catalog = catalogs.first().ok_or_else(|| Error::internal("the source is missing"))?;
    let found = look(catalog).await;
    engine.shutdown().await;
    found
}

async fn look(catalog: &Arc<SourceCatalog>) -> Result<Vec<Finding>> {
    let source = catalog.source();
    let product = source.check().await?;
    let mut found = vec![reached(source, &product).await?];
    let discovery = match catalog.error() {
        Some(_) => catalog.refresh().await?,
        None => catalog.ensure_fresh().await?,
    };
    let tables: usize = discovery.schemas.values().map(|s| s.tables.len()).sum();
    let text = format!("{} schemas, {tables} tables", discovery.schemas.len());
    found.push(match tables {
        0 => Finding::warning(text, "check the database, the folder and the user's privileges"),
        _ => Finding::ok(text),
    });
    found.extend(source.diagnose().await?);
    Ok(found)
}

/// Product, place and the time of a round trip.
async fn reached(source: &Arc<dyn Source>, product: &str) -> Result<Finding> {
    let product = product.split(" on ").next().unwrap_or(product);
    let place = source.location();
    if Arc::clone(source).remote().is_none() {
        return Ok(Finding::ok(format!("{product} at {place}")));
    }
    let mut best = Duration::MAX;
    for _ in 0..ROUND_TRIPS {
        let watch = Stopwatch::start();
        source.check().await?;
        best = best.min(watch.elapsed());
    }
    Ok(Finding::ok(format!("{product} at {place}, {} a round trip", duration(best))))
}

fn remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Unavailable => "check that it runs, and host, port and firewall",
        ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => {
            "check user, password and the server's access rules; the user needs to connect and to read"
        }
        ErrorKind::Timeout => "the source is slow or overloaded; --deadline waits longer",
        ErrorKind::Configuration | ErrorKind::InvalidInput => "correct the source's options; its reference page lists them",
        _ => "see the source's own log",
    }
}
