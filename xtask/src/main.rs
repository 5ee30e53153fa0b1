//! Project tasks: `cargo xtask check | test | tpch | differential | servers | layers | sizes | deny | docs`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task prints what it does")]

mod deny;
mod docs;
mod layers;
mod run;
mod servers;
mod sizes;
mod sql_text;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask check | test [filter ...] | tpch [--sf N] | differential [--sources sql|stores] [--queries N] [--seed S] [--minutes M] [--release] | servers up|down|env [service ...] | layers | sizes | deny | docs [--write]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["check"] => run::check(),
        ["test", filters @ ..] => run::test(filters),
        ["servers", action @ ("up" | "down" | "env"), services @ ..] => servers::act(action, services),
        ["tpch"] => run::tpch("0.1"),
        ["tpch", "--sf", scale_factor] => run::tpch(scale_factor),
        ["differential", options @ ..] => run::differential(options),
        ["layers"] => layers::check(),
        ["sizes"] => sizes::check(),
        ["deny"] => deny::check(),
        ["docs"] => docs::check(false),
        ["docs", "--write"] => docs::check(true),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
