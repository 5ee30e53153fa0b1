//! One query on its routes, against the oracles and in its relations.

use crate::ast::Query;
use crate::campaign::Report;
use crate::differences::{Against, agreed};
use crate::print::quoted;
use crate::relations::Relation;
use crate::routes::{Route, Setup, Sources};
use crate::rows::{Outcome, same};
use crate::schema::COLUMNS;
use crate::universe::Universe;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The reference route and another one.
    Route(Route),
    /// The reference route and DuckDB.
    DuckDb,
    /// The reference route and Postgres itself.
    Postgres,
    /// Two related queries on one route.
    Relation(Relation, Route),
}

/// A difference that nothing explains.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    pub(crate) left: Outcome,
    pub(crate) right: Outcome,
}

/// What a comparison came to.
#[derive(Debug)]
pub(crate) enum Verdict {
    Equal,
    BothRefused,
    Agreed(&'static str),
    NotAsked(&'static str),
    Different(Outcome, Outcome),
}

impl Check {
    /// Its name in reports.
    pub(crate) fn label(self) -> String {
        match self {
            Check::Route(route) => route.label(),
            Check::DuckDb => "DuckDB".to_owned(),
            Check::Postgres => "Postgres".to_owned(),
            Check::Relation(relation, route) => format!("{} on {}", relation.label(), route.label()),
        }
    }

    /// The setups of the engines that it needs.
    pub(crate) fn setups(self) -> Vec<Setup> {
        match self {
            Check::Route(route) | Check::Relation(_, route) if route.setup != Setup::Plain => {
                vec![Setup::Plain, route.setup]
            }
            _ => vec![Setup::Plain],
        }
    }

    /// Runs both sides; `reference` is the reference route's outcome when it is known.
    pub(crate) async fn run(self, universe: &mut Universe, query: &Query, reference: Option<&Outcome>) -> Verdict {
        if let Check::Route(route) | Check::Relation(_, route) = self
            && !route.placement.has_all_columns()
            && !names_only_what_is_everywhere(&universe.text(query, route))
        {
            return Verdict::NotAsked("a column that ClickHouse does not have");
        }
        let (left, right) = match self {
            Check::Relation(relation, route) => {
                let Some((a, b)) = relation.queries(query) else { return Verdict::NotAsked("no filter") };
                (universe.run(&a, route).await, universe.run(&b, route).await)
            }
            _ => {
                let right = match self {
                    Check::Route(route) => universe.run(query, route).await,
                    Check::DuckDb => match universe.duckdb.run(query).await {
                        Ok(outcome) => outcome,
                        Err(reason) => return Verdict::NotAsked(reason),
                    },
                    _ => match universe.postgres.run(query).await {
                        Ok(outcome) => outcome,
                        Err(reason) => return Verdict::NotAsked(reason),
                    },
                };
                let left = match reference {
                    Some(known) => known.clone(),
                    None => universe.run(query, Route::REFERENCE).await,
                };
                (left, right)
            }
        };
        self.verdict(query, left, right)
    }

    fn verdict(self, query: &Query, left: Outcome, right: Outcome) -> Verdict {
        let against = match self {
            Check::Route(_) => Against::Headwater,
            Check::Relation(..) => Against::Related,
            Check::DuckDb => Against::DuckDb,
            Check::Postgres => Against::Postgres,
        };
        // Of two zeros, which are equal, a limit may keep either.
        let zeros_are_one = matches!(against, Against::DuckDb | Against::Postgres) || query.limit.is_some();
        let ordered = !query.order.is_empty() && !matches!(self, Check::Relation(..));
        match (&left, &right) {
            (Ok(a), Ok(b)) if same(a, b, ordered, zeros_are_one) => Verdict::Equal,
            (Err(_), Err(_)) => Verdict::BothRefused,
            _ => match agreed(against, &left, &right) {
                Some(name) => Verdict::Agreed(name),
                None => Verdict::Different(left, right),
            },
        }
    }
}

/// Whether a query's text names only columns that every source has.
fn names_only_what_is_everywhere(text: &str) -> bool {
    COLUMNS.iter().filter(|c| !c.everywhere).all(|c| !text.contains(&format!(".{}", quoted(c.name))))
}

/// Runs a query everywhere and counts; returns what nothing explains.
pub(crate) async fn check(
    universe: &mut Universe,
    query: &Query,
    turn: Route,
    (index, sources): (u64, Sources),
    report: &mut Report,
) -> Vec<Finding> {
    let reference = universe.run(query, Route::REFERENCE).await;
    let pushed = Route::pushed(index, sources);
    // Over SQL sources both oracles for every third query, and one of them for the others; DuckDB for every third over stores.
    let oracles: &[Check] = match (sources, index % 3) {
        (Sources::Sql, 0) => &[Check::DuckDb, Check::Postgres],
        (Sources::Sql, 2) => &[Check::Postgres],
        (Sources::Sql, _) | (Sources::Stores, 0) => &[Check::DuckDb],
        (Sources::Stores, _) => &[],
    };
    let mut checks: Vec<Check> = pushed.iter().map(|route| Check::Route(*route)).collect();
    checks.extend_from_slice(oracles);
    // One of the other routes and, for some, a relation.
    let related = pushed[(index / 30) as usize % pushed.len()];
    match index % 30 {
        0 | 5 | 12 => checks.push(Check::Relation(Relation::CountOfFilter, related)),
        2 | 17 | 24 => checks.push(Check::Relation(Relation::Partitions, related)),
        n if n % 3 == 1 => checks.push(Check::Route(turn)),
        _ => {}
    }
    let mut findings = Vec::new();
    for check in checks {
        match check.run(universe, query, Some(&reference)).await {
            Verdict::Equal => *report.equal.entry(check.label()).or_default() += 1,
            Verdict::BothRefused => report.refused += 1,
            Verdict::Agreed(name) => *report.agreed.entry(name.to_owned()).or_default() += 1,
            Verdict::NotAsked(reason) => {
                *report.not_asked.entry(format!("{}: {reason}", check.label())).or_default() += 1;
            }
            Verdict::Different(left, right) => findings.push(Finding { check, left, right }),
        }
    }
    findings
}
