//! Every type with values at its edges, and SQL that states what each value is.

/// A column: its type, the Arrow type expected (as arrow prints it), SQL of its values, and SQL that turns `$` into the JSON
/// that [`super::render`] makes of the Arrow value.
pub(super) struct Case {
    pub(super) sql_type: &'static str,
    pub(super) arrow: &'static str,
    pub(super) values: &'static [&'static str],
    pub(super) expected: String,
}

const TEXT: &str = "to_json($::text)";
const MICROS: &str = "to_json(((extract(epoch from $) * 1000000)::bigint)::text)";
const DAYS: &str = "to_json(($ - date '1970-01-01')::text)";
const LIST: &str = "to_json($::text[])";
const INTERVAL: &str = "to_json((extract(year from $) * 12 + extract(month from $))::int || ' ' || extract(day from $)::int \
    || ' ' || (((extract(hour from $) * 3600 + extract(minute from $) * 60) * 1000000 + extract(microseconds from $)) \
    * 1000)::bigint)";

/// Ranges, with SQL for a bound in which `#` stands for `lower(...)` or `upper(...)`.
fn range_of(range: &str, bound: &str) -> String {
    let (lower, upper) = (bound.replace('#', &format!("lower({range})")), bound.replace('#', &format!("upper({range})")));
    format!(
        "CASE WHEN {range} IS NOT NULL THEN json_build_array({lower}, {upper}, lower_inc({range})::text, \
         upper_inc({range})::text, isempty({range})::text) END"
    )
}

fn multirange() -> String {
    format!(
        "CASE WHEN $ IS NOT NULL THEN coalesce((SELECT json_agg({}) FROM unnest($) AS r), '[]') END",
        range_of("r", "#::text")
    )
}

/// Objects that the cases need, made in a fresh database.
pub(super) const SETUP: &str = r#"
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION isn;
CREATE TYPE "Mood" AS ENUM ('sad', 'o''k', 'happy é');
CREATE TYPE inner_row AS (x int, y numeric(10,2));
CREATE TYPE outer_row AS (a int, b text[], m "Mood", i inner_row, gone int);
ALTER TYPE outer_row DROP ATTRIBUTE gone;
CREATE TYPE with_text AS (a int, v tsvector);
CREATE DOMAIN short AS varchar(4) CHECK (value <> 'no');
CREATE DOMAIN price AS numeric(8,2);
CREATE DOMAIN cheap AS price CHECK (value < 10);
CREATE DOMAIN pair AS int[] CHECK (array_length(value, 1) = 2);
CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C");
CREATE FUNCTION le(f float8) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(substr(encode(float8send(f), 'hex'), 15 - 2 * g, 2), '' ORDER BY g) FROM generate_series(0, 7) g $$;
"#;

macro_rules! case {
    ($type:literal, $arrow:literal, $expected:expr, $($value:literal),* $(,)?) => {
        Case { sql_type: $type, arrow: $arrow, expected: $expected.to_owned(), values: &[$($value),*] }
    };
}

