//! Every type with its extreme values and with what the server says of them.

/// One type.
pub(super) struct Case {
    pub(super) sql_type: &'static str,
    /// Its Arrow type, as Arrow prints it.
    pub(super) arrow: &'static str,
    /// Values, as the server's SQL.
    pub(super) values: &'static [&'static str],
    /// The server's text of a value; `$` is the column.
    pub(super) says: &'static str,
    /// Whether that text is JSON.
    pub(super) json: bool,
}

const fn case(sql_type: &'static str, arrow: &'static str, values: &'static [&'static str], says: &'static str) -> Case {
    Case { sql_type, arrow, values, says, json: false }
}

const fn json(sql_type: &'static str, arrow: &'static str, values: &'static [&'static str]) -> Case {
    Case { sql_type, arrow, values, says: "toJSONString($)", json: true }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let mut all = numbers();
    all.extend(texts());
    all.extend(times());
    all.extend(nested());
    all
}

fn numbers() -> Vec<Case> {
    const DIGITS: &str = "toString($)";
    vec![
        case("Bool", "Boolean", &["true", "false"], DIGITS),
        case("Int8", "Int8", &["-128", "127", "0"], DIGITS),
        case("Int16", "Int16", &["-32768", "32767"], DIGITS),
        case("Int32", "Int32", &["-2147483648", "2147483647"], DIGITS),
        case("Int64", "Int64", &["-9223372036854775808", "9223372036854775807"], DIGITS),
        case("UInt8", "UInt8", &["0", "255"], DIGITS),
        case("UInt16", "UInt16", &["0", "65535"], DIGITS),
        case("UInt32", "UInt32", &["0", "4294967295"], DIGITS),
        case("UInt64", "UInt64", &["0", "18446744073709551615"], DIGITS),
        case("Nullable(Int32)", "Int32", &["NULL", "-5"], DIGITS),
        case("SimpleAggregateFunction(max, UInt64)", "UInt64", &["7"], DIGITS),
        case(
            "Int128",
            "Decimal256(39, 0)",
            &["'-170141183460469231731687303715884105728'", "'170141183460469231731687303715884105727'", "-1", "0"],
            DIGITS,
        ),
        case("UInt128", "Decimal256(39, 0)", &["'340282366920938463463374607431768211455'", "0"], DIGITS),
        case(
            "Int256",
            "Utf8",
            &["'-57896044618658097711785492504343953926634992332820282019728792003956564819968'", "-1", "0", "1000000000"],
            "hex(toString($))",
        ),
        case(
            "Nullable(UInt256)",
            "Utf8",
            &["'115792089237316195423570985008687907853269984665640564039457584007913129639935'", "NULL", "0"],
            "hex(toString($))",
        ),
        case("Float32", "Float32", &["1.5", "nan", "inf", "-inf", "-0.", "1e-45"], "toString(reinterpretAsUInt32($))"),
        case("Float64", "Float64", &["0.1", "nan", "inf", "-inf", "-0.", "5e-324"], "toString(reinterpretAsUInt64($))"),
        case("BFloat16", "Float32", &["1.5", "-0.", "inf", "0.1"], "toString(reinterpretAsUInt32(toFloat32($)))"),
        case("Decimal(9, 2)", "Decimal128(9, 2)", &["'-9999999.99'", "'0.01'", "0"], "toDecimalString($, 2)"),
        case("Decimal(18, 0)", "Decimal128(18, 0)", &["'999999999999999999'", "-1"], "toDecimalString($, 0)"),
        case(
            "Nullable(Decimal(38, 10))",
            "Decimal128(38, 10)",
            &["'-1234567890123456789012345678.0123456789'", "NULL"],
            "toDecimalString($, 10)",
        ),
        case(
            "Decimal(76, 38)",
            "Decimal256(76, 38)",
            &["'-12345678901234567890123456789012345678.01234567890123456789012345678901234567'", "0"],
            "toDecimalString($, 38)",
        ),
    ]
}

