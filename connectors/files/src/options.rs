//! The options of a files source.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::declare;

macro_rules! options {
    ($($name:literal = $default:expr, $secret:expr, $description:literal;)*) => {
        /// Every option, in the order of the reference page.
        pub const OPTIONS: &[OptionSpec] = &[
            $(OptionSpec { name: $name, default: $default, description: $description, secret: $secret },)*
        ];
    };
}

options! {
    "root" = None, false, "Folder, or file://, s3://, gs://, az://, abfss:// or http(s):// URL, whose files are the tables. Required.";
    "files" = None, false, "Paths below the root, separated by commas, instead of a listing; for HTTP servers, which cannot list.";
    "schemas" = Some("none"), false, "`none`: every folder below the root is a table of schema public. `folders`: every folder is a schema, its files and folders are the tables.";
    "hive_partitioning" = Some("true"), false, "Whether folders such as year=2024 are columns of their table.";
    "hive_types" = Some("true"), false, "Whether those columns become BIGINT or DATE when all their values are such; text otherwise.";
    "columns.*" = None, false, "columns.TABLE or columns.SCHEMA.TABLE: types of columns of a CSV or JSON table, such as `id BIGINT, note TEXT`.";
    "csv_header" = Some("true"), false, "Whether the first line of a CSV file holds the names of its columns; column0, column1, ... otherwise.";
    "csv_delimiter" = Some(","), false, "The one-byte character between values; `\\t` is a tab. Files that end in .tsv use a tab.";
    "csv_quote" = Some("\""), false, "The one-byte character around values; `none` for none.";
    "csv_escape" = None, false, "The one-byte character before a quote inside of a value; the quote itself when unset.";
    "csv_comment" = None, false, "Lines that begin with this one-byte character are skipped.";
    "csv_null" = Some(""), false, "The text that stands for null. An empty value of a column that is not text is null too.";
    "csv_null_padding" = Some("false"), false, "Whether missing values at the end of a line are null; an error otherwise.";
    "csv_sample_rows" = Some("20480"), false, "Rows of each CSV file from which types are inferred; 0 makes every column text.";
    "json_sample_rows" = Some("20480"), false, "Rows of each JSON file from which columns and types are inferred.";
    "parquet_binary_as_string" = Some("false"), false, "Whether BINARY columns of Parquet files without a text mark are text.";
    "credentials" = Some("options"), false, "`options`: only what is set here. `environment`: also what the server's environment has; not for CREATE SOURCE.";
    "anonymous" = Some("false"), false, "Whether requests are not signed, whatever credentials there are.";
    "endpoint" = None, false, "Address of the object store, such as http://127.0.0.1:9000; the provider's own when unset.";
    "allow_http" = Some("false"), false, "Whether the object store may be reached without TLS.";
    "region" = None, false, "S3: region; us-east-1 when unset.";
    "access_key_id" = None, true, "S3: access key.";
    "secret_access_key" = None, true, "S3: secret key.";
    "session_token" = None, true, "S3: session token.";
    "virtual_hosted_style" = Some("false"), false, "S3: whether the bucket is part of the host name.";
    "service_account_key" = None, true, "GCS: service account key as JSON text.";
    "account_name" = None, false, "Azure: storage account; may be part of an abfss:// URL.";
    "account_key" = None, true, "Azure: key of the storage account.";
    "sas_token" = None, true, "Azure: shared access signature.";
    "bearer_token" = None, true, "Azure: bearer token.";
    "request_timeout_ms" = Some("30000"), false, "Longest wait for data from an object store, in milliseconds.";
}

/// How CSV files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvOptions {
    pub(crate) header: bool,
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    pub(crate) comment: Option<u8>,
    pub(crate) null: String,
    pub(crate) null_padding: bool,
    pub(crate) sample_rows: u64,
    /// Names of the columns of a file without a header.
    pub(crate) names: Option<Vec<String>>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            header: true,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            null: String::new(),
            null_padding: false,
            sample_rows: 20_480,
            names: None,
        }
    }
}

impl CsvOptions {
    /// Whether a text stands for null.
    pub(crate) fn is_null(&self, text: &str) -> bool {
        text == self.null
    }
}

/// How JSON files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonOptions {
    pub(crate) sample_rows: u64,
}