fn numbers() -> Vec<Case> {
    const HEX4: &str = "to_json(encode(float4send($), 'hex'))";
    const HEX8: &str = "to_json(encode(float8send($), 'hex'))";
    vec![
        case!("bool", "Boolean", TEXT, "true", "false"),
        case!("int2", "Int16", TEXT, "-32768", "32767", "0"),
        case!("int4", "Int32", TEXT, "-2147483648", "2147483647"),
        case!("int8", "Int64", TEXT, "-9223372036854775808", "9223372036854775807"),
        case!("oid", "UInt32", TEXT, "4294967295", "0"),
        case!("xid", "UInt32", TEXT, "'4294967295'", "'0'"),
        case!("cid", "UInt32", TEXT, "'7'"),
        case!("xid8", "UInt64", TEXT, "'18446744073709551615'"),
        case!("regclass", "UInt32", "to_json($::oid::text)", "'pg_class'", "0"),
        case!("regtype", "UInt32", "to_json($::oid::text)", "'int4'"),
        case!("float4", "Float32", HEX4, "'NaN'", "'-Infinity'", "3.4028235e38", "'-0'", "1e-45"),
        case!("float8", "Float64", HEX8, "'NaN'", "'Infinity'", "1.7976931348623157e308", "'-0'", "5e-324", "0.1"),
        case!("numeric(12,3)", "Decimal128(12, 3)", TEXT, "-999999999.999", "0", "0.001", "10000"),
        case!("numeric(38,0)", "Decimal128(38, 0)", TEXT, "99999999999999999999999999999999999999", "-1"),
        case!("numeric(38,38)", "Decimal128(38, 38)", TEXT, "-0.99999999999999999999999999999999999999", "1e-38"),
        case!("numeric(50,20)", "Decimal256(50, 20)", TEXT, "-123456789012345678901234567890.12345678901234567890", "0"),
        case!("numeric(3,5)", "Decimal128(5, 5)", TEXT, "0.00999", "-0.00001"),
        case!("numeric(3,-2)", "Decimal128(5, 0)", TEXT, "99900", "-100"),
        case!("numeric", "Utf8", TEXT, "'NaN'", "'Infinity'", "'-Infinity'", "1e131071", "-1e-16383", "0.000", "123.4500"),
        case!("numeric(100,50)", "Utf8", TEXT, "-12345678901234567890.5"),
        case!("cheap", "Decimal128(8, 2)", TEXT, "-9.99"),
        case!("money", "Decimal128(19, 2)", "to_json($::numeric::text)", "92233720368547758.07", "-92233720368547758.08"),
    ]
}

