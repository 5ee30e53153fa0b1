//! The one place that names every connector and the functions beside DataFusion's.

use std::sync::Arc;

use headwater_clickhouse::ClickHouseConnector;
use headwater_common::Result;
use headwater_common::config::Config;
use headwater_engine::{Engine, EngineBuilder};
use headwater_files::FilesConnector;
use headwater_mongodb::MongoConnector;
use headwater_postgres::PostgresConnector;
use headwater_redis::RedisConnector;

/// An engine with every connector and function.
pub async fn engine(config: Config) -> Result<Engine> {
    builder(config).build().await
}

/// The builder of such an engine.
pub fn builder(config: Config) -> EngineBuilder {
    let builder = Engine::builder().config(config);
    let builder = builder.connector(Arc::new(PostgresConnector)).connector(Arc::new(ClickHouseConnector));
    let builder = builder.connector(Arc::new(MongoConnector)).connector(Arc::new(RedisConnector));
    let builder = builder.connector(Arc::new(FilesConnector));
    let builder = builder.functions(headwater_udfs::register).resolver(headwater_udfs::resolve);
    headwater_udfs::extension_planners().into_iter().fold(builder, EngineBuilder::extension_planner)
}
