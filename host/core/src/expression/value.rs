//! JSON values as CEL values, and back.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
    CelString, CelType, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Map, Number, Value};

use super::RESULT_BYTES_MAX;

/// A JSON value as a CEL value that borrows its texts. Integers become `int`; those beyond 64 bits
/// with sign become `double`, never `uint`, which does not add to an `int`.
pub(super) fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Box::new(CelInt::from(integer)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            Box::new(CelList::from(items.iter().map(to_cel).collect::<Vec<_>>()))
        }
        Value::Object(entries) => {
            let mut map = HashMap::with_capacity(entries.len());
            for (key, value) in entries {
                map.insert(CelMapKey::from(key.as_str()), to_cel(value));
            }
            Box::new(CelMap::from(map))
        }
    }
}

/// A CEL value as JSON; takes its size off `room`.
///
/// # Errors
/// When it has no JSON form or is too large.
pub(super) fn to_json(value: &(dyn Val + '_), room: &mut u64) -> Result<Value, String> {
    pay(room, 1)?;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        pay(room, text.inner().len())?;
        return Ok(Value::from(text.inner()));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().map(|item| to_json(item.as_ref(), room)).collect();
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return map_to_json(map, room);
    }
    if let Some(integer) = value.downcast_ref::<CelInt>() {
        return Ok(Value::from(*integer.inner()));
    }
    if let Some(unsigned) = value.downcast_ref::<CelUInt>() {
        return Ok(Value::from(*unsigned.inner()));
    }
    if let Some(double) = value.downcast_ref::<CelDouble>() {
        let number = Number::from_f64(*double.inner()).map(Value::Number);
        return number.ok_or_else(|| format!("{} has no JSON form", double.inner()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Ok(Value::from(*truth.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(optional) = value.downcast_ref::<CelOptional<'_>>() {
        return optional.option().map_or(Ok(Value::Null), |inside| to_json(inside, room));
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        pay(room, bytes.inner().len() / 3 * 4)?;
        let bytes = cel::Value::from(bytes.inner().to_vec());
        return bytes.json().map_err(|error| error.to_string());
    }
    if let Some(named) = value.downcast_ref::<CelType>() {
        return Ok(Value::from(named.name()));
    }
    Err(format!("a value of type {} has no JSON form", value.get_type().name()))
}

fn map_to_json(map: &CelMap<'_>, room: &mut u64) -> Result<Value, String> {
    let mut object = Map::new();
    for (key, value) in map.inner() {
        let CelMapKey::String(key) = key else {
            return Err("a map whose keys are not all strings has no JSON form".to_owned());
        };
        pay(room, key.inner().len())?;
        object.insert(key.inner().to_owned(), to_json(value.as_ref(), room)?);
    }
    Ok(Value::Object(object))
}

/// Takes the size of `value` off `room`.
pub(super) fn pay_json(value: &Value, room: &mut u64) -> Result<(), String> {
    pay(room, 1)?;
    match value {
        Value::String(text) => pay(room, text.len()),
        Value::Array(items) => items.iter().try_for_each(|item| pay_json(item, room)),
        Value::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            pay(room, key.len())?;
            pay_json(value, room)
        }),
        _ => Ok(()),
    }
}

fn pay(room: &mut u64, bytes: usize) -> Result<(), String> {
    *room = room
        .checked_sub(bytes as u64)
        .ok_or_else(|| format!("the result is larger than {RESULT_BYTES_MAX} bytes"))?;
    Ok(())
}
