//! Objects and lists in columns of text, as their JSON text.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Fields};

/// Place of [`Target::Other`].
const OTHER: usize = 0;

/// What a place of a row is to become.
#[derive(Debug)]
enum Target {
    /// Anything that stays as it is written.
    Other,
    Text,
    List(usize),
    Object(HashMap<String, usize>),
}

/// An object or list that is open.
#[derive(Debug)]
struct Frame {
    /// The object's or list's place.
    target: usize,
    /// The place of its next value.
    value: usize,
    is_object: bool,
    /// In an object: whether the next text is a name.
    expects_name: bool,
}

/// Writes objects and lists that stand in a column of text as texts of their JSON, without blanks between its parts. All other bytes
/// stay as they are, also those that are no JSON: the decoder reports them.
#[derive(Debug)]
pub(crate) struct NestedTexts {
    targets: Vec<Target>,
    rows: usize,
    frames: Vec<Frame>,
    in_string: bool,
    escaped: bool,
    /// The name that is being read, without its quotes.
    name: Option<Vec<u8>>,
    /// The object or list that is being taken as a text, and how many of its parts are open.
    taken: Vec<u8>,
    depth: usize,
}

impl NestedTexts {
    /// For rows with these columns.
    pub(crate) fn new(columns: &Fields) -> Self {
        let mut targets = vec![Target::Other];
        let rows = object(columns, &mut targets);
        Self {
            targets,
            rows,
            frames: Vec::new(),
            in_string: false,
            escaped: false,
            name: None,
            taken: Vec::new(),
            depth: 0,
        }
    }

    /// The bytes with texts in the place of objects and lists.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        for byte in bytes {
            if self.depth > 0 {
                self.take(*byte, out);
            } else {
                self.pass(*byte, out);
            }
        }
    }

    /// One byte of an object or list that becomes a text.
    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.in_string {
            self.string(byte);
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                b' ' | b'\t' | b'\r' | b'\n' => return,
                _ => {}
            }
        }
        self.taken.push(byte);
        if self.depth == 0 {
            let text = std::mem::take(&mut self.taken);
            match serde_json::from_slice::<serde::de::IgnoredAny>(&text) {
                Ok(_) => quote(&text, out),
                Err(_) => out.extend_from_slice(&text),
            }
        }
    }

    fn pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.in_string {
            self.string(byte);
            match (self.in_string, &mut self.name) {
                (true, Some(name)) => name.push(byte),
                (false, Some(_)) => self.named(),
                _ => {}
            }
            out.push(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.name = self.frames.last().filter(|frame| frame.expects_name).map(|_| Vec::new());
            }
            b'{' | b'[' => {
                let target = self.frames.last().map_or(self.rows, |frame| frame.value);
                if matches!(self.targets.get(target), Some(Target::Text)) {
                    self.depth = 1;
                    self.taken.push(byte);
                    return;
                }
                let value = if let Some(Target::List(item)) = self.targets.get(target) { *item } else { OTHER };
                let is_object = byte == b'{';
                self.frames.push(Frame { target, value, is_object, expects_name: is_object });
            }
            b'}' | b']' => drop(self.frames.pop()),
            b',' => {
                if let Some(frame) = self.frames.last_mut().filter(|frame| frame.is_object) {
                    (frame.expects_name, frame.value) = (true, OTHER);
                }
            }
            _ => {}
        }
        out.push(byte);
    }

    fn string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    /// A name has been read.
    fn named(&mut self) {
        let (Some(name), Some(frame)) = (self.name.take(), self.frames.last_mut()) else { return };
        frame.expects_name = false;
        let mut quoted = vec![b'"'];
        quoted.extend_from_slice(&name);
        quoted.push(b'"');
        let Ok(name) = serde_json::from_slice::<String>(&quoted) else { return };
        if let Some(Target::Object(fields)) = self.targets.get(frame.target) {
            frame.value = fields.get(&name).copied().unwrap_or(OTHER);
        }
    }
}

fn object(fields: &Fields, targets: &mut Vec<Target>) -> usize {
    let fields = fields.iter().map(|field| (field.name().clone(), place(field.data_type(), targets))).collect();
    targets.push(Target::Object(fields));
    targets.len() - 1
}

fn place(data_type: &DataType, targets: &mut Vec<Target>) -> usize {
    let target = match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Target::Text,
        DataType::List(item) => Target::List(place(item.data_type(), targets)),
        DataType::Struct(fields) => return object(fields, targets),
        _ => return OTHER,
    };
    targets.push(target);
    targets.len() - 1
}

/// A JSON text as a text within JSON. It holds no control characters.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;

    fn rewritten(text: &str) -> String {
        let inner: Fields = vec![Field::new("t", DataType::Utf8, true), Field::new("n", DataType::Int64, true)].into();
        let item = Field::new("item", DataType::Utf8, true);
        let columns: Fields = vec![
            Field::new("t", DataType::Utf8, true),
            Field::new("l", DataType::List(item.into()), true),
            Field::new("o", DataType::Struct(inner), true),
        ]
        .into();
        // In pieces of every size the result is the same.
        let pieces = |size: usize| {
            let mut texts = NestedTexts::new(&columns);
            let mut out = Vec::new();
            text.as_bytes().chunks(size).for_each(|piece| texts.push(piece, &mut out));
            String::from_utf8(out).unwrap()
        };
        let whole = pieces(text.len());
        (1..4).for_each(|size| assert_eq!(pieces(size), whole));
        whole
    }

    #[test]
    fn objects_and_lists_in_text_columns_become_texts() {
        assert_eq!(rewritten(r#"{"t": {"a" : "x\"y", "b": [1, 2]}}"#), r#"{"t": "{\"a\":\"x\\\"y\",\"b\":[1,2]}"}"#);
        assert_eq!(
            rewritten(r#"{"l":[1,"]",[],{"x":1e400}]} {"t":[]}"#),
            r#"{"l":[1,"]","[]","{\"x\":1e400}"]} {"t":"[]"}"#
        );
        assert_eq!(rewritten(r#"{"o":{"n":1,"t":{}},"\u0074":[true]}"#), r#"{"o":{"n":1,"t":"{}"},"\u0074":"[true]"}"#);
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for same in [
            r#"{"t":"[1]","l":["{}"],"o":{"n":[1],"t":null},"x":{"t":[1]}}"#,
            r#"{"t":[1}}"#,
            r#"{"t":{"a":01}}"#,
            r#"{"o":[{"t":[1]}],"t":1}"#,
            r#"]}{"t":1"#,
        ] {
            assert_eq!(rewritten(same), same);
        }
    }
}
