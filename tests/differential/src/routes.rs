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

    /// The route of query `index` with all that can be pushed down. Every second query names only what every source has.
    pub(crate) fn pushed(index: u64) -> Route {
        let placement = match index % 4 {
            0 => Placement::ClickHouse,
            2 => Placement::AllThree,
            _ => Placement::Postgres,
        };
        Route { setup: Setup::Plain, placement }
    }

    /// Its name in reports.
    pub(crate) fn label(self) -> String {
        format!("{}{}", self.placement.label(), self.setup.label())
    }

    /// The routes that take turns: of queries that name only what every source has, and of others.
    pub(crate) fn turns(everywhere: bool) -> Vec<Route> {
        let route = |setup, placement| Route { setup, placement };
        let mut all = Vec::new();
        for setup in Setup::all() {
            match (everywhere, setup) {
                (true, Setup::Plain) => {}
                (true, _) => all.extend([route(setup, Placement::ClickHouse), route(setup, Placement::AllThree)]),
                (false, Setup::Plain) => {
                    all.extend([route(setup, Placement::Parquet), route(setup, Placement::PostgresAndParquet)]);
                }
                (false, Setup::BatchesOfOneRow) => {
                    all.extend([route(setup, Placement::PostgresAndParquet), route(setup, Placement::Memory)]);
                }
                (false, Setup::Without(_)) => all.push(route(setup, Placement::Postgres)),
                (false, _) => all.extend([route(setup, Placement::Postgres), route(setup, Placement::Memory)]),
            }
        }
        all
    }
}
