//! Runs queries on every route and oracle and compares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headwater_common::clock::Stopwatch;

use crate::ast::Query;
use crate::check::{Check, Finding};
use crate::generate;
use crate::random::Random;
use crate::routes::{Route, Setup, Sources};
use crate::rows::show;
use crate::schema;
use crate::sources::postgres::SERVERS;
use crate::universe::Universe;

/// Queries that share one set of rows.
const ROUND: u64 = 2_000;
/// Findings that are made smaller; later ones are listed as they are.
const SHRUNK_MAX: usize = 12;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed of rows and queries.
    pub seed: u64,
    /// Number of the first query.
    pub first: u64,
    /// How many queries.
    pub queries: u64,
    /// Ends the run earlier.
    pub minutes: Option<u64>,
    /// Queries that run at the same time.
    pub workers: u64,
    /// The sources that are compared.
    pub sources: Sources,
    /// Ends the run after so many differences.
    pub differences_max: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Queries that ran.
    pub queries: u64,
    /// Comparisons by name: how many were equal.
    pub equal: BTreeMap<String, u64>,
    /// Comparisons in which both sides refused the query.
    pub refused: u64,
    /// Agreed differences by name.
    pub agreed: BTreeMap<String, u64>,
    /// Queries that an oracle was not asked, by reason.
    pub not_asked: BTreeMap<String, u64>,
    /// Differences that nothing explains, each as a text with all that repeats it.
    pub differences: Vec<String>,
}

impl Report {
    fn add(&mut self, other: Report) {
        self.queries += other.queries;
        self.refused += other.refused;
        let sum = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            from.into_iter().for_each(|(name, n)| *into.entry(name).or_default() += n);
        };
        sum(&mut self.equal, other.equal);
        sum(&mut self.agreed, other.agreed);
        sum(&mut self.not_asked, other.not_asked);
        self.differences.extend(other.differences);
    }

    /// How many comparisons were equal.
    pub fn comparisons(&self) -> u64 {
        self.equal.values().sum()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} queries, {} equal comparisons, {} refused by both",
            self.queries,
            self.comparisons(),
            self.refused
        )?;
        for (title, counts) in [("equal", &self.equal), ("agreed", &self.agreed), ("not asked", &self.not_asked)] {
            for (name, count) in counts {
                writeln!(f, "  {title}: {name}: {count}")?;
            }
        }
        write!(f, "{} differences", self.differences.len())
    }
}

/// What the workers share.
struct Shared {
    plan: Plan,
    next: AtomicU64,
    found: AtomicU64,
    stop: AtomicBool,
    watch: Stopwatch,
}

/// Runs the plan; `progress` is told each difference and, now and then, how far the run is.
pub async fn run(plan: Plan, progress: impl Fn(&str) + Send + Sync + Clone + 'static) -> Report {
    let workers = plan.workers.max(1);
    let shared = Arc::new(Shared {
        next: AtomicU64::new(plan.first),
        plan,
        found: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        watch: Stopwatch::start(),
    });
    let tasks: Vec<_> = (0..workers).map(|_| tokio::spawn(worker(Arc::clone(&shared), progress.clone()))).collect();
    let mut report = Report::default();
    for task in tasks {
        report.add(task.await.expect("a worker"));
    }
    report
}

async fn worker(shared: Arc<Shared>, progress: impl Fn(&str)) -> Report {
    let plan = &shared.plan;
    let (mut report, mut current) = (Report::default(), None);
    let turns = [Route::turns(plan.sources, false), Route::turns(plan.sources, true)];
    while !shared.stop.load(Ordering::Relaxed) {
        let late = plan.minutes.is_some_and(|m| shared.watch.elapsed() > Duration::from_secs(m * 60));
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        if late || index >= plan.first + plan.queries {
            break;
        }
        let round = index / ROUND;
        if !matches!(&current, Some((r, _)) if *r == round) {
            current = Some((round, universe(plan, round).await));
        }
        let Some((_, universe)) = &mut current else { break };
        let everywhere = plan.sources.everywhere(index);
        let query = generate::query(plan.seed, index, everywhere);
        let turns = &turns[usize::from(everywhere)];
        // Queries whose turn counts come every 6 or 12 (see check.rs and Sources::everywhere), so that all turns come.
        let turn = turns[(index / 12 % turns.len() as u64) as usize];
        let findings = crate::check::check(universe, &query, turn, (index, plan.sources), &mut report).await;
        report.queries += 1;
        for finding in findings {
            let number = shared.found.fetch_add(1, Ordering::Relaxed) as usize;
            let text = describe(universe, plan.seed, index, &query, finding, number < SHRUNK_MAX).await;
            progress(&text);
            report.differences.push(text);
            if number + 1 >= plan.differences_max {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
        let done = index + 1 - plan.first;
        if done.is_multiple_of(500) {
            let seconds = shared.watch.elapsed().as_secs().max(1);
            progress(&format!("{done} queries after {seconds} s, {} a second", done / seconds));
        }
    }
    report
}

/// The rows of a round: a function of seed and round only. The servers take turns.
async fn universe(plan: &Plan, round: u64) -> Universe {
    let mut random = Random::new(plan.seed, u64::MAX - round);
    let tables = schema::tables(&mut random);
    Universe::new(tables, SERVERS[(round % 2) as usize], &Setup::all(plan.sources), plan.sources).await
}

/// The finding as a text, after making query and rows as small as they can be.
async fn describe(universe: &mut Universe, seed: u64, index: u64, query: &Query, finding: Finding, shrink: bool) -> String {
    let check = finding.check;
    let (query, rows, finding) = match shrink {
        true => crate::minimize::minimize(universe, query, finding).await,
        false => (query.clone(), String::new(), finding),
    };
    let text = match check {
        Check::Relation(relation, route) => {
            let pair = relation.queries(&query);
            pair.map(|(a, b)| format!("{}\n  and {}", universe.text(&a, route), universe.text(&b, route)))
        }
        Check::Route(route) => Some(universe.text(&query, route)),
        _ => Some(universe.text(&query, Route::REFERENCE)),
    };
    format!(
        "DIFFERENCE {} at seed {seed}, query {index}, {}\n  {}\n  here:  {}\n  there: {}\n{rows}",
        check.label(),
        universe.server,
        text.unwrap_or_default(),
        show(&finding.left, 8),
        show(&finding.right, 8),
    )
}
