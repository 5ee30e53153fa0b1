//! Answers in one form, whichever protocol they came in.

use redis::Value;

/// The answer without attributes.
fn plain(value: Value) -> Value {
    match value {
        Value::Attribute { data, .. } => plain(*data),
        other => other,
    }
}

/// The bytes of a text or number; `None` when it is neither.
pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match plain(value) {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        Value::Double(number) => Some(number.to_string().into_bytes()),
        Value::Boolean(flag) => Some(flag.to_string().into_bytes()),
        _ => None,
    }
}

/// A text that is UTF-8.
pub(crate) fn text(value: Value) -> Option<String> {
    String::from_utf8(bytes(value)?).ok()
}

/// A whole number.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        Value::Attribute { data, .. } => whole(data),
        _ => None,
    }
}

/// A floating-point number.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        Value::Attribute { data, .. } => float(data),
        _ => None,
    }
}

/// The elements of an array or set.
pub(crate) fn list(value: Value) -> Option<Vec<Value>> {
    match plain(value) {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}

/// The pairs of a map, of a flat list of keys and values, or of a list of pairs.
pub(crate) fn pairs(value: Value) -> Option<Vec<(Value, Value)>> {
    match plain(value) {
        Value::Map(pairs) => Some(pairs),
        Value::Array(items) if items.iter().all(|i| matches!(i, Value::Array(pair) if pair.len() == 2)) => {
            let pair = |item| match item {
                Value::Array(pair) => {
                    let mut pair = pair.into_iter();
                    Some((pair.next()?, pair.next()?))
                }
                _ => None,
            };
            items.into_iter().map(pair).collect()
        }
        Value::Array(items) if items.len() % 2 == 0 => {
            let (mut found, mut items) = (Vec::with_capacity(items.len() / 2), items.into_iter());
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                found.push((key, value));
            }
            Some(found)
        }
        _ => None,
    }
}
