//! What the server can do, by number: every number of the specification, each as the member of the union that clients expect.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{CommandGetSqlInfo, SqlInfo, SqlSupportsConvert};
use headwater_engine::Engine;
use tonic::Status;

use crate::status::defect;

/// The facts of one server.
pub(super) struct Information {
    data: Result<SqlInfoData, String>,
}

impl fmt::Debug for Information {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Information").finish_non_exhaustive()
    }
}

impl Information {
    pub(super) fn new(engine: &Engine) -> Self {
        let mut builder = SqlInfoDataBuilder::new();
        for (info, text) in TEXTS {
            builder.append(info, text);
        }
        for (info, flag) in FLAGS {
            builder.append(info, flag);
        }
        for (info, number) in NUMBERS {
            builder.append(info, number);
        }
        for (info, mask) in MASKS {
            builder.append(info, mask);
        }
        for (info, list) in LISTS {
            builder.append(info, list);
        }
        builder.append(SqlInfo::SqlSupportsConvert, conversions());
        configured(&mut builder, engine);
        Self { data: builder.build().map_err(|e| e.to_string()) }
    }

    /// The facts asked for, or all. An unknown number is left out.
    pub(super) fn batch(&self, mut query: CommandGetSqlInfo) -> Result<RecordBatch, Status> {
        let all = query.info.is_empty();
        query.info.sort_unstable();
        query.info.dedup();
        query.info.retain(|number| *number <= SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported as u32);
        if query.info.is_empty() && !all {
            // Only unknown numbers: no row, while an empty list stands for all.
            query.info.push(u32::MAX);
        }
        let data = self.data.as_ref().map_err(|e| defect("the server's description", e))?;
        query.into_builder(data).build().map_err(|e| defect("the server's description", e))
    }
}

pub(super) fn schema() -> SchemaRef {
    SchemaRef::new(SqlInfoDataBuilder::schema().clone())
}

/// Facts that the configuration decides.
fn configured(builder: &mut SqlInfoDataBuilder, engine: &Engine) {
    let (config, limits) = (engine.config(), engine.limits());
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    builder.append(SqlInfo::FlightSqlServerReadOnly, !config.engine.allow_writes);
    builder.append(SqlInfo::FlightSqlServerBulkIngestion, config.engine.allow_writes);
    let idle = i32::try_from(config.server.session_idle_ms).unwrap_or(i32::MAX);
    builder.append(SqlInfo::FlightSqlServerStatementTimeout, idle);
    builder.append(SqlInfo::SqlMaxConnections, number(limits.sessions));
    builder.append(SqlInfo::SqlMaxStatements, number(limits.prepared_statements));
    builder.append(SqlInfo::SqlMaxStatementLength, number(limits.statement_bytes));
    builder.append(SqlInfo::SqlMaxTablesInSelect, number(limits.joins));
    builder.append(SqlInfo::SqlMaxRowSize, number(limits.message_bytes.saturating_mul(4)));
}

