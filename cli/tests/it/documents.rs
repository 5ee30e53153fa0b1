//! Everything that README, the tutorial and the examples show is run here.
//!
//! In a page, a fenced block `sql` is run by the program with the last `toml` block as its configuration; the next block `text`
//! is what it must print, and each line of the next block `plan` must be a part of what it prints. A block `postgres` prepares the
//! database, and blocks `clickhouse`, `mongodb` and `redis` those servers. Addresses and folders are replaced by those of the test.

use std::path::{Path, PathBuf};

use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::{RedisDatabase, address};
use headwater_tests::{TestDatabase, clickhouse, server};

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

/// The databases beside Postgres, those that were filled.
#[derive(Debug, Default)]
struct Stores {
    clickhouse: Option<ClickHouseDatabase>,
    mongodb: Option<MongoDatabase>,
    redis: Option<RedisDatabase>,
}

impl Stores {
    /// The stores that the files `setup.*` of the examples fill.
    async fn of_examples(folder: &Path) -> Self {
        let mut stores = Self::default();
        for (language, extension) in [("clickhouse", "clickhouse.sql"), ("mongodb", "mongodb.js"), ("redis", "redis.txt")] {
            let text = std::fs::read_to_string(folder.join(format!("setup.{extension}"))).unwrap();
            stores.fill(language, &text).await;
        }
        stores
    }

    async fn fill(&mut self, language: &str, text: &str) {
        match language {
            "clickhouse" => self.clickhouse = Some(ClickHouseDatabase::create(text).await),
            "mongodb" => self.mongodb = Some(MongoDatabase::from_shell(text).await),
            _ => self.redis = Some(RedisDatabase::create(text)),
        }
    }

    /// A text of a page or an example, with the names and the addresses of the test.
    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut put = |from: &str, to: &str| text = text.replace(from, to);
        if let Some(database) = &self.clickhouse {
            put("https://reader@clickhouse.example:8443/", &format!("http://app@{}/", clickhouse::address()));
            put("databases = \"web\"", &format!("databases = \"{}\"", database.name()));
            put("clicks.web.", &format!("clicks.{}.", database.name()));
        }
        if let Some(database) = &self.mongodb {
            put("mongodb://reader@mongo.example/", &server("TEST_MONGO_URL"));
            put("databases = \"support\"", &format!("databases = \"{}\"", database.name()));
            put("tickets.support.", &format!("tickets.{}.", database.name()));
        }
        if let Some(database) = &self.redis {
            let url = database.options().get("url").unwrap_or_default().to_owned();
            put("redis://cache.example:6379/0", &url);
        }
        text
    }

    /// The variables of `all_sources.toml`.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let redis = self.redis.as_ref().map(|r| r.options().get("url").unwrap_or_default().to_owned());
        vec![
            ("WEB_URL", format!("http://{}", clickhouse::address())),
            ("WEB_USER", "app".to_owned()),
            ("WEB_PASSWORD", "secret".to_owned()),
            ("SUPPORT_URL", server("TEST_MONGO_URL")),
            ("CACHE_URL", redis.unwrap_or_else(|| format!("redis://{}", address()))),
        ]
    }
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
    let mut stores = Stores::default();
    for (language, text) in blocks(page) {
        match language.as_str() {
            "postgres" => database.run(&text).await,
            "clickhouse" | "mongodb" | "redis" => stores.fill(&language, &text).await,
            "toml" => {
                let text = stores.named(&text).replace("postgres://reader@localhost/shop", &database.url());
                std::fs::write(&config, text.replace("/srv/data", data.to_str().unwrap())).unwrap();
            }
            "sql" => {
                let mut command = program();
                command.current_dir(&data).args(["sql", "--config"]).arg(&config).args(["-f", "-"]);
                let ended = run_with(command.env("SHOP_PASSWORD", "secret"), &stores.named(&text));
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
async fn the_page_on_joining_every_source_answers_as_it_is_written() {
    assert!(run_page("docs/how-to/join-all-sources.md").await >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_the_reference_answer_as_they_are_written() {
    assert!(run_page("docs/reference/sql.md").await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forecasts_of_the_reference_answer_as_they_are_written() {
    assert!(run_page("docs/reference/machine-learning.md").await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_of_the_reference_answer_as_they_are_written() {
    assert!(run_page("docs/reference/models.md").await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_runs_and_prints_what_stands_beside_it() {
    let folder = root().join("examples");
    let setup = std::fs::read_to_string(folder.join("setup.postgres.sql")).unwrap();
    let database = TestDatabase::create("TEST_PG18_URL", &setup).await;
    let stores = Stores::of_examples(&folder).await;
    let prepared = tempfile::tempdir().unwrap();
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    let is_setup = |p: &Path| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("setup."));
    names.retain(|p| p.extension().is_some_and(|e| e == "sql") && !is_setup(p));
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    for path in names {
        let mut command = program();
        let settings = [("SHOP_URL", database.url()), ("SHOP_DATA", folder.join("data").display().to_string())];
        command.envs(settings).envs(stores.variables()).arg("sql").arg("--config");
        if path.with_extension("toml").exists() {
            // The databases have other names in a test.
            command.args(renamed(&path, prepared.path(), &stores));
        } else {
            command.arg(folder.join("shop.toml")).arg("-f").arg(&path);
        }
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

/// An example and its configuration with the names of the test's databases: the configuration, `-f` and the statements.
fn renamed(example: &Path, folder: &Path, stores: &Stores) -> [PathBuf; 3] {
    let (clickhouse, mongodb) = (stores.clickhouse.as_ref().unwrap().name(), stores.mongodb.as_ref().unwrap().name());
    let read = |extension: &str| std::fs::read_to_string(example.with_extension(extension)).unwrap();
    let (config, sql) = (folder.join("example.toml"), folder.join("example.sql"));
    let text = read("toml").replace("databases = \"shop\"", &format!("databases = \"{clickhouse}, {mongodb}\""));
    std::fs::write(&config, text).unwrap();
    let text = read("sql").replace("web.shop.", &format!("web.{clickhouse}."));
    std::fs::write(&sql, text.replace("support.shop.", &format!("support.{mongodb}."))).unwrap();
    [config, PathBuf::from("-f"), sql]
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
        command.env("WEB_URL", "http://127.0.0.1:1").env("WEB_USER", "reader").env("WEB_PASSWORD", "w");
        command.env("SUPPORT_URL", "mongodb://127.0.0.1:1").env("CACHE_URL", "redis://127.0.0.1:1");
        let ended = run_with(command.args(["doctor", "--json", "--deadline", "2", "--config"]).arg(&path), "");
        let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        let first = &report["sections"][0]["findings"];
        assert!(first[0]["text"].as_str().unwrap().starts_with("every key is known"), "{}: {first}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "{seen} configurations");
}