/// How tables are made from files.
#[derive(Debug, Clone)]
pub(crate) struct TableOptions {
    pub(crate) folders_are_schemas: bool,
    pub(crate) hive_partitioning: bool,
    pub(crate) hive_types: bool,
    pub(crate) binary_as_string: bool,
    pub(crate) csv: CsvOptions,
    pub(crate) json: JsonOptions,
    /// Declared columns by lower-case `table` or `schema.table`.
    pub(crate) columns: BTreeMap<String, Arc<Vec<FieldRef>>>,
}

impl TableOptions {
    pub(crate) fn parse(options: &Options) -> Result<Self> {
        let mut columns = BTreeMap::new();
        for name in options.names() {
            if let Some(table) = name.strip_prefix("columns.") {
                let declared = declare::columns(name, options.get(name).unwrap_or_default())?;
                if let Some((column, _)) = declared.iter().find(|(_, data_type)| *data_type == DataType::Binary) {
                    let message = format!("option \"{name}\": column \"{column}\" of bytes is not read from texts");
                    return Err(Error::configuration(message));
                }
                let field = |(name, data_type): (String, DataType)| FieldRef::new(Field::new(name, data_type, true));
                columns.insert(table.to_owned(), Arc::new(declared.into_iter().map(field).collect()));
            }
        }
        let folders_are_schemas = match options.text("schemas", OPTIONS) {
            Some("folders") => true,
            Some("none") | None => false,
            Some(_) => return Err(Error::configuration("option \"schemas\" must be none or folders")),
        };
        let null = options.text("csv_null", OPTIONS).unwrap_or_default().to_owned();
        let csv = CsvOptions {
            header: options.flag("csv_header", OPTIONS)?,
            delimiter: byte(options, "csv_delimiter")?.unwrap_or(b','),
            quote: byte(options, "csv_quote")?,
            escape: byte(options, "csv_escape")?,
            comment: byte(options, "csv_comment")?,
            null,
            null_padding: options.flag("csv_null_padding", OPTIONS)?,
            sample_rows: options.number("csv_sample_rows", OPTIONS)?,
            names: None,
        };
        let special = [Some(csv.delimiter), csv.quote, csv.comment];
        let clash = special.iter().flatten().any(|b| matches!(b, b'\n' | b'\r'))
            || csv.quote == Some(csv.delimiter)
            || csv.comment.is_some_and(|c| c == csv.delimiter || Some(c) == csv.quote);
        if clash {
            return Err(Error::configuration("csv_delimiter, csv_quote and csv_comment must differ and be no line ends"));
        }
        let json = JsonOptions { sample_rows: options.number("json_sample_rows", OPTIONS)?.max(1) };
        Ok(Self {
            folders_are_schemas,
            hive_partitioning: options.flag("hive_partitioning", OPTIONS)?,
            hive_types: options.flag("hive_types", OPTIONS)?,
            binary_as_string: options.flag("parquet_binary_as_string", OPTIONS)?,
            csv,
            json,
            columns,
        })
    }

    /// The declared columns of a table.
    pub(crate) fn declared(&self, schema: &str, table: &str) -> Option<&Arc<Vec<FieldRef>>> {
        let table = table.to_ascii_lowercase();
        let full = format!("{}.{table}", schema.to_ascii_lowercase());
        self.columns.get(&full).or_else(|| self.columns.get(&table))
    }
}

fn byte(options: &Options, name: &str) -> Result<Option<u8>> {
    match options.text(name, OPTIONS).unwrap_or_default() {
        "" | "none" => Ok(None),
        "\\t" | "tab" => Ok(Some(b'\t')),
        text => match text.as_bytes() {
            [one] => Ok(Some(*one)),
            _ => Err(Error::configuration(format!("option \"{name}\" must be one byte"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_has_every_option() {
        let page = include_str!("../../../docs/reference/files.md");
        for option in OPTIONS {
            let default = option.default.filter(|d| !d.is_empty()).map(|d| format!("`{d}`")).unwrap_or_default();
            let secret = if option.secret { " Secret." } else { "" };
            let row = format!("| `{}` | {default} | {}{secret} |", option.name, option.description);
            assert!(page.contains(&row), "docs/reference/files.md lacks: {row}");
        }
    }

    #[test]
    fn wrong_options_are_refused() {
        let refused = |name: &str, value: &str| TableOptions::parse(&Options::new().with(name, value)).is_err();
        assert!(refused("csv_delimiter", "ab") && refused("csv_quote", ",") && refused("csv_header", "perhaps"));
        assert!(refused("schemas", "yes") && refused("columns.t", "a NONSENSE") && refused("csv_sample_rows", "-1"));
    }
}