const TEXTS: [(SqlInfo, &str); 11] = [
    (SqlInfo::FlightSqlServerName, "Headwater"),
    (SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION")),
    // Version of the columnar format.
    (SqlInfo::FlightSqlServerArrowVersion, "1.5"),
    (SqlInfo::FlightSqlServerSubstraitMinVersion, ""),
    (SqlInfo::FlightSqlServerSubstraitMaxVersion, ""),
    (SqlInfo::SqlIdentifierQuoteChar, "\""),
    (SqlInfo::SqlSearchStringEscape, "\\"),
    (SqlInfo::SqlExtraNameCharacters, "$"),
    (SqlInfo::SqlSchemaTerm, "schema"),
    (SqlInfo::SqlProcedureTerm, "procedure"),
    (SqlInfo::SqlCatalogTerm, "catalog"),
];

const FLAGS: [(SqlInfo, bool); 30] = [
    (SqlInfo::FlightSqlServerSql, true),
    (SqlInfo::FlightSqlServerSubstrait, false),
    (SqlInfo::FlightSqlServerCancel, false),
    (SqlInfo::FlightSqlServerIngestTransactionsSupported, false),
    (SqlInfo::SqlDdlCatalog, false),
    (SqlInfo::SqlDdlSchema, false),
    (SqlInfo::SqlDdlTable, false),
    (SqlInfo::SqlAllTablesAreSelectable, true),
    (SqlInfo::SqlSupportsColumnAliasing, true),
    (SqlInfo::SqlNullPlusNullIsNull, true),
    (SqlInfo::SqlSupportsTableCorrelationNames, true),
    (SqlInfo::SqlSupportsDifferentTableCorrelationNames, false),
    (SqlInfo::SqlSupportsExpressionsInOrderBy, true),
    (SqlInfo::SqlSupportsOrderByUnrelated, true),
    (SqlInfo::SqlSupportsLikeEscapeClause, true),
    (SqlInfo::SqlSupportsNonNullableColumns, true),
    (SqlInfo::SqlSupportsIntegrityEnhancementFacility, false),
    (SqlInfo::SqlCatalogAtStart, true),
    (SqlInfo::SqlSelectForUpdateSupported, false),
    (SqlInfo::SqlStoredProceduresSupported, false),
    (SqlInfo::SqlCorrelatedSubqueriesSupported, true),
    (SqlInfo::SqlMaxRowSizeIncludesBlobs, true),
    (SqlInfo::SqlTransactionsSupported, false),
    (SqlInfo::SqlDataDefinitionCausesTransactionCommit, false),
    (SqlInfo::SqlDataDefinitionsInTransactionsIgnored, false),
    (SqlInfo::SqlBatchUpdatesSupported, true),
    (SqlInfo::SqlSavepointsSupported, false),
    (SqlInfo::SqlNamedParametersSupported, false),
    (SqlInfo::SqlLocatorsUpdateCopy, false),
    (SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported, false),
];

/// 0 stands for "no limit or not known".
const NUMBERS: [(SqlInfo, i64); 15] = [
    (SqlInfo::SqlMaxBinaryLiteralLength, 0),
    (SqlInfo::SqlMaxCharLiteralLength, 0),
    (SqlInfo::SqlMaxColumnNameLength, 0),
    (SqlInfo::SqlMaxColumnsInGroupBy, 0),
    (SqlInfo::SqlMaxColumnsInIndex, 0),
    (SqlInfo::SqlMaxColumnsInOrderBy, 0),
    (SqlInfo::SqlMaxColumnsInSelect, 0),
    (SqlInfo::SqlMaxColumnsInTable, 0),
    (SqlInfo::SqlMaxCursorNameLength, 0),
    (SqlInfo::SqlMaxIndexLength, 0),
    (SqlInfo::SqlDbSchemaNameLength, 0),
    (SqlInfo::SqlMaxProcedureNameLength, 0),
    (SqlInfo::SqlMaxCatalogNameLength, 63),
    (SqlInfo::SqlMaxTableNameLength, 0),
    (SqlInfo::SqlMaxUsernameLength, 0),
];

/// Ordinals and bit masks.
const MASKS: [(SqlInfo, i32); 21] = [
    // No transactions.
    (SqlInfo::FlightSqlServerTransaction, 0),
    (SqlInfo::FlightSqlServerTransactionTimeout, 0),
    // Kept in lower case, unless quoted.
    (SqlInfo::SqlIdentifierCase, 3),
    (SqlInfo::SqlQuotedIdentifierCase, 1),
    // NULL sorts as the highest value.
    (SqlInfo::SqlNullOrdering, 0),
    // Unrelated, and beyond the selected columns.
    (SqlInfo::SqlSupportedGroupBy, 0b11),
    // Minimum and core.
    (SqlInfo::SqlSupportedGrammar, 0b11),
    (SqlInfo::SqlAnsi92SupportedLevel, 0b1),
    // Limited and full outer joins; clients read a mask.
    (SqlInfo::SqlOuterJoinsSupportLevel, 0b110),
    (SqlInfo::SqlSchemasSupportedActions, 0),
    (SqlInfo::SqlCatalogsSupportedActions, 0),
    (SqlInfo::SqlSupportedPositionedCommands, 0),
    // In comparisons, EXISTS and IN.
    (SqlInfo::SqlSupportedSubqueries, 0b111),
    // UNION and UNION ALL.
    (SqlInfo::SqlSupportedUnions, 0b11),
    (SqlInfo::SqlDefaultTransactionIsolation, 0),
    // None.
    (SqlInfo::SqlSupportedTransactionsIsolationLevels, 0b1),
    // Forward only, and read only.
    (SqlInfo::SqlSupportedResultSetTypes, 0b10),
    (SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly, 0b10),
    (SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified, 0),
    (SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive, 0),
    (SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive, 0),
];

const LISTS: [(SqlInfo, &[&str]); 5] = [
    (
        SqlInfo::SqlKeywords,
        &["ANALYZE", "EXPLAIN", "ILIKE", "LIMIT", "QUALIFY", "REFRESH", "SHOW", "SOURCE", "SOURCES", "UNNEST"],
    ),
    (
        SqlInfo::SqlNumericFunctions,
        &[
            "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cot", "degrees", "exp", "floor", "ln", "log", "log10",
            "log2", "pi", "power", "radians", "random", "round", "signum", "sin", "sqrt", "tan", "trunc",
        ],
    ),
    (
        SqlInfo::SqlStringFunctions,
        &[
            "ascii",
            "bit_length",
            "btrim",
            "character_length",
            "chr",
            "concat",
            "concat_ws",
            "initcap",
            "left",
            "length",
            "lower",
            "lpad",
            "ltrim",
            "octet_length",
            "repeat",
            "replace",
            "reverse",
            "right",
            "rpad",
            "rtrim",
            "split_part",
            "starts_with",
            "strpos",
            "substr",
            "translate",
            "trim",
            "upper",
        ],
    ),
    (SqlInfo::SqlSystemFunctions, &["arrow_typeof", "coalesce", "greatest", "least", "nullif", "nvl", "version"]),
    (
        SqlInfo::SqlDatetimeFunctions,
        &[
            "current_date",
            "current_time",
            "date_bin",
            "date_part",
            "date_trunc",
            "from_unixtime",
            "make_date",
            "now",
            "to_char",
            "to_date",
            "to_timestamp",
            "to_unixtime",
        ],
    ),
];

/// Which types CAST turns into which.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    use SqlSupportsConvert as C;
    let numbers = [
        C::SqlConvertBigint,
        C::SqlConvertDecimal,
        C::SqlConvertFloat,
        C::SqlConvertInteger,
        C::SqlConvertNumeric,
        C::SqlConvertReal,
        C::SqlConvertSmallint,
        C::SqlConvertTinyint,
    ];
    let texts = [C::SqlConvertChar, C::SqlConvertLongvarchar, C::SqlConvertVarchar];
    let times = [C::SqlConvertDate, C::SqlConvertTime, C::SqlConvertTimestamp];
    let bytes = [C::SqlConvertBinary, C::SqlConvertLongvarbinary, C::SqlConvertVarbinary];
    let mut map: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let mut add = |from: &[C], to: &[C]| {
        for key in from {
            let targets = map.entry(*key as i32).or_default();
            targets.extend(to.iter().map(|t| *t as i32));
            targets.sort_unstable();
            targets.dedup();
        }
    };
    add(&numbers, &numbers);
    add(&numbers, &texts);
    for targets in [&numbers[..], &texts, &times, &[C::SqlConvertBit]] {
        add(&texts, targets);
    }
    add(&[C::SqlConvertBit], &texts);
    add(&[C::SqlConvertBit], &[C::SqlConvertBit]);
    add(&times, &texts);
    add(&[C::SqlConvertTimestamp], &times);
    add(&[C::SqlConvertDate], &[C::SqlConvertDate, C::SqlConvertTimestamp]);
    add(&[C::SqlConvertTime], &[C::SqlConvertTime]);
    add(&bytes, &bytes);
    map
}
