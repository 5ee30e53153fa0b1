//! A JSON array as a stream of its elements, so that both layouts of a file are read alike.

use headwater_common::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Unknown,
    Values,
    Array,
    Ended,
}

/// Passes values through, and takes the elements out of an array.
#[derive(Debug)]
pub(crate) struct Elements {
    layout: Layout,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// In an array: whether an element was seen since the last comma.
    element: bool,
    seen: usize,
}

impl Elements {
    pub(crate) fn new() -> Self {
        Self { layout: Layout::Unknown, depth: 0, in_string: false, escaped: false, element: false, seen: 0 }
    }

    /// The values in `bytes`, one after the other.
    pub(crate) fn push<'a>(&mut self, mut bytes: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        while self.layout == Layout::Unknown {
            match bytes.split_first() {
                None => return Ok(&[]),
                // A byte order mark.
                Some((first, rest)) if self.seen < 3 && [0xEF, 0xBB, 0xBF][self.seen] == *first => {
                    self.seen += 1;
                    bytes = rest;
                }
                Some((b'[', rest)) => {
                    self.layout = Layout::Array;
                    bytes = rest;
                }
                Some((first, rest)) if first.is_ascii_whitespace() => bytes = rest,
                Some(_) => self.layout = Layout::Values,
            }
        }
        if self.layout == Layout::Values {
            return Ok(bytes);
        }
        out.clear();
        for byte in bytes {
            self.array_byte(*byte, out)?;
        }
        Ok(out)
    }

    /// Whether all that was opened is closed.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.layout == Layout::Array {
            return Err(Error::invalid("the array is never closed; the file may be cut off"));
        }
        Ok(())
    }

    fn array_byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<()> {
        if self.in_string {
            out.push(byte);
            match (self.escaped, byte) {
                (true, _) => self.escaped = false,
                (false, b'\\') => self.escaped = true,
                (false, b'"') => self.in_string = false,
                _ => {}
            }
            return Ok(());
        }
        if self.layout == Layout::Ended {
            if byte.is_ascii_whitespace() {
                return Ok(());
            }
            return Err(Error::invalid("text follows the closing bracket of the array"));
        }
        match byte {
            b',' if self.depth == 0 => {
                if !self.element {
                    return Err(Error::invalid("a comma of the array has no element before it"));
                }
                self.element = false;
                out.push(b'\n');
                return Ok(());
            }
            b']' if self.depth == 0 => {
                self.layout = Layout::Ended;
                return Ok(());
            }
            b'{' if self.depth == 0 && self.element => {
                return Err(Error::invalid("two elements of the array have no comma between them"));
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b'"' => self.in_string = true,
            _ => {}
        }
        self.element |= !byte.is_ascii_whitespace();
        out.push(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &str, chunk: usize) -> Result<String> {
        let mut elements = Elements::new();
        let (mut all, mut out) = (Vec::new(), Vec::new());
        for piece in bytes.as_bytes().chunks(chunk) {
            all.extend_from_slice(elements.push(piece, &mut out)?);
        }
        elements.finish()?;
        Ok(String::from_utf8(all).unwrap())
    }

    #[test]
    fn arrays_and_lines_are_read_alike() {
        for chunk in [1, 2, 100] {
            assert_eq!(
                text("\u{feff} [{\"a\":\"]},[\\\"\"},{\"b\":[1,2]}] ", chunk).unwrap(),
                "{\"a\":\"]},[\\\"\"}\n{\"b\":[1,2]}"
            );
            assert_eq!(text("{\"a\":1}\n{\"a\":2}\n", chunk).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
            assert!(
                text("[{\"a\":1},", chunk).is_err() && text("[{}] {}", chunk).is_err() && text("[{}{}]", chunk).is_err()
            );
        }
    }
}
