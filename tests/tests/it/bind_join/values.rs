//! Values whose equality is not the same everywhere.

use super::World;

const SPECIAL: &str = "
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'c7');
CREATE TABLE special (id int PRIMARY KEY, fold text COLLATE folded, pad char(6), mood mood, uid uuid, ratio float8, small smallint,
    money numeric(12,4), free numeric, at timestamptz, local timestamp, day date, flag bool, raw bytea, wide varchar(9));
INSERT INTO special SELECT i, CASE i % 3 WHEN 0 THEN 'C' || i % 40 ELSE 'c' || i % 40 END, 'c' || i % 40,
    (ARRAY['sad', 'ok', 'c7', NULL])[1 + i % 4]::mood, ('00000000-0000-0000-0000-' || lpad((i % 40)::text, 12, '0'))::uuid,
    CASE i % 5 WHEN 0 THEN 'NaN'::float8 WHEN 1 THEN '-0'::float8 WHEN 2 THEN 0::float8 ELSE (i % 40)::float8 END, i % 40, (i % 40) / 2.0, (i % 40) / 2.0,
    TIMESTAMPTZ '2024-03-31 00:00:00Z' + (i % 40) * INTERVAL '1 hour', TIMESTAMP '2024-03-31 00:00:00' + (i % 40) * INTERVAL '1 hour',
    DATE '2024-03-31' + i % 40, i % 2 = 0, decode(lpad((i % 40)::text, 2, '0'), 'hex'), 'c' || i % 40
    FROM generate_series(1, 2000) i;
ANALYZE special;
";

const OTHER: &str = "
CREATE TABLE few (id Int32, text String, upper String, uid UUID, uidtext String, ratio Float64, big Int64, unsigned UInt64,
    money Decimal(20, 6), at DateTime64(3, 'UTC'), seconds DateTime('UTC'), day Date, flag Bool, label Enum8('sad' = 2, 'ok' = 1, 'new' = 3))
    ENGINE = MergeTree ORDER BY id;
INSERT INTO few SELECT number, concat('c', toString(number)), concat('C', toString(number)),
    toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number), 12, '0'))),
    concat('00000000-0000-0000-0000-', leftPad(toString(number), 12, '0')),
    multiIf(number % 4 = 0, nan, number % 4 = 1, -0., number % 4 = 2, 0., number), if(number % 3 = 0, number * 10000000000, number),
    number, number / 2, toDateTime64('2024-03-31 00:00:00', 3, 'UTC') + number * 3600,
    toDateTime('2024-03-31 00:00:00', 'UTC') + number * 3600, toDate('2024-03-31') + number, number % 2, ['sad', 'ok', 'new'][1 + number % 3]
    FROM numbers(9)
";

#[tokio::test(flavor = "multi_thread")]
async fn values_that_compare_otherwise_somewhere_give_the_same_rows() {
    let world = World::with_special().await;
    for on in [
        "s.fold = f.text",
        "s.fold = f.upper",
        "s.pad = f.text",
        "s.wide = f.text",
        "s.mood = f.text",
        "s.mood = f.label",
        "s.uid = f.uid",
        "s.uid = f.uidtext",
        "s.uid = f.text",
        "s.ratio = f.ratio",
        "s.ratio = f.id",
        "s.small = f.big",
        "s.small = f.id",
        "s.small = f.unsigned",
        "s.small = f.money",
        "s.money = f.money",
        "s.free = f.money",
        "s.money = f.id",
        "s.at = f.at",
        "s.at = f.seconds",
        "s.local = f.at",
        "s.day = f.day",
        "s.day = f.at",
        "s.flag = f.flag",
        "s.id = f.big",
        "s.small = f.id AND s.wide = f.text",
        "s.small = f.id AND s.fold = f.upper",
        "s.small + 0 = f.id",
        "s.raw = CAST(f.text AS BYTEA)",
    ] {
        for (kind, columns) in [("JOIN", "f.id, s.id"), ("LEFT JOIN", "f.id, s.id")] {
            let sql = format!("SELECT {columns} FROM ch.db.few f {kind} pg.public.special s ON {on}");
            world.same_or_refused(&sql).await;
        }
        let sql =
            format!("SELECT f.id, s.id FROM (SELECT * FROM pg.public.special WHERE id < 9) s JOIN ch.db.few f ON {on}");
        world.same_or_refused(&sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exact_columns_take_keys_and_others_do_not() {
    let world = World::with_special().await;
    for (on, takes) in [
        ("s.wide = f.text", true),
        ("s.uid = f.uidtext", true),
        ("s.small = f.big", true),
        ("s.money = f.money", true),
        ("s.day = f.day", true),
        ("s.fold = f.text", false),
        ("s.pad = f.text", false),
        ("s.small + 0 = f.id", false),
    ] {
        let sql = format!("SELECT f.id, s.id FROM ch.db.few f JOIN pg.public.special s ON {on}");
        assert_eq!(world.binds(&sql).await, takes, "{on}");
        if takes {
            let found = world.fetched("pg", &sql).await;
            assert!(found.keys > 0 && found.rows < 2_000, "{on}: {found:?}");
        }
    }
}

impl World {
    /// With tables of values whose equality differs.
    async fn with_special() -> Self {
        let world = World::create().await;
        world.postgres.run(SPECIAL).await;
        for statement in OTHER.split(";\n").map(str::trim) {
            world.clickhouse.run(statement).await;
        }
        for session in [&world.with, &world.without] {
            session.query("REFRESH SOURCE pg").await.unwrap();
            session.query("REFRESH SOURCE ch").await.unwrap();
        }
        world
    }

    /// The same rows with the rule and without it, or an error both times.
    async fn same_or_refused(&self, sql: &str) {
        let sql = self.named(sql);
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for (session, rows) in [(&self.with, &mut with), (&self.without, &mut without)] {
            let result = match session.query(&sql).await {
                Ok(result) => result.collect().await,
                Err(e) => Err(e),
            };
            match result {
                Ok(batches) => *rows = headwater_tests::lines(&batches),
                Err(e) => *rows = vec![format!("{:?}", e.kind())],
            }
        }
        assert_eq!(with, without, "{sql}");
    }
}
