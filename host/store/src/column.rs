//! Values of the core as columns, and back.

use std::error::Error as StdError;
use std::str::FromStr;

use rusqlite::types::{ToSqlOutput, Type, Value, ValueRef};
use rusqlite::{Error, Result, Row};
use serde::de::DeserializeOwned;
use taskloom_core::id::{Digest, PluginName, RunId};
use taskloom_core::journal::StreamId;
use taskloom_core::time::Timestamp;
use uuid::Uuid;

/// A count as SQLite keeps it; what is too large stays at the largest.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The name of a stream: a run's bytes, a plugin's name, or the kind and name of anything else.
pub(crate) fn stream_name(stream: &StreamId) -> ToSqlOutput<'_> {
    match stream {
        StreamId::Run(run) => ToSqlOutput::Borrowed(ValueRef::Blob(run.as_bytes())),
        StreamId::Plugin(plugin) => {
            ToSqlOutput::Borrowed(ValueRef::Text(plugin.as_str().as_bytes()))
        }
        other => ToSqlOutput::Owned(Value::Text(other.to_string())),
    }
}

/// The stream that a column of stream names means.
pub(crate) fn stream(row: &Row<'_>, index: usize) -> Result<StreamId> {
    match row.get_ref(index)? {
        ValueRef::Blob(_) => run_id(row, index).map(StreamId::Run),
        name => {
            let name = name.as_str()?;
            let parsed = if name.contains('/') {
                name.parse()
            } else {
                PluginName::new(name).map(StreamId::Plugin)
            };
            parsed.map_err(|error| unreadable(index, error))
        }
    }
}

pub(crate) fn count(row: &Row<'_>, index: usize) -> Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(index, number))
}

pub(crate) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    row.get(index).map(Timestamp::from_ms)
}

pub(crate) fn time_or_none(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_ms))
}

pub(crate) fn run_id(row: &Row<'_>, index: usize) -> Result<RunId> {
    row.get(index).map(|bytes| RunId::new(Uuid::from_bytes(bytes)))
}

pub(crate) fn run_id_or_none(row: &Row<'_>, index: usize) -> Result<Option<RunId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(index)?.map(|bytes| RunId::new(Uuid::from_bytes(bytes))))
}

pub(crate) fn digest(row: &Row<'_>, index: usize) -> Result<Digest> {
    row.get(index).map(Digest::from_bytes)
}

pub(crate) fn digest_or_none(row: &Row<'_>, index: usize) -> Result<Option<Digest>> {
    Ok(row.get::<_, Option<[u8; 32]>>(index)?.map(Digest::from_bytes))
}

/// An id that checks itself.
pub(crate) fn parsed<T>(row: &Row<'_>, index: usize) -> Result<T>
where
    T: FromStr<Err: StdError + Send + Sync + 'static>,
{
    let text = row.get_ref(index)?.as_str()?;
    text.parse().map_err(|error| unreadable(index, error))
}

/// A word of one of the core's enums, as `serde` knows it.
pub(crate) fn word<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T> {
    let text: String = row.get(index)?;
    serde_json::from_value(text.into()).map_err(|error| unreadable(index, error))
}

/// The error of a text that is not what its column holds.
pub(crate) fn unreadable(index: usize, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(index, Type::Text, error.into())
}
