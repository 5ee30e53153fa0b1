//! The ways through Headwater on which a query must give the same rows.

use headwater_engine::RULES;

use crate::sources::Placement;

/// The sources whose push-down a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// Postgres, ClickHouse and files.
    Sql,
    /// MongoDB and Redis, alone and beside the others.
    Stores,
}

impl Sources {
    /// Whether query `index` names only what every source has.
    pub(crate) fn everywhere(self, index: u64) -> bool {
        match self {
            Sources::Sql => index.is_multiple_of(2),
            // What every source has runs in both stores.
            Sources::Stores => index % 4 != 3,
        }
    }
}

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
    /// Every setup of a run. The rules are left out over SQL sources only.
    pub(crate) fn all(sources: Sources) -> Vec<Setup> {
        let fixed = [Setup::Plain, Setup::EightPartitions, Setup::BatchesOfOneRow, Setup::LittleMemory];
        let rules = if sources == Sources::Sql { RULES } else { &[] };
        fixed.into_iter().chain(rules.iter().map(|name| Setup::Without(name))).collect()
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

    /// The routes of query `index` with all that can be pushed down.
    pub(crate) fn pushed(index: u64, sources: Sources) -> &'static [Route] {
        const fn plain(placement: Placement) -> Route {
            Route { setup: Setup::Plain, placement }
        }
        static STORES: [Route; 2] = [plain(Placement::MongoDb), plain(Placement::Redis)];
        static SQL: [Route; 4] = [
            plain(Placement::ClickHouse),
            plain(Placement::Postgres),
            plain(Placement::AllThree),
            plain(Placement::Postgres),
        ];
        let place = (index % 4) as usize;
        match sources {
            Sources::Stores if sources.everywhere(index) => &STORES,
            Sources::Stores => &STORES[..1],
            Sources::Sql => &SQL[place..=place],
        }
    }

    /// Its name in reports.
    pub(crate) fn label(self) -> String {
        format!("{}{}", self.placement.label(), self.setup.label())
    }

    /// The routes that take turns: of queries that name only what every source has, and of others.
    pub(crate) fn turns(sources: Sources, everywhere: bool) -> Vec<Route> {
        let placements = |setup: Setup| -> &'static [Placement] {
            match (sources, everywhere, setup) {
                (Sources::Stores, true, Setup::Plain) => &[Placement::StoresAndOthers],
                (Sources::Stores, true, _) => &[Placement::Redis, Placement::StoresAndOthers],
                (Sources::Stores, false, Setup::Plain) => &[Placement::MongoDbAndParquet],
                (Sources::Stores, false, _) => &[Placement::MongoDb],
                (Sources::Sql, true, Setup::Plain) => &[],
                (Sources::Sql, true, _) => &[Placement::ClickHouse, Placement::AllThree],
                (Sources::Sql, false, Setup::Plain) => &[Placement::Parquet, Placement::PostgresAndParquet],
                (Sources::Sql, false, Setup::BatchesOfOneRow) => &[Placement::PostgresAndParquet, Placement::Memory],
                (Sources::Sql, false, Setup::Without(_)) => &[Placement::Postgres],
                (Sources::Sql, false, _) => &[Placement::Postgres, Placement::Memory],
            }
        };
        let routes = |setup| placements(setup).iter().map(move |placement| Route { setup, placement: *placement });
        Setup::all(sources).into_iter().flat_map(routes).collect()
    }
}
