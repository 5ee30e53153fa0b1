//! Bytes into records: quotes, escapes, comments, every kind of line end, with the line of each record.

use headwater_common::{Error, Result};

use crate::options::CsvOptions;

/// Longest record.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// The fields of one record, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Line of its first byte, from 1.
    pub(crate) line: u64,
}

impl Record {
    /// Number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a field.
    pub(crate) fn field(&self, i: usize) -> Option<&[u8]> {
        let end = *self.ends.get(i)?;
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        Some(&self.bytes[start..end])
    }

    /// The text of a field.
    pub(crate) fn text(&self, i: usize) -> Result<&str> {
        let bytes = self.field(i).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| {
            Error::invalid(format!("line {}: field {} is not UTF-8; convert the file to UTF-8", self.line, i + 1))
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Splits a stream of bytes into records.
#[derive(Debug)]
pub(crate) struct Records {
    options: CsvOptions,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    started: bool,
    single_column: bool,
}

enum Step {
    /// A record that ends before this position.
    Done(usize),
    /// Nothing but a line end, a comment or a byte order mark before this position.
    Skip(usize),
    Incomplete,
}

impl Records {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        Self { options: options.clone(), buffer: Vec::new(), at: 0, line: 1, started: false, single_column: false }
    }

    /// Makes empty lines records, as they are where there is one column.
    pub(crate) fn set_single_column(&mut self) {
        self.single_column = true;
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole record; `false` when more bytes are needed, or at the end when there is none.
    pub(crate) fn next(&mut self, record: &mut Record, end: bool) -> Result<bool> {
        if !self.started && !self.start(end)? {
            return Ok(false);
        }
        loop {
            record.clear();
            record.line = self.line;
            match self.step(record, end)? {
                Step::Done(to) => {
                    self.advance(to);
                    return Ok(true);
                }
                Step::Skip(to) => self.advance(to),
                Step::Incomplete if self.buffer.len() - self.at > RECORD_BYTES_MAX => {
                    return Err(Error::invalid(format!(
                        "line {}: a record is longer than {RECORD_BYTES_MAX} bytes; a quote may be missing",
                        self.line
                    )));
                }
                Step::Incomplete => return Ok(false),
            }
        }
    }

    /// Passes a byte order mark; one of UTF-16 is an error.
    fn start(&mut self, end: bool) -> Result<bool> {
        if self.buffer.len() < 3 && !end {
            return Ok(false);
        }
        if self.buffer.starts_with(&[0xFF, 0xFE]) || self.buffer.starts_with(&[0xFE, 0xFF]) {
            return Err(Error::invalid("the file is UTF-16; convert it to UTF-8"));
        }
        if self.buffer.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.at = 3;
        }
        self.started = true;
        Ok(true)
    }

    fn advance(&mut self, to: usize) {
        let passed = &self.buffer[self.at..to];
        let mut lines = memchr::memchr_iter(b'\n', passed).count();
        // A carriage return alone ends a line too.
        lines += memchr::memchr_iter(b'\r', passed).filter(|i| passed.get(i + 1) != Some(&b'\n')).count();
        self.line += lines as u64;
        self.at = to;
    }

    /// End of the line end at `i`; `None` when the next byte decides and is not there yet.
    fn line_end(&self, i: usize, end: bool) -> Option<usize> {
        match (self.buffer[i], self.buffer.get(i + 1)) {
            (b'\r', Some(b'\n')) => Some(i + 2),
            (b'\r', None) if !end => None,
            _ => Some(i + 1),
        }
    }

    fn step(&self, record: &mut Record, end: bool) -> Result<Step> {
        let buffer = &self.buffer;
        let mut i = self.at;
        match buffer.get(i) {
            None => return Ok(Step::Incomplete),
            Some(b'\n' | b'\r') => {
                let Some(to) = self.line_end(i, end) else { return Ok(Step::Incomplete) };
                return Ok(self.blank(record, to));
            }
            Some(first) if Some(*first) == self.options.comment => {
                let found = memchr::memchr2(b'\n', b'\r', &buffer[i..]).map(|n| i + n);
                return Ok(match found.map(|n| self.line_end(n, end)) {
                    Some(Some(to)) => Step::Skip(to),
                    None if end => Step::Skip(buffer.len()),
                    _ => Step::Incomplete,
                });
            }
            Some(_) => {}
        }
        loop {
            i = match (buffer.get(i), self.options.quote) {
                (Some(first), Some(quote)) if *first == quote => match self.quoted(record, i + 1, quote, end)? {
                    Some(next) => next,
                    None => return Ok(Step::Incomplete),
                },
                _ => self.plain(record, i),
            };
            record.end_field();
            match buffer.get(i) {
                Some(b) if *b == self.options.delimiter => i += 1,
                Some(_) => return Ok(self.line_end(i, end).map_or(Step::Incomplete, Step::Done)),
                None if end => return Ok(Step::Done(i)),
                None => return Ok(Step::Incomplete),
            }
        }
    }

    /// An empty line is a record of one empty field only where records have one field.
    fn blank(&self, record: &mut Record, to: usize) -> Step {
        if self.single_column {
            record.end_field();
            return Step::Done(to);
        }
        Step::Skip(to)
    }

    /// Copies a field without quotes; returns the position of what ends it.
    fn plain(&self, record: &mut Record, from: usize) -> usize {
        let rest = &self.buffer[from..];
        let length = memchr::memchr3(self.options.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
        record.bytes.extend_from_slice(&rest[..length]);
        from + length
    }

    /// Copies a field in quotes, from after the opening one; returns the position after the closing one.
    fn quoted(&self, record: &mut Record, from: usize, quote: u8, end: bool) -> Result<Option<usize>> {
        let escape = self.options.escape.unwrap_or(quote);
        let buffer = &self.buffer;
        let mut i = from;
        loop {
            let Some(found) = memchr::memchr2(quote, escape, &buffer[i..]).map(|n| i + n) else {
                return self.need(end);
            };
            record.bytes.extend_from_slice(&buffer[i..found]);
            match (buffer[found], buffer.get(found + 1)) {
                (b, Some(next)) if b == escape && (*next == quote || (*next == escape && escape != quote)) => {
                    record.bytes.push(*next);
                    i = found + 2;
                }
                (_, None) if !end => return Ok(None),
                (b, next) if b == quote => {
                    let closes = next.is_none_or(|n| *n == self.options.delimiter || matches!(n, b'\n' | b'\r'));
                    return match closes {
                        true => Ok(Some(found + 1)),
                        false => Err(Error::invalid(format!(
                            "line {}: text follows a closing quote; a quote inside a value is written twice",
                            self.line
                        ))),
                    };
                }
                (b, _) => {
                    // An escape character before any other stands for itself.
                    record.bytes.push(b);
                    i = found + 1;
                }
            }
        }
    }

    fn need(&self, end: bool) -> Result<Option<usize>> {
        match end {
            true => Err(Error::invalid(format!("line {}: a quote is opened and never closed", self.line))),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], options: &CsvOptions, chunk: usize) -> Result<Vec<(u64, Vec<String>)>> {
        let mut records = Records::new(options);
        let mut record = Record::default();
        let mut out = Vec::new();
        let mut take = |records: &mut Records, end: bool| {
            while records.next(&mut record, end)? {
                let fields = (0..record.len()).map(|i| record.text(i).map(str::to_owned));
                out.push((record.line, fields.collect::<Result<Vec<_>>>()?));
            }
            Ok::<(), Error>(())
        };
        for piece in text.chunks(chunk) {
            records.push(piece);
            take(&mut records, false)?;
        }
        take(&mut records, true)?;
        Ok(out)
    }

    fn texts(text: &str) -> Vec<Vec<String>> {
        let whole = all(text.as_bytes(), &CsvOptions::default(), 1 << 20).unwrap();
        for chunk in [1, 2, 3, 7] {
            assert_eq!(
                all(text.as_bytes(), &CsvOptions::default(), chunk).unwrap(),
                whole,
                "{text:?} in pieces of {chunk}"
            );
        }
        whole.into_iter().map(|r| r.1).collect()
    }

    #[test]
    fn records_are_the_same_however_the_bytes_arrive() {
        assert_eq!(texts("a,b\r\n1,2\r\n"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("a,b\r1,2\r"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("a,b\n\n\n1,\n"), [["a", "b"], ["1", ""]]);
        assert_eq!(texts("\u{feff}a,b\n1,2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(texts("\"a\"\"b\",\"x\ny\r\nz\"\n\"\",c"), [["a\"b", "x\ny\r\nz"], ["", "c"]]);
        assert_eq!(texts(",\n"), [["", ""]]);
        assert_eq!(texts("a b\"c,d\n"), [["a b\"c", "d"]]);
        assert!(texts("").is_empty());
    }

    #[test]
    fn lines_are_counted_through_quotes_and_blank_lines() {
        let found = all(b"a,b\n\n\"x\ny\",1\r\n2,3\n", &CsvOptions::default(), 5).unwrap();
        assert_eq!(found.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 3, 5]);
    }

    #[test]
    fn escapes_comments_and_other_delimiters() {
        let options = CsvOptions { escape: Some(b'\\'), comment: Some(b'#'), delimiter: b';', ..CsvOptions::default() };
        let found = all(b"# note; \"\n\"a\\\"b\\\\c\\n\";2\n#x", &options, 3).unwrap();
        assert_eq!(found, [(2, vec!["a\"b\\c\\n".to_owned(), "2".to_owned()])]);
        let mut single = Records::new(&CsvOptions::default());
        single.set_single_column();
        single.push(b"a\n\nb\n");
        let mut record = Record::default();
        let count = std::iter::from_fn(|| single.next(&mut record, true).unwrap().then_some(())).count();
        assert_eq!(count, 3);
    }

    #[test]
    fn broken_quotes_and_encodings_are_errors() {
        let fails = |bytes: &[u8]| all(bytes, &CsvOptions::default(), 4).unwrap_err().to_string();
        assert!(fails(b"a\n\"never\nclosed").contains("line 2"));
        assert!(fails(b"a\n\"x\"y\n").contains("closing quote"));
        assert!(fails(b"\xff\xfea\0").contains("UTF-16"));
        assert!(fails(b"a\n\xe9t\xe9\n").contains("UTF-8"));
    }
}
