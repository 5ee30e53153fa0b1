//! How values become bytes and bytes become values again, without trust in the bytes.

use headwater_common::{Error, Result};

/// Collects bytes; numbers are little-endian, sequences start with their length.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`Writer`] wrote, within a budget of memory.
///
/// Any bytes give a value or an error: nothing here panics, and nothing allocates before the bytes that fill it were seen
/// and its size was taken from the budget.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    budget: usize,
}

/// The error of bytes that no writer wrote.
pub fn damaged(what: &str) -> Error {
    Error::invalid(format!("the model file is damaged: {what}; train the model again"))
}

impl<'a> Reader<'a> {
    /// A reader that may allocate `memory_max_bytes` for what it reads.
    pub fn new(bytes: &'a [u8], memory_max_bytes: usize) -> Self {
        Self { rest: bytes, budget: memory_max_bytes }
    }

    /// The next bytes as they are. Errors: fewer are left.
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(|| damaged("it ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.raw(N)?);
        Ok(out)
    }

    /// Takes memory from the budget. Errors: more than is left.
    pub fn claim(&mut self, bytes: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| {
            Error::invalid("the model file needs more memory than models may have; train a smaller model")
        })?;
        Ok(())
    }

    /// Length of a sequence whose entries take at least one byte each. Errors: more entries than bytes, or than memory.
    pub fn length(&mut self, entry_bytes: usize) -> Result<usize> {
        let count = usize::try_from(u64::decode(self)?).map_err(|_| damaged("a length is too large"))?;
        if count > self.rest.len() {
            return Err(damaged("a length is larger than the file"));
        }
        self.claim(count.saturating_mul(entry_bytes))?;
        Ok(count)
    }

    /// Errors: bytes are left.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged("bytes follow its end")) }
    }
}

/// A value with a form in bytes. `decode` checks everything that its type promises.
pub trait Codec: Sized {
    /// Appends the value.
    fn encode(&self, to: &mut Writer);
    /// Reads a value that [`Codec::encode`] wrote. Errors: bytes that it cannot have written.
    fn decode(from: &mut Reader<'_>) -> Result<Self>;

    /// The bytes of one value.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.finish()
    }

    /// The value of exactly these bytes. Errors: as of `decode`, and when bytes are left over.
    fn from_bytes(bytes: &[u8], memory_max_bytes: usize) -> Result<Self> {
        let mut reader = Reader::new(bytes, memory_max_bytes);
        let value = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {
        $(impl Codec for $t {
            fn encode(&self, to: &mut Writer) {
                to.raw(&self.to_le_bytes());
            }

            fn decode(from: &mut Reader<'_>) -> Result<Self> {
                from.array().map(Self::from_le_bytes)
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i64, f64);

impl Codec for bool {
    fn encode(&self, to: &mut Writer) {
        u8::from(*self).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        match u8::decode(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(damaged("a truth value is neither")),
        }
    }
}

impl Codec for usize {
    fn encode(&self, to: &mut Writer) {
        (*self as u64).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Self::try_from(u64::decode(from)?).map_err(|_| damaged("a count is too large"))
    }
}

impl Codec for String {
    fn encode(&self, to: &mut Writer) {
        self.len().encode(to);
        to.raw(self.as_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let length = from.length(1)?;
        let text = std::str::from_utf8(from.raw(length)?).map_err(|_| damaged("a text is not UTF-8"))?;
        Ok(text.to_owned())
    }
}

impl<T: Codec> Codec for Vec<T> {
    fn encode(&self, to: &mut Writer) {
        self.len().encode(to);
        self.iter().for_each(|item| item.encode(to));
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        let length = from.length(size_of::<T>())?;
        let mut items = Self::with_capacity(length);
        for _ in 0..length {
            items.push(T::decode(from)?);
        }
        Ok(items)
    }
}

impl<T: Codec> Codec for Option<T> {
    fn encode(&self, to: &mut Writer) {
        self.is_some().encode(to);
        if let Some(value) = self {
            value.encode(to);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Ok(if bool::decode(from)? { Some(T::decode(from)?) } else { None })
    }
}

impl<A: Codec, B: Codec> Codec for (A, B) {
    fn encode(&self, to: &mut Writer) {
        self.0.encode(to);
        self.1.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Ok((A::decode(from)?, B::decode(from)?))
    }
}

/// Implements [`Codec`] for a structure field by field, in the order given; `check` names a method
/// `fn(&self) -> Result<()>` that decoding calls.
#[macro_export]
macro_rules! record {
    ($name:ty { $($field:ident),* $(,)? } $(check $check:ident)?) => {
        impl $crate::codec::Codec for $name {
            fn encode(&self, to: &mut $crate::codec::Writer) {
                $($crate::codec::Codec::encode(&self.$field, to);)*
            }

            fn decode(from: &mut $crate::codec::Reader<'_>) -> headwater_common::Result<Self> {
                let value = Self { $($field: $crate::codec::Codec::decode(from)?),* };
                $(value.$check()?;)?
                Ok(value)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        name: String,
        values: Vec<f64>,
        next: Option<(u32, bool)>,
    }

    record!(Sample { name, values, next } check small);

    impl Sample {
        fn small(&self) -> Result<()> {
            if self.values.len() < 4 { Ok(()) } else { Err(damaged("too many values")) }
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let sample = Sample { name: "é".into(), values: vec![1.5, f64::INFINITY], next: Some((7, true)) };
        let bytes = sample.to_bytes();
        assert_eq!(Sample::from_bytes(&bytes, 1 << 10).unwrap(), sample);
        for end in 0..bytes.len() {
            assert!(Sample::from_bytes(&bytes[..end], 1 << 10).is_err());
        }
        assert!(Sample::from_bytes(&[bytes, vec![0]].concat(), 1 << 10).is_err());
        let long = Sample { name: String::new(), values: vec![0.0; 4], next: None };
        assert!(Sample::from_bytes(&long.to_bytes(), 1 << 10).unwrap_err().message().contains("too many"));
    }

    #[test]
    fn lengths_beyond_the_file_or_the_memory_are_refused_before_they_are_allocated() {
        assert!(Vec::<f64>::from_bytes(&u64::MAX.to_bytes(), usize::MAX).is_err());
        assert!(Vec::<u64>::from_bytes(&(1_u64 << 40).to_bytes(), usize::MAX).is_err());
        let texts = vec![String::new(); 100].to_bytes();
        assert!(Vec::<String>::from_bytes(&texts, 100 * size_of::<String>()).is_ok());
        assert!(Vec::<String>::from_bytes(&texts, 100 * size_of::<String>() - 1).unwrap_err().message().contains("memory"));
    }
}
