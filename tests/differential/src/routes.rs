//! The ways through Headwater on which a query must give the same rows.

use headwater_engine::RULES;

use crate::sources::Placement;

/// How an engine is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// One partition, batches as they come.
    Plain,
    /// Eight partitions.
    EightPartitions,
    /// Batches of one row, two partitions.
    BatchesOfOneRow,
    /// So little memory that larger work spills to disk.
    LittleMemory,
    /// Without one of Headwater's own rules.
    Without(&'static str),
}

impl Setup {
    /// Every setup.
    pub(crate) fn all() -> Vec<Setup> {
        let fixed = [Setup::Plain, Setup::EightPartitions, Setup::BatchesOfOneRow, Setup::LittleMemory];
        fixed.into_iter().chain(RULES.iter().map(|name| Setup::Without(name))).collect()
    }

    fn label(self) -> String {
        match self {
            Setup::Plain => String::new(),
            Setup::EightPartitions => ", 8 partitions".to_owned(),
            Setup::BatchesOfOneRow => ", batches of one row".to_owned(),
            Setup::LittleMemory => ", little memory".to_owned(),
            Setup::Without(rule) => format!(" without {rule}"),
        }
    }
}

/// A way through Headwater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) setup: Setup,
    pub(crate) placement: Placement,
}

impl Route {
    /// The route all others are compared with: nothing is pushed down.
    pub(crate) const REFERENCE: Route = Route { setup: Setup::Plain, placement: Placement::Memory };
    /// The route with everything pushed down.
    pub(crate) const PUSHED: Route = Route { setup: Setup::Plain, placement: Placement::Postgres };

    /// Its name in reports.
    pub(crate) fn label(self) -> String {
        let placement = match self.placement {
            Placement::Memory => "memory",
            Placement::Postgres => "postgres",
            Placement::Parquet => "parquet",
            Placement::PostgresAndParquet => "postgres and parquet",
        };
        format!("{placement}{}", self.setup.label())
    }

    /// The routes that take turns, one a query.
    pub(crate) fn turns() -> Vec<Route> {
        let route = |setup, placement| Route { setup, placement };
        let mut all = vec![
            route(Setup::Plain, Placement::Parquet),
            route(Setup::Plain, Placement::PostgresAndParquet),
            route(Setup::EightPartitions, Placement::Postgres),
            route(Setup::EightPartitions, Placement::Memory),
            route(Setup::BatchesOfOneRow, Placement::PostgresAndParquet),
            route(Setup::BatchesOfOneRow, Placement::Memory),
            route(Setup::LittleMemory, Placement::Postgres),
            route(Setup::LittleMemory, Placement::Memory),
        ];
        all.extend(RULES.iter().map(|name| route(Setup::Without(name), Placement::Postgres)));
        all
    }
}