fn texts() -> Vec<Case> {
    const HEX: &str = "hex($)";
    const HEX_TEXT: &str = "hex(toString($))";
    vec![
        case("String", "Utf8", &["''", "'a'", "'ü日本𝄞'", "'\\0'", "'\\\\ \\' \" \\n'"], HEX),
        case("Nullable(String)", "Utf8", &["NULL", "''", "'é'"], HEX),
        case("LowCardinality(Nullable(String))", "Utf8", &["'x'", "''", "NULL"], HEX),
        case("FixedString(5)", "FixedSizeBinary(5)", &["'ab'", "'\\xff\\0\\xfe'", "'abcde'"], HEX),
        case(
            "UUID",
            "Utf8",
            &[
                "'00000000-0000-0000-0000-000000000000'",
                "'550e8400-e29b-41d4-a716-446655440000'",
                "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            ],
            HEX_TEXT,
        ),
        case("IPv4", "Utf8", &["'0.0.0.0'", "'255.255.255.255'", "'1.2.3.4'"], HEX_TEXT),
        case(
            "Nullable(IPv6)",
            "Utf8",
            &[
                "NULL",
                "'::'",
                "'::1'",
                "'::ffff:1.2.3.4'",
                "'::1.2.3.4'",
                "'2001:db8:0:0:1:0:0:1'",
                "'1:0:0:2:0:0:0:3'",
                "'::1:0'",
                "'1:2:3:4:5:6:7:8'",
                "'1:0:3:4:5:6:7:8'",
            ],
            HEX_TEXT,
        ),
        case("Enum8('' = -128, 'b\\'c' = 0, 'é' = 127)", "Dictionary(Int32, Utf8)", &["''", "'b\\'c'", "'é'"], HEX_TEXT),
        case("Nullable(Enum16('a' = -32768, 'z' = 32767))", "Dictionary(Int32, Utf8)", &["NULL", "'a'", "'z'"], HEX_TEXT),
        case("JSON", "Utf8", &["'{\"a\": {\"b\": [1, null, \"x\"]}}'", "'{}'"], HEX_TEXT),
        case("Variant(UInt64, String)", "Utf8", &["5::UInt64", "'x'", "NULL"], "hex(CAST($ AS Nullable(String)))"),
        case("Dynamic", "Utf8", &["5", "'x'", "NULL"], "hex(CAST($ AS Nullable(String)))"),
        case("Array(JSON)", "Utf8", &["['{\"a\": 1}']"], HEX_TEXT),
        case("Array(Variant(UInt8, String))", "Utf8", &["[1::UInt8]"], HEX_TEXT),
    ]
}

fn times() -> Vec<Case> {
    const DAYS: &str = "toString(toInt32($))";
    vec![
        case("Date", "Date32", &["'1970-01-01'", "'2149-06-06'", "'2024-02-29'"], DAYS),
        case("Nullable(Date32)", "Date32", &["'1900-01-01'", "'2299-12-31'", "NULL"], DAYS),
        case("DateTime", "Timestamp(s, \"UTC\")", &["0", "4294967295"], "toString(toUInt32($))"),
        case(
            "DateTime('America/New_York')",
            "Timestamp(s, \"UTC\")",
            &["1710054000", "1730610000"],
            "toString(toUInt32($))",
        ),
        case(
            "DateTime64(0)",
            "Timestamp(s, \"UTC\")",
            &["'1900-01-01 00:00:00'", "'2299-12-31 23:59:59'"],
            "toString(toUnixTimestamp64Second($))",
        ),
        case(
            "DateTime64(1, 'UTC')",
            "Timestamp(ms, \"UTC\")",
            &["'1969-12-31 23:59:59.9'", "'2299-12-31 23:59:59.9'"],
            "toString(toUnixTimestamp64Milli($))",
        ),
        case(
            "DateTime64(3)",
            "Timestamp(ms, \"UTC\")",
            &["'2024-02-29 23:59:59.999'"],
            "toString(toUnixTimestamp64Milli($))",
        ),
        case(
            "Nullable(DateTime64(6, 'Asia/Tokyo'))",
            "Timestamp(µs, \"UTC\")",
            &["NULL", "'1900-01-01 12:00:00.000001'"],
            "toString(toUnixTimestamp64Micro($))",
        ),
        case(
            "DateTime64(9)",
            "Timestamp(ns, \"UTC\")",
            &["'1900-01-01 00:00:00.123456789'", "'2262-04-11 23:47:16.854775807'"],
            "toString(toUnixTimestamp64Nano($))",
        ),
        case("Time", "Time32(s)", &["'00:00:00'", "'23:59:59'"], DAYS),
        case(
            "Time64(3)",
            "Time32(ms)",
            &["'00:00:00.001'", "'23:59:59.999'"],
            "toString(toInt64(toDecimal64($, 3) * 1000))",
        ),
        case(
            "Nullable(Time64(6))",
            "Time64(µs)",
            &["NULL", "'23:59:59.999999'"],
            "toString(toInt64(toDecimal64($, 6) * 1000000))",
        ),
        case("Time64(9)", "Time64(ns)", &["'12:34:56.789012345'"], "toString(toInt64(toDecimal128($, 9) * 1000000000))"),
    ]
}

fn nested() -> Vec<Case> {
    vec![
        json("Array(Nullable(Int32))", "List(Int32)", &["[1, NULL, -5]", "[]"]),
        json("Array(Array(String))", "List(non-null List(non-null Utf8))", &["[[], ['a', 'é']]", "[]"]),
        json("Tuple(UInt8, Nullable(String))", "Struct(\"1\": non-null UInt8, \"2\": Utf8)", &["(1, NULL)", "(2, 'x')"]),
        json(
            "Tuple(x UInt8, `y z` Array(UInt8))",
            "Struct(\"x\": non-null UInt8, \"y z\": non-null List(non-null UInt8))",
            &["(1, [2])"],
        ),
        json(
            "Map(String, Array(UInt8))",
            "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": non-null List(non-null UInt8)), unsorted)",
            &["map('a', [1], 'b', [])", "map()"],
        ),
        json(
            "Map(UInt64, Nullable(String))",
            "Map(\"entries\": non-null Struct(\"key\": non-null UInt64, \"value\": Utf8), unsorted)",
            &["map(1, NULL)"],
        ),
        json("Array(Enum8('a' = 1, 'b' = 2))", "List(non-null Dictionary(Int32, Utf8))", &["['b', 'a']"]),
        json("Array(UUID)", "List(non-null Utf8)", &["['550e8400-e29b-41d4-a716-446655440000']"]),
        json(
            "Array(Tuple(a IPv4, b LowCardinality(String)))",
            "List(non-null Struct(\"a\": non-null Utf8, \"b\": non-null Utf8))",
            &["[('1.2.3.4', 'x')]"],
        ),
        json("Point", "Struct(\"1\": non-null Float64, \"2\": non-null Float64)", &["(1.5, -2)"]),
        json(
            "Polygon",
            "List(non-null List(non-null Struct(\"1\": non-null Float64, \"2\": non-null Float64)))",
            &["[[(0, 0), (1, 0.5)]]"],
        ),
    ]
}
