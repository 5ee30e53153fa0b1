//! Everything that README, the tutorial and the examples show is run here.
//!
//! In a page, a fenced block `sql` is run by the program with the last `toml` block as its configuration; the next block `text`
//! is what it must print, and each line of the next block `plan` must be a part of what it prints. A block `postgres` prepares the
//! database. Addresses and folders are replaced by those of the test.

use std::path::{Path, PathBuf};

use headwater_tests::TestDatabase;

use crate::process::{program, run_with};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Runs a page from its first block to its last; returns how many answers were compared.
async fn run_page(page: &str) -> usize {
    let database = TestDatabase::create("TEST_PG18_URL", "SELECT 1").await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let config = folder.path().join("headwater.toml");
    std::fs::write(&config, "").unwrap();
    let mut printed = None;
    let mut compared = 0;
    for (language, text) in blocks(page) {
        match language.as_str() {
            "postgres" => database.run(&text).await,
            "toml" => {
                let text = text.replace("postgres://reader@localhost/shop", &database.url());
                std::fs::write(&config, text.replace("/srv/data", data.to_str().unwrap())).unwrap();
            }
            "sql" => {
                let mut command = program();
                command.current_dir(&data).args(["sql", "--config"]).arg(&config).args(["-f", "-"]);
                let ended = run_with(command.env("SHOP_PASSWORD", "secret"), &text);
                printed = Some(format!("{}{}", ended.out, ended.err));
            }
            "plan" => {
                let printed = printed.take().unwrap_or_else(|| panic!("{page}: nothing ran before\n{text}"));
                for line in text.lines() {
                    assert!(printed.contains(line), "{page}: {line}\nis not in\n{printed}");
                }
                compared += 1;
            }
            "text" => {
                let printed = printed.take().unwrap_or_else(|| panic!("{page}: nothing ran before\n{text}"));
                assert_eq!(printed.trim_end(), text.trim_end(), "{page}");
                compared += 1;
            }
            _ => {}
        }
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_answers_as_it_is_written() {
    assert!(run_page("docs/tutorial.md").await >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_the_reference_answer_as_they_are_written() {
    assert!(run_page("docs/reference/sql.md").await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_runs_and_prints_what_stands_beside_it() {
    let folder = root().join("examples");
    let setup = std::fs::read_to_string(folder.join("setup.postgres.sql")).unwrap();
    let database = TestDatabase::create("TEST_PG18_URL", &setup).await;
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.extension().is_some_and(|e| e == "sql") && !p.to_string_lossy().ends_with(".postgres.sql"));
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    for path in names {
        let mut command = program();
        let settings = [("SHOP_URL", database.url()), ("SHOP_DATA", folder.join("data").display().to_string())];
        command.envs(settings).arg("sql").arg("--config").arg(folder.join("shop.toml")).arg("-f").arg(&path);
        let ended = run_with(&mut command, "");
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", path.display());
        if let Ok(parts) = std::fs::read_to_string(path.with_extension("plan")) {
            assert!(
                parts.lines().count() > 0 && parts.lines().all(|l| ended.out.contains(l)),
                "{parts}\nin\n{}",
                ended.out
            );
            continue;
        }
        let want = std::fs::read_to_string(path.with_extension("out")).unwrap_or_default();
        assert_eq!(ended.out, want, "{}", path.display());
    }
}

#[test]
fn every_example_configuration_is_accepted() {
    let folder = root().join("examples");
    let mut seen = 0;
    for path in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let mut command = program();
        command.env("SHOP_URL", "postgres://reader@127.0.0.1:1/shop").env("SHOP_DATA", folder.join("data"));
        command.env("SHOP_PASSWORD", "x").env("ANN_PASSWORD", "y").env("CI_TOKEN", "z");
        let ended = run_with(command.args(["doctor", "--json", "--deadline", "2", "--config"]).arg(&path), "");
        let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        let first = &report["sections"][0]["findings"];
        assert!(first[0]["text"].as_str().unwrap().starts_with("every key is known"), "{}: {first}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "{seen} configurations");
}
