//! A table: a pattern of keys with one type of value, and what each of its columns holds.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use headwater_source::TableName;

use crate::pattern::KeyPattern;
use crate::search::index::Index;

/// The one schema of a source.
pub(crate) const SCHEMA: &str = "public";

/// What a string holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// One value.
    Raw,
    /// A JSON object whose members are columns.
    Json,
    /// One record of values between commas.
    Csv,
}

/// The type of the values of a table's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    String(Format),
    Hash,
    /// A document of RedisJSON.
    Json,
    List,
    Set,
    SortedSet,
    Stream,
    TimeSeries,
    Bitmap,
    HyperLogLog,
}

impl Kind {
    /// The server's name of the type.
    pub(crate) fn server_type(self) -> &'static str {
        match self {
            Self::String(_) | Self::Bitmap | Self::HyperLogLog => "string",
            Self::Hash => "hash",
            Self::Json => "ReJSON-RL",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
            Self::TimeSeries => "TSDB-TYPE",
        }
    }

    /// The kind with a name of the server.
    pub(crate) fn of_server_type(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String(Format::Raw),
            "hash" => Self::Hash,
            "ReJSON-RL" => Self::Json,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" => Self::SortedSet,
            "stream" => Self::Stream,
            "TSDB-TYPE" => Self::TimeSeries,
            _ => return None,
        })
    }

    /// The word of option `tables.NAME.type`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash => "hash",
            Self::Json => "json",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
            Self::TimeSeries => "timeseries",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
        }
    }

    /// Whether a key is one row.
    pub(crate) fn is_scalar(self) -> bool {
        matches!(self, Self::String(_) | Self::Hash | Self::Json | Self::Bitmap | Self::HyperLogLog)
    }

    /// Whether the columns of its values are found by looking at values.
    pub(crate) fn has_fields(self) -> bool {
        matches!(self, Self::String(Format::Json | Format::Csv) | Self::Hash | Self::Json | Self::Stream)
    }
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// The whole key.
    Key,
    /// A part of the key, by its place among the parts.
    Part(usize),
    /// Milliseconds until the key expires; null when it does not.
    TimeToLive,
    /// The server's name of the value's type.
    Type,
    /// Bytes that the server uses for the key.
    Memory,
    /// The value of a string or time series, or an element of a list.
    Value,
    /// A field of a hash or stream entry, or a member of a JSON object.
    Field(String),
    /// A whole JSON document.
    Document,
    /// A value of a CSV record, by its place.
    Position(usize),
    /// Place in a list.
    Index,
    /// Member of a set or sorted set.
    Member,
    Score,
    Rank,
    /// Identifier of a stream entry.
    EntryId,
    Timestamp,
    /// Bits that are set, or distinct values.
    Count,
    /// Bytes of a string.
    Length,
    /// A label of a time series.
    Label(String),
}

/// What is needed to fill a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Only the key.
    Key,
    TimeToLive,
    Memory,
    Labels,
    /// The value or its elements.
    Value,
}

impl Role {
    pub(crate) fn need(&self) -> Need {
        match self {
            Self::Key | Self::Part(_) | Self::Type => Need::Key,
            Self::TimeToLive => Need::TimeToLive,
            Self::Memory => Need::Memory,
            Self::Label(_) => Need::Labels,
            _ => Need::Value,
        }
    }

    /// Whether every row has a value.
    fn is_required(&self) -> bool {
        matches!(
            self,
            Self::Key
                | Self::Part(_)
                | Self::Type
                | Self::Index
                | Self::Member
                | Self::Score
                | Self::Rank
                | Self::EntryId
                | Self::Timestamp
                | Self::Count
                | Self::Length
        )
    }

    /// The type of its values when the role says it.
    pub(crate) fn fixed_type(&self, kind: Kind) -> Option<DataType> {
        Some(match self {
            Self::TimeToLive | Self::Memory | Self::Index | Self::Rank | Self::Count | Self::Length => DataType::Int64,
            Self::Type | Self::EntryId | Self::Document => DataType::Utf8,
            Self::Score => DataType::Float64,
            Self::Value if kind == Kind::TimeSeries => DataType::Float64,
            Self::Timestamp => timestamp(),
            _ => return None,
        })
    }

    /// The role in words, for the attributes of a column.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Part(_) => "part of the key",
            Self::TimeToLive => "time to live",
            Self::Type => "type",
            Self::Memory => "memory",
            Self::Value => "value",
            Self::Field(_) => "field",
            Self::Document => "document",
            Self::Position(_) => "position",
            Self::Index => "index",
            Self::Member => "member",
            Self::Score => "score",
            Self::Rank => "rank",
            Self::EntryId => "entry id",
            Self::Timestamp => "timestamp",
            Self::Count => "count",
            Self::Length => "length",
            Self::Label(_) => "label",
        }
    }
}

/// Points in time of streams and time series.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) data_type: DataType,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, role: Role, data_type: DataType) -> Self {
        Self { name: name.into(), role, data_type }
    }

    pub(crate) fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), !self.role.is_required())
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    pub(crate) pattern: KeyPattern,
    pub(crate) kind: Kind,
    pub(crate) columns: Vec<Column>,
    /// Rows, as a sample says.
    pub(crate) row_count: Option<u64>,
    /// An index that has all its keys.
    pub(crate) index: Option<Index>,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The parts of a key of this table. A part of a number type has the one text that this number is written as, so that a
    /// number stands for one key.
    pub(crate) fn parts<'k>(&self, key: &'k [u8]) -> Option<Vec<&'k [u8]>> {
        let parts = self.pattern.parts(key)?;
        let fits = |column: &Column| match column.role {
            Role::Part(i) => parts.get(i).is_some_and(|part| is_canonical(part, &column.data_type)),
            _ => true,
        };
        self.columns.iter().all(fits).then_some(parts)
    }
}

/// Whether a text is how a value of a type is written.
fn is_canonical(text: &[u8], data_type: &DataType) -> bool {
    let number = || std::str::from_utf8(text).ok().and_then(|t| t.parse::<i64>().ok().filter(|n| n.to_string() == t));
    match data_type {
        DataType::Int64 => number().is_some(),
        DataType::Int32 => number().is_some_and(|n| i32::try_from(n).is_ok()),
        DataType::Int16 => number().is_some_and(|n| i16::try_from(n).is_ok()),
        _ => true,
    }
}

/// Whether a part of a key may have a type.
pub(crate) fn is_key_type(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Binary | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// A shared table.
pub(crate) type TableRef = Arc<Table>;
