//! Statements about models as they are understood.

use super::*;

fn model(name: &str) -> ModelName {
    ModelName::parse(name).unwrap()
}

#[test]
fn trainings_become_calls_with_the_query_as_it_stands() {
    let sql = "create or replace model Shop.\"Churn\" options (target = 'it''s', algorithm ['a', 'b'],\n seed => 7)\n\
               as select 'ü', 1 from t -- all\n;";
    let want = "SELECT * FROM __create_model((select 'ü', 1 from t\n), __model => 'shop.Churn', __mode => 'replace', \
                __query => 'select ''ü'', 1 from t', target => 'it''s', algorithm => ['a', 'b'], seed => 7)";
    assert_eq!(parse(sql).unwrap(), Some(ModelStatement::Train(want.into())));
    let kept = parse("CREATE MODEL IF NOT EXISTS m AS SELECT 1").unwrap();
    let want = "SELECT * FROM __create_model((SELECT 1\n), __model => 'public.m', __mode => 'keep', __query => 'SELECT 1')";
    assert_eq!(kept, Some(ModelStatement::Train(want.into())));
}

#[test]
fn the_other_statements_are_understood() {
    let cases = [
        ("drop model m", ModelStatement::Drop { name: model("m"), version: None, if_exists: false }),
        (
            "DROP MODEL IF EXISTS s.m VERSION 3;",
            ModelStatement::Drop { name: model("s.m"), version: Some(3), if_exists: true },
        ),
        ("-- x\nALTER MODEL m SET DEFAULT VERSION 2", ModelStatement::SetDefault { name: model("m"), version: 2 }),
        ("ALTER MODEL m RETRAIN", ModelStatement::Retrain(model("m"))),
        ("show models", ModelStatement::Show),
    ];
    for (sql, want) in cases {
        assert_eq!(parse(sql).unwrap(), Some(want), "{sql}");
    }
    for sql in ["select 1", "create table model (a int)", "create or replace view model as select 1", "drop table model"] {
        assert_eq!(parse(sql).unwrap(), None, "{sql}");
    }
}

#[test]
fn broken_ones_say_what_is_missing() {
    for (sql, part) in [
        ("CREATE MODEL", "expected the name of a model"),
        ("CREATE MODEL m", "expected AS and the query"),
        ("CREATE MODEL m AS ;", "expected the query"),
        ("CREATE MODEL m OPTIONS target = 'y' AS SELECT 1", "expected ( after OPTIONS"),
        ("CREATE MODEL m OPTIONS (target = ) AS SELECT 1", "expected the value of an option"),
        ("CREATE MODEL m OPTIONS (target = 'y'", "expected the value of an option"),
        ("CREATE MODEL m OPTIONS (a = [1) AS SELECT 1", "expected the value of an option"),
        ("CREATE MODEL m OPTIONS (__mode = 'x') AS SELECT 1", "no option \"__mode\""),
        ("CREATE MODEL m OPTIONS (\"a => 1, b\" = 'x') AS SELECT 1", "no option \"a => 1, b\""),
        ("CREATE OR REPLACE MODEL IF NOT EXISTS m AS SELECT 1", "not both"),
        ("CREATE MODEL a.b.c AS SELECT 1", "expected AS"),
        ("CREATE MODEL \"a@b\" AS SELECT 1", "without @"),
        ("DROP MODEL m VERSION x", "expected the number of a version"),
        ("ALTER MODEL m DROP", "expected SET DEFAULT VERSION"),
        ("SHOW MODELS LIKE 'x'", "expected the end"),
    ] {
        let text = parse(sql).unwrap_err().to_string();
        assert!(text.contains(part), "{sql}: {text}");
    }
}
