//! The growing buffers behind a column: plain vectors and a null bitmap that exists only once a NULL was seen.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, NullBufferBuilder, PrimitiveArray,
    StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

use crate::types::fault::Fault;

/// Rows that a fresh buffer has room for.
const ROWS_INITIAL: usize = 1024;

/// A fresh null bitmap.
pub(super) fn nulls() -> NullBufferBuilder {
    NullBufferBuilder::new(ROWS_INITIAL)
}

/// The bitmap so far; the builder starts anew.
fn take_nulls(builder: &mut NullBufferBuilder) -> Option<NullBuffer> {
    let taken = builder.finish();
    *builder = nulls();
    taken
}

/// Values of one width.
#[derive(Debug)]
pub(super) struct Fixed<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowNativeType> Fixed<T> {
    pub(super) fn new() -> Self {
        Self { values: Vec::with_capacity(ROWS_INITIAL), nulls: nulls() }
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) -> Result<(), Fault> {
        self.values.push(value);
        self.nulls.append_non_null();
        Ok(())
    }

    pub(super) fn push_null(&mut self) {
        self.values.push(T::default());
        self.nulls.append_null();
    }

    pub(super) fn finish<P: ArrowPrimitiveType<Native = T>>(&mut self) -> Result<PrimitiveArray<P>, Fault> {
        let rows = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(rows));
        PrimitiveArray::try_new(ScalarBuffer::from(values), take_nulls(&mut self.nulls)).map_err(|_| Fault::TooLarge)
    }
}

/// Booleans.
#[derive(Debug)]
pub(super) struct Flags {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Flags {
    pub(super) fn new() -> Self {
        Self { values: BooleanBufferBuilder::new(ROWS_INITIAL), nulls: nulls() }
    }

    #[inline]
    pub(super) fn push(&mut self, value: bool) -> Result<(), Fault> {
        self.values.append(value);
        self.nulls.append_non_null();
        Ok(())
    }

    pub(super) fn push_null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    pub(super) fn finish(&mut self) -> BooleanArray {
        BooleanArray::new(self.values.finish(), take_nulls(&mut self.nulls))
    }
}

/// Where lists or texts end. Starts with 0.
#[derive(Debug)]
pub(super) struct Offsets {
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Offsets {
    pub(super) fn new() -> Self {
        let mut ends = Vec::with_capacity(ROWS_INITIAL);
        ends.push(0);
        Self { ends, nulls: nulls() }
    }

    /// One more item; together they have `total` elements.
    #[inline]
    pub(super) fn push(&mut self, total: usize) -> Result<(), Fault> {
        self.ends.push(i32::try_from(total).map_err(|_| Fault::TooLarge)?);
        self.nulls.append_non_null();
        Ok(())
    }

    /// One more item of `length` elements.
    pub(super) fn push_length(&mut self, length: usize) -> Result<(), Fault> {
        let last = self.ends.last().copied().unwrap_or(0);
        self.push(length.saturating_add(last.unsigned_abs() as usize))
    }

    pub(super) fn push_null(&mut self) {
        self.ends.push(self.ends.last().copied().unwrap_or(0));
        self.nulls.append_null();
    }

    pub(super) fn finish(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let mut fresh = Vec::with_capacity(self.ends.len());
        fresh.push(0);
        let ends = std::mem::replace(&mut self.ends, fresh);
        // Ends only grow: each is the last one plus a length.
        (OffsetBuffer::new(ScalarBuffer::from(ends)), take_nulls(&mut self.nulls))
    }
}

/// Texts or byte strings, end to end.
#[derive(Debug)]
pub(super) struct Variable {
    bytes: Vec<u8>,
    offsets: Offsets,
}

impl Variable {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(ROWS_INITIAL), offsets: Offsets::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.bytes.extend_from_slice(value);
        self.offsets.push(self.bytes.len())
    }

    /// Appends what `write` makes of `value`.
    pub(super) fn push_with(
        &mut self,
        value: &[u8],
        write: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        write(value, &mut self.bytes)?;
        self.offsets.push(self.bytes.len())
    }

    pub(super) fn push_null(&mut self) {
        self.offsets.push_null();
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn take_bytes(&mut self) -> Vec<u8> {
        let size = self.bytes.len();
        std::mem::replace(&mut self.bytes, Vec::with_capacity(size))
    }

    /// Checks all texts as UTF-8 at once, and that each starts at a character.
    pub(super) fn finish_text(&mut self) -> Result<ArrayRef, Fault> {
        let (offsets, nulls) = self.offsets.finish();
        let array = StringArray::try_new(offsets, self.take_bytes().into(), nulls).map_err(|_| Fault::Utf8)?;
        Ok(Arc::new(array))
    }

    pub(super) fn finish_binary(&mut self) -> Result<ArrayRef, Fault> {
        let (offsets, nulls) = self.offsets.finish();
        let array = BinaryArray::try_new(offsets, self.take_bytes().into(), nulls).map_err(|_| Fault::TooLarge)?;
        Ok(Arc::new(array))
    }
}
