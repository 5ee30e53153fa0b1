//! `headwater doctor`: is the configuration right, can everything be reached, and what to do where not.

mod certificate;
mod configuration;
mod machine;
mod report;
mod server;
mod source;

use std::process::ExitCode;
use std::time::Duration;

use headwater_common::Result;
use headwater_common::config::{Config, examine_file};

use crate::args::DoctorArgs;
use report::{Report, Section};

/// Looks at everything and prints what was found; fails when there is a problem.
pub(crate) async fn main(args: &DoctorArgs) -> Result<ExitCode> {
    let report = examine(args).await;
    if args.json {
        report.print_json()?
    } else {
        report.print()?
    }
    Ok(if report.problems() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(args: &DoctorArgs) -> Report {
    let title =
        args.config.as_ref().map_or("configuration: defaults".to_owned(), |p| format!("configuration {}", p.display()));
    let (config, faults) = match examine_file(args.config.as_deref()) {
        Ok(found) => found,
        Err(e) => return Report(vec![Section::failed(title, e.message(), "give the right path with --config")]),
    };
    let mut sections = vec![configuration::section(title, &config, &faults)];
    sections.push(server::section(&config, args.running).await);
    sections.push(machine::section(&config));
    let deadline = Duration::from_secs(args.deadline.max(1));
    let sources = config.sources.iter().filter(|s| !configuration::is_at_fault(&s.name, &faults));
    let looks = sources.map(|s| source::section(&config, s, deadline));
    sections.extend(futures::future::join_all(looks).await);
    Report(sections)
}

/// The same configuration without sources and without folders that a start would make.
fn bare(config: &Config) -> Config {
    let mut bare = Config { sources: Vec::new(), ..config.clone() };
    bare.engine.spill_dir = None;
    bare
}