fn texts() -> Vec<Case> {
    vec![
        case!(
            "text",
            "Utf8",
            TEXT,
            "''",
            "'é日本😀'",
            r#"E'a\nb\t\\ "quote" '''"#,
            "repeat('x', 100000)",
            "'NULL'",
            "'\\N'"
        ),
        case!("varchar(5)", "Utf8", TEXT, "'abcde'", "''"),
        case!("char(5)", "Utf8", "to_json(rpad($::text, 5))", "'ab'", "''"),
        case!("name", "Utf8", TEXT, "'pg_class'", "''"),
        case!("\"char\"", "Utf8", TEXT, "'a'", "''", "(-1)::\"char\""),
        case!("citext", "Utf8", TEXT, "'AbC'"),
        case!("xml", "Utf8", TEXT, "'<a>é</a>'", "'text'"),
        case!("json", "Utf8", TEXT, r#"'{"a" : [1, null]}'"#, "'null'", "'  1 '"),
        case!("jsonb", "Utf8", TEXT, r#"'{"b": 1.50, "a": "é"}'"#, "'null'", "'[]'"),
        case!("refcursor", "Utf8", TEXT, "'c1'"),
        case!("short", "Utf8", TEXT, "'yes'"),
        case!("\"Mood\"", "Dictionary(Int32, Utf8)", TEXT, "'happy é'", "'o''k'", "'sad'"),
        case!("bytea", "Binary", "to_json(encode($, 'hex'))", "'\\x'", "'\\x00ff27'"),
        case!("uuid", "Utf8", TEXT, "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
        case!(
            "inet",
            "Utf8",
            "to_json(trim(both '\"' from to_json($)::text))",
            "'10.1.2.3'",
            "'10.1.2.3/8'",
            "'::1'",
            "'2001:db8::/32'",
            "'::ffff:1.2.3.4'",
            "'1:0:0:2:0:0:0:3'",
            "'0.0.0.0/0'"
        ),
        case!("cidr", "Utf8", TEXT, "'10/8'", "'10.1.2.3'", "'2001:db8::/32'", "'::/0'"),
        case!("macaddr", "Utf8", TEXT, "'08:00:2b:01:02:03'"),
        case!("macaddr8", "Utf8", TEXT, "'08:00:2b:01:02:03:04:ff'"),
        case!("bit(3)", "Utf8", TEXT, "'101'"),
        case!("varbit", "Utf8", TEXT, "''", "'1011001110001'"),
        case!("ean13", "Utf8", TEXT, "'978-0-393-04002-9'"),
        case!("tsvector", "Utf8", TEXT, "'fat:1A cat:2 ''a b'''"),
        case!("tsquery", "Utf8", TEXT, "'fat & !rat'"),
        case!("pg_lsn", "Utf8", TEXT, "'16/B374D848'"),
        case!("jsonpath", "Utf8", TEXT, "'$.a[*] ? (@ > 1)'"),
        case!("txid_snapshot", "Utf8", TEXT, "'10:20:10,14'"),
        case!("pg_snapshot", "Utf8", TEXT, "'10:20:10,14'"),
        case!("tid", "Utf8", TEXT, "'(0,1)'"),
        case!("hstore", "Utf8", TEXT, "'a=>1, b=>NULL'"),
        case!("ltree", "Utf8", TEXT, "'a.b.c'"),
    ]
}

fn times() -> Vec<Case> {
    vec![
        case!("date", "Date32", DAYS, "'4714-11-24 BC'", "'5874897-12-31'", "'2000-02-29'", "'1969-12-31'"),
        case!("time", "Time64(µs)", MICROS, "'00:00'", "'23:59:59.999999'"),
        case!(
            "timetz",
            "Utf8",
            TEXT,
            "'12:34:56.789+05:30'",
            "'00:00:00-15:59:59'",
            "'24:00:00+00'",
            "'01:02:03.000001+00'"
        ),
        case!(
            "timestamp",
            "Timestamp(µs)",
            MICROS,
            "'4714-11-24 00:00:00 BC'",
            "'294246-12-31 23:59:59.999999'",
            "'1969-12-31 23:59:59.999999'"
        ),
        case!(
            "timestamptz",
            "Timestamp(µs, \"UTC\")",
            MICROS,
            "'4714-11-24 00:00:00+00 BC'",
            "'294246-12-31 23:59:59.999999+00'",
            "'2024-06-01 12:00+02'"
        ),
        case!(
            "interval",
            "Interval(MonthDayNano)",
            INTERVAL,
            "'1 year 2 mons 3 days 04:05:06.789'",
            "'-1 mon +2 days -00:00:00.000001'",
            "'2562047 hours'",
            "'178000000 years'",
            "'0'"
        ),
    ]
}

fn nested() -> Vec<Case> {
    let moments = "CASE WHEN $ IS NOT NULL THEN coalesce((SELECT json_agg(((extract(epoch from e) * 1000000)::bigint)::text \
        ORDER BY n) FROM unnest($) WITH ORDINALITY AS u(e, n)), '[]') END";
    let row = "CASE WHEN $::text IS NOT NULL THEN json_build_array(($).a::text, to_json(($).b), ($).m::text, \
        CASE WHEN ($).i::text IS NOT NULL THEN json_build_array((($).i).x::text, (($).i).y::text) END) END";
    let range = |bound: &str| range_of("$", bound);
    vec![
        case!("int4[]", "List(Int32)", LIST, "'{}'", "'{1,NULL,-3}'", "'{NULL}'"),
        case!("int4[][]", "List(List(Int32))", LIST, "'{{1,2,3},{4,NULL,6}}'", "'{}'"),
        case!("text[][][]", "List(List(List(Utf8)))", LIST, r#"'{{{a,"b c"},{NULL,"NULL"}},{{"\"",""},{é,"{}"}}}'"#),
        case!("numeric(10,2)[]", "List(Decimal128(10, 2))", LIST, "'{1.50,-0.01}'"),
        case!("bool[]", "List(Boolean)", LIST, "'{t,f,NULL}'"),
        case!("timestamptz[]", "List(Timestamp(µs, \"UTC\"))", moments, "'{2024-06-01 12:00+02,NULL}'", "'{}'"),
        case!("\"Mood\"[]", "List(Dictionary(Int32, Utf8))", LIST, "'{sad,NULL,sad}'"),
        case!("cheap[]", "List(Decimal128(8, 2))", LIST, "'{1.5}'"),
        case!("tsvector[]", "List(Utf8)", LIST, "'{\"a:1 b\",NULL}'", "'{}'"),
        case!("pair[]", "Utf8", TEXT, "ARRAY[ARRAY[1,2]::pair]"),
        case!("pair", "List(Int32)", LIST, "'{1,2}'"),
        case!("int2vector", "List(Int16)", "to_json(string_to_array($::text, ' '))", "'1 2 3'"),
        case!("oidvector", "List(UInt32)", "to_json(string_to_array($::text, ' '))", "'1 4294967295'"),
        case!(
            "outer_row",
            "Struct(\"a\": Int32, \"b\": List(Utf8), \"m\": Dictionary(Int32, Utf8), \"i\": Struct(\"x\": Int32, \"y\": Decimal128(10, 2)))",
            row,
            "ROW(1, '{x,NULL}', 'sad', ROW(2, 3.5))",
            "ROW(NULL, NULL, NULL, NULL)",
            "ROW(-1, '{}', 'o''k', ROW(NULL, NULL))"
        ),
        case!("with_text", "Utf8", TEXT, "ROW(1, 'a:1')"),
        case!("int4range", "", range("#::text"), "'[1,5)'", "'empty'", "'(,)'", "'[3,)'", "'(,7]'"),
        case!("int8range", "", range("#::text"), "'[-9223372036854775808,9223372036854775807)'"),
        case!("numrange", "", range("#::text"), "'(1.50,2]'", "'[NaN,NaN]'"),
        case!(
            "tsrange",
            "",
            range("((extract(epoch from #) * 1000000)::bigint)::text"),
            "'[2024-01-01 00:00:00.000001,2025-01-01)'"
        ),
        case!("tstzrange", "", range("((extract(epoch from #) * 1000000)::bigint)::text"), "'(,2025-01-01 00:00+01]'"),
        case!("daterange", "", range("(# - date '1970-01-01')::text"), "'[2024-01-01,2024-02-01]'"),
        case!("float_range", "", range("encode(float8send(#), 'hex')"), "'[1.5,Infinity)'"),
        case!("text_range", "", range("#::text"), "'[a,\"b,c\")'"),
        case!(
            "int4range[]",
            "",
            format!("CASE WHEN $ IS NOT NULL THEN (SELECT json_agg({}) FROM unnest($) AS r) END", range_of("r", "#::text")),
            "'{\"[1,2)\",NULL,empty}'"
        ),
        case!("int4multirange", "", multirange(), "'{}'", "'{[1,3),[5,)}'"),
        case!("nummultirange", "", multirange(), "'{(1.5,2.50]}'"),
    ]
}

fn geometries() -> Vec<Case> {
    let points = "le(0) || le(0) || le(1.5) || le(-2)";
    let path = format!(
        "to_json(CASE WHEN isclosed($) THEN '010200000003000000' || {points} || le(0) || le(0) \
         WHEN isopen($) THEN '010200000002000000' || {points} END)"
    );
    let polygon =
        format!("to_json(CASE WHEN $ IS NOT NULL THEN '01030000000100000003000000' || {points} || le(0) || le(0) END)");
    vec![
        case!("point", "Binary", "to_json('0101000000' || le(($)[0]) || le(($)[1]))", "'(1.5,-2)'", "'(NaN,Infinity)'"),
        case!(
            "lseg",
            "Binary",
            "to_json('010200000002000000' || le((($)[0])[0]) || le((($)[0])[1]) || le((($)[1])[0]) || le((($)[1])[1]))",
            "'[(0,1),(2,3.5)]'"
        ),
        case!("path", "Binary", path, "'[(0,0),(1.5,-2)]'", "'((0,0),(1.5,-2))'"),
        case!("polygon", "Binary", polygon, "'((0,0),(1.5,-2))'"),
        case!("line", "Utf8", TEXT, "'{1,-2,3}'"),
        case!("box", "Utf8", TEXT, "'(3,4),(1,2)'"),
        case!("circle", "Utf8", TEXT, "'<(1,2),3>'"),
        case!(
            "box[]",
            "List(Utf8)",
            "CASE WHEN $ IS NOT NULL THEN (SELECT json_agg(e::text) FROM unnest($) AS e) END",
            "ARRAY['(3,4),(1,2)'::box]"
        ),
    ]
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [numbers(), texts(), times(), nested(), geometries()].into_iter().flatten().collect()
}
