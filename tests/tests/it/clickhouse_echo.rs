//! Whatever is written into a statement for ClickHouse arrives there unchanged.

use datafusion::common::ScalarValue;
use headwater_sqlgen::{ClickHouse, Dialect, Expr, Mode, Writer};
use headwater_tests::clickhouse::{ClickHouseDatabase, address, text};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Texts of one statement.
const PER_STATEMENT: usize = 10_000;
const STATEMENTS: usize = 100;

/// A text of all of Unicode in which quotes, backslashes and control characters are frequent.
fn random_text(random: &mut StdRng) -> String {
    let length = random.random_range(0..12);
    let telling =
        ['\'', '\\', '"', '`', '\0', '\n', '\r', '\t', '\x08', '\x0c', '\x7f', '%', '_', 'x', 'n', '0', '-', '/', '*'];
    let mut out = String::new();
    for _ in 0..length {
        out.push(match random.random_range(0..3) {
            0 | 1 => telling[random.random_range(0..telling.len())],
            _ => random.random::<char>(),
        });
    }
    out
}

/// The answer's hexadecimal lines as bytes.
fn unhex(line: &str) -> Vec<u8> {
    let digits: Vec<char> = line.chars().collect();
    digits.chunks(2).map(|d| u8::from_str_radix(&d.iter().collect::<String>(), 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_texts_come_back_unchanged() {
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..STATEMENTS {
        let texts: Vec<String> = (0..PER_STATEMENT).map(|_| random_text(&mut random)).collect();
        let mut sql = String::from("SELECT hex(arrayJoin([");
        for (i, value) in texts.iter().enumerate() {
            sql.push_str(if i == 0 { "" } else { "," });
            ClickHouse.text(value, &mut sql).unwrap();
        }
        sql.push_str(
            "])) SETTINGS max_query_size = 100000000, max_ast_elements = 1000000, max_expanded_ast_elements = 1000000",
        );
        let answer = text(&address(), "", &sql).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let found: Vec<Vec<u8>> = answer.split_terminator('\n').map(unhex).collect();
        assert_eq!(found.len(), texts.len(), "seed {seed}");
        for (sent, got) in texts.iter().zip(&found) {
            assert_eq!(sent.as_bytes(), got.as_slice(), "seed {seed}: {sent:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_come_back_unchanged() {
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);
    let mut names: Vec<String> = (0..2_000).map(|_| random_text(&mut random)).filter(|n| !n.is_empty()).collect();
    names.retain(|n| !n.contains('\0'));
    names.sort();
    names.dedup();
    let database = ClickHouseDatabase::create("").await;
    let mut sql = String::from("CREATE TABLE names (");
    for (i, name) in names.iter().enumerate() {
        sql.push_str(if i == 0 { "" } else { ", " });
        ClickHouse.identifier(name, &mut sql).unwrap();
        sql.push_str(" Int8");
    }
    sql.push_str(") ENGINE = Memory");
    database.run(&sql).await;
    let asks =
        "SELECT hex(name) FROM system.columns WHERE database = currentDatabase() AND table = 'names' ORDER BY position";
    let answer = database.text(asks).await;
    let found: Vec<Vec<u8>> = answer.split_terminator('\n').map(unhex).collect();
    assert_eq!(found.len(), names.len(), "seed {seed}");
    for (sent, got) in names.iter().zip(&found) {
        assert_eq!(sent.as_bytes(), got.as_slice(), "seed {seed}: {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_times_are_read_exactly() {
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);
    let utc = || Some("UTC".into());
    for _ in 0..500 {
        let float = f64::from_bits(random.random());
        let single = f32::from_bits(random.random());
        let whole: i64 = random.random();
        let nanos = random.random_range(-2_208_988_800_000_000_000..i64::MAX);
        let micros = random.random_range(-2_208_988_800_000_000..10_413_792_000_000_000);
        let seconds: u32 = random.random();
        let days = random.random_range(-25_567..=120_529);
        let digits: i128 = random.random::<i128>() % 10_i128.pow(37);
        let cases = [
            (ScalarValue::Float64(Some(float)), "toString(reinterpretAsUInt64(?))", float.to_bits().to_string()),
            (ScalarValue::Float32(Some(single)), "toString(reinterpretAsUInt32(?))", single.to_bits().to_string()),
            (ScalarValue::Int64(Some(whole)), "toString(?)", whole.to_string()),
            (ScalarValue::TimestampNanosecond(Some(nanos), utc()), "toString(toUnixTimestamp64Nano(?))", nanos.to_string()),
            (
                ScalarValue::TimestampMicrosecond(Some(micros), utc()),
                "toString(toUnixTimestamp64Micro(?))",
                micros.to_string(),
            ),
            (ScalarValue::TimestampSecond(Some(seconds.into()), utc()), "toString(toUInt32(?))", seconds.to_string()),
            (ScalarValue::Date32(Some(days)), "toString(toInt32(toDate32(?)))", days.to_string()),
            (ScalarValue::Decimal128(Some(digits), 38, 0), "toString(?)", digits.to_string()),
        ];
        let mut sql = String::from("SELECT ");
        for (i, (value, reads, _)) in cases.iter().enumerate() {
            let literal = Writer::new(&ClickHouse, Mode::Inline).expr(&Expr::Value(value.clone())).unwrap().finish().text;
            sql.push_str(if i == 0 { "" } else { ", " });
            sql.push_str(&reads.replace('?', &literal));
        }
        let answer = text(&address(), "", &sql).await.unwrap_or_else(|e| panic!("seed {seed}: {sql}: {e}"));
        let wanted: Vec<&str> = cases.iter().map(|(_, _, want)| want.as_str()).collect();
        assert_eq!(answer.trim_end().split('\t').collect::<Vec<_>>(), wanted, "seed {seed}: {sql}");
    }
}

/// Texts that try to end a literal, a comment or a parameter.
fn payloads() -> Vec<String> {
    let starts =
        ["", "'", "\\", "\\'", "\\\\'", "''", "`", "\"", "\\x27", "\u{2019}", "\0'", "%", "{p1:String}", "{", "}", "é'"];
    let ends = [
        " OR 1=1 -- ",
        ") OR (1=1",
        "; DROP TABLE t; --",
        " UNION ALL SELECT 1 --",
        "/*",
        "*/",
        "#",
        " FORMAT Null",
        "\n--",
        "\\",
        " SETTINGS readonly=0",
        "&param_p1=x",
        "\u{0}",
        "\t",
        "",
    ];
    starts.iter().flat_map(|start| ends.iter().map(move |end| format!("{start}{end}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_finds_the_rows_that_it_finds_here() {
    let database =
        ClickHouseDatabase::create("CREATE TABLE t (id UInt32, s String) ENGINE = MergeTree ORDER BY id;\n").await;
    let (session, name) = (database.session().await, database.name());
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    let literal = |p: &str| format!("'{}'", p.replace('\'', "''"));
    let values: Vec<String> = payloads.iter().enumerate().map(|(i, p)| format!("({i}, {})", literal(p))).collect();
    let insert = format!("INSERT INTO ch.{name}.t VALUES {}", values.join(", "));
    let written = session.query(&insert).await.unwrap().affected_rows().await.unwrap();
    assert_eq!(written, payloads.len() as u64);
    for (i, payload) in payloads.iter().enumerate() {
        let same: Vec<String> =
            payloads.iter().enumerate().filter(|(_, p)| *p == payload).map(|(i, _)| i.to_string()).collect();
        let mut same = same;
        same.sort();
        for condition in ["s = ?", "s IN (?, 'surely not')", "s >= ? AND s <= ?", "NOT (s <> ?)"] {
            let sql = format!("SELECT id FROM ch.{name}.t WHERE {}", condition.replace('?', &literal(payload)));
            assert_eq!(headwater_tests::table(&session, &sql).await, same, "{i}: {payload:?}: {condition}");
        }
    }
}
