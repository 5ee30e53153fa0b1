//! The one place that names every connector.

use std::sync::Arc;

use headwater_clickhouse::ClickHouseConnector;
use headwater_common::Result;
use headwater_common::config::Config;
use headwater_engine::{Engine, EngineBuilder};
use headwater_files::FilesConnector;
use headwater_postgres::PostgresConnector;

/// An engine with every connector.
pub async fn engine(config: Config) -> Result<Engine> {
    builder(config).build().await
}

/// The builder of such an engine.
pub fn builder(config: Config) -> EngineBuilder {
    let builder = Engine::builder().config(config);
    let builder = builder.connector(Arc::new(PostgresConnector)).connector(Arc::new(ClickHouseConnector));
    builder.connector(Arc::new(FilesConnector))
}
