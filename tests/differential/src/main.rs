//! `headwater-differential [--queries N] [--seed S] [--first N] [--minutes M] [--workers N] [--sources sql|stores] [--differences N]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints what it found")]
#![allow(clippy::disallowed_methods, reason = "main starts the runtime")]

use std::process::ExitCode;

use headwater_differential::{Plan, Sources, run};

const USAGE: &str = "usage: headwater-differential [--queries N] [--seed S] [--first N] [--minutes M] [--workers N] \
     [--sources sql|stores] [--differences N]";

fn plan(arguments: &[String]) -> Option<Plan> {
    let (queries, sources) = (10_000, Sources::Sql);
    let mut plan = Plan { seed: 1, first: 0, queries, minutes: None, workers: 2, sources, differences_max: 20 };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        if name == "--sources" {
            plan.sources = match value.as_str() {
                "sql" => Sources::Sql,
                "stores" => Sources::Stores,
                _ => return None,
            };
            continue;
        }
        let value: u64 = value.parse().ok()?;
        match name.as_str() {
            "--queries" => plan.queries = value,
            "--seed" => plan.seed = value,
            "--first" => plan.first = value,
            "--minutes" => plan.minutes = Some(value),
            "--workers" => plan.workers = value,
            "--differences" => plan.differences_max = usize::try_from(value).ok()?,
            _ => return None,
        }
    }
    Some(plan)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(plan) = plan(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    println!("seed {}, queries {} to {}", plan.seed, plan.first, plan.first + plan.queries);
    let report = run(plan, |line| println!("{line}")).await;
    println!("{report}");
    if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
