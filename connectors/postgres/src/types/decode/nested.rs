//! Columns made of columns: enums, composites, ranges, multiranges and arrays.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, ListArray, NullBufferBuilder, StringArray, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Fields, Int32Type};

use super::buffers::{Fixed, Flags, Offsets, nulls};
use super::column::Column;
use crate::types::fault::Fault;
use crate::types::pg_type::{PgAttribute, PgType, range_fields};
use crate::types::reader::Reader;

/// Bits of a range's flag byte (rangetypes.h).
pub(in crate::types) mod range_flags {
    pub(in crate::types) const EMPTY: u8 = 0x01;
    pub(in crate::types) const LOWER_INCLUSIVE: u8 = 0x02;
    pub(in crate::types) const UPPER_INCLUSIVE: u8 = 0x04;
    pub(in crate::types) const LOWER_INFINITE: u8 = 0x08;
    pub(in crate::types) const UPPER_INFINITE: u8 = 0x10;
}

/// Labels as a dictionary that all batches share until an unknown label arrives.
#[derive(Debug)]
pub(super) struct EnumColumn {
    keys: Fixed<i32>,
    labels: Vec<String>,
    numbers: HashMap<Box<[u8]>, i32>,
    values: Option<ArrayRef>,
}

impl EnumColumn {
    pub(super) fn new(labels: &[String]) -> Self {
        let numbers = (0i32..).zip(labels).map(|(i, label)| (label.as_bytes().into(), i)).collect();
        Self { keys: Fixed::new(), labels: labels.to_vec(), numbers, values: None }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        if let Some(number) = self.numbers.get(value) {
            return self.keys.push(*number);
        }
        // A label added after discovery.
        let label = std::str::from_utf8(value).map_err(|_| Fault::Utf8)?;
        let number = i32::try_from(self.labels.len()).map_err(|_| Fault::TooLarge)?;
        self.labels.push(label.to_owned());
        self.numbers.insert(value.into(), number);
        self.values = None;
        self.keys.push(number)
    }

    pub(super) fn append_null(&mut self) {
        self.keys.push_null();
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        let values = self.values.get_or_insert_with(|| Arc::new(StringArray::from_iter_values(&self.labels)));
        let keys = self.keys.finish::<Int32Type>()?;
        // A null key is 0, which an empty list of labels has not; then every key is null.
        let array = DictionaryArray::try_new(keys, Arc::clone(values)).map_err(|_| Fault::TooLarge)?;
        Ok(Arc::new(array))
    }
}

/// Validity of rows whose values live in child columns.
#[derive(Debug)]
struct Validity {
    nulls: NullBufferBuilder,
    rows: usize,
}

impl Validity {
    fn new() -> Self {
        Self { nulls: nulls(), rows: 0 }
    }

    fn push(&mut self, valid: bool) {
        self.nulls.append(valid);
        self.rows += 1;
    }

    fn finish(&mut self) -> (usize, Option<NullBuffer>) {
        let found = (self.rows, self.nulls.finish());
        *self = Self::new();
        found
    }
}

/// A composite: field count, then type number, length and value of each (record_send).
#[derive(Debug)]
pub(super) struct StructColumn {
    fields: Fields,
    children: Vec<(u32, Column)>,
    validity: Validity,
}

impl StructColumn {
    pub(super) fn new(attributes: &[PgAttribute]) -> Self {
        let field = |a: &PgAttribute| Field::new(&a.name, a.pg_type.arrow_type(), true);
        let child = |a: &PgAttribute| (a.pg_type.wire_oid(), Column::new(&a.pg_type));
        Self {
            fields: attributes.iter().map(field).collect(),
            children: attributes.iter().map(child).collect(),
            validity: Validity::new(),
        }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(value);
        if reader.count("attribute count")? != self.children.len() {
            return Err(Fault::Frame("another number of attributes than the catalog says; refresh the source"));
        }
        for (expected, child) in &mut self.children {
            let found = reader.u32()?;
            if found != *expected {
                return Err(Fault::Oid { expected: *expected, found });
            }
            child.append(reader.field()?)?;
        }
        self.validity.push(true);
        reader.end()
    }

    pub(super) fn append_null(&mut self) {
        self.children.iter_mut().for_each(|(_, child)| child.append_null());
        self.validity.push(false);
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        let children: Result<Vec<ArrayRef>, Fault> = self.children.iter_mut().map(|(_, child)| child.finish()).collect();
        let (_, nulls) = self.validity.finish();
        let array = StructArray::try_new(self.fields.clone(), children?, nulls).map_err(|_| Fault::TooLarge)?;
        Ok(Arc::new(array))
    }

    /// Counts the attributes, which a NULL composite takes no bytes for on the wire.
    pub(super) fn expanded_bytes(&self) -> usize {
        let slots = self.validity.rows * self.children.len() * size_of::<i64>();
        self.children.iter().map(|(_, child)| child.expanded_bytes()).sum::<usize>() + slots
    }
}

/// A range: flags, then length and value of each finite bound (range_send).
#[derive(Debug)]
pub(super) struct RangeColumn {
    fields: Fields,
    lower: Column,
    upper: Column,
    /// Lower inclusive, upper inclusive, empty.
    flags: [Flags; 3],
    validity: Validity,
}

impl RangeColumn {
    pub(super) fn new(subtype: &PgType) -> Self {
        Self {
            fields: range_fields(subtype),
            lower: Column::new(subtype),
            upper: Column::new(subtype),
            flags: [Flags::new(), Flags::new(), Flags::new()],
            validity: Validity::new(),
        }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        use range_flags::{EMPTY, LOWER_INCLUSIVE, LOWER_INFINITE, UPPER_INCLUSIVE, UPPER_INFINITE};
        let mut reader = Reader::new(value);
        let flags = reader.u8()?;
        if flags & !(EMPTY | LOWER_INCLUSIVE | UPPER_INCLUSIVE | LOWER_INFINITE | UPPER_INFINITE) != 0 {
            return Err(Fault::Frame("flags of a range"));
        }
        for (bound, infinite) in [(&mut self.lower, LOWER_INFINITE), (&mut self.upper, UPPER_INFINITE)] {
            if flags & (EMPTY | infinite) != 0 {
                bound.append_null();
            } else {
                let bytes = reader.field()?.ok_or(Fault::Frame("null bound of a range"))?;
                bound.append(Some(bytes))?;
            }
        }
        for (out, bit) in self.flags.iter_mut().zip([LOWER_INCLUSIVE, UPPER_INCLUSIVE, EMPTY]) {
            out.push(flags & bit != 0)?;
        }
        self.validity.push(true);
        reader.end()
    }

    pub(super) fn append_null(&mut self) {
        self.lower.append_null();
        self.upper.append_null();
        for out in &mut self.flags {
            // The fields are not nullable; under a null range their value does not count.
            let _ = out.push(false);
        }
        self.validity.push(false);
    }

    fn rows(&self) -> usize {
        self.validity.rows
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        let mut children: Vec<ArrayRef> = vec![self.lower.finish()?, self.upper.finish()?];
        let flags: [BooleanArray; 3] = self.flags.each_mut().map(Flags::finish);
        children.extend(flags.into_iter().map(|f| Arc::new(f) as ArrayRef));
        let (_, nulls) = self.validity.finish();
        let array = StructArray::try_new(self.fields.clone(), children, nulls).map_err(|_| Fault::TooLarge)?;
        Ok(Arc::new(array))
    }

    pub(super) fn expanded_bytes(&self) -> usize {
        self.lower.expanded_bytes() + self.upper.expanded_bytes()
    }
}

/// A multirange: count, then length and value of each range (multirange_send).
#[derive(Debug)]
pub(super) struct MultirangeColumn {
    ranges: RangeColumn,
    offsets: Offsets,
}

impl MultirangeColumn {
    pub(super) fn new(subtype: &PgType) -> Self {
        Self { ranges: RangeColumn::new(subtype), offsets: Offsets::new() }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(value);
        for _ in 0..reader.count("range count")? {
            let range = reader.field()?.ok_or(Fault::Frame("null in a multirange"))?;
            self.ranges.append(range)?;
        }
        self.offsets.push(self.ranges.rows())?;
        reader.end()
    }

    pub(super) fn append_null(&mut self) {
        self.offsets.push_null();
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        list(&mut self.offsets, self.ranges.finish()?)
    }

    pub(super) fn expanded_bytes(&self) -> usize {
        self.ranges.expanded_bytes()
    }
}

/// An array: dimension count, flags, type number of the elements; size and lower bound of each dimension; then length and value
/// of each element, the last dimension varying fastest (array_send). Lower bounds are not kept.
#[derive(Debug)]
pub(super) struct ListColumn {
    element_oid: u32,
    element: Column,
    /// Outermost first.
    levels: Vec<Offsets>,
}

impl ListColumn {
    pub(super) fn new(element: &PgType, dimensions: usize) -> Self {
        Self {
            element_oid: element.wire_oid(),
            element: Column::new(element),
            levels: (0..dimensions).map(|_| Offsets::new()).collect(),
        }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(value);
        let dimensions = reader.count("dimension count")?;
        if !matches!(reader.i32()?, 0 | 1) {
            return Err(Fault::Frame("flags of an array"));
        }
        let found = reader.u32()?;
        if found != self.element_oid {
            return Err(Fault::Oid { expected: self.element_oid, found });
        }
        if dimensions == 0 {
            if let Some(outermost) = self.levels.first_mut() {
                outermost.push_length(0)?;
            }
            return reader.end();
        }
        if dimensions != self.levels.len() {
            return Err(Fault::Dimensions { declared: self.levels.len(), found: dimensions });
        }
        let mut total = 1usize;
        for level in &mut self.levels {
            let size = reader.count("dimension size")?;
            reader.i32()?;
            // Only an empty vector has a dimension of size 0. Each element takes at least the four bytes of its length, which bounds the loops by the size of the value.
            let product = total.checked_mul(size).filter(|t| (size > 0 || dimensions == 1) && *t <= value.len() / 4);
            for _ in 0..total {
                level.push_length(size)?;
            }
            total = product.ok_or(Fault::Frame("dimension size"))?;
        }
        for _ in 0..total {
            self.element.append(reader.field()?)?;
        }
        reader.end()
    }

    pub(super) fn append_null(&mut self) {
        if let Some(outermost) = self.levels.first_mut() {
            outermost.push_null();
        }
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        let mut array = self.element.finish()?;
        for level in self.levels.iter_mut().rev() {
            array = list(level, array)?;
        }
        Ok(array)
    }

    pub(super) fn expanded_bytes(&self) -> usize {
        self.element.expanded_bytes()
    }
}

fn list(offsets: &mut Offsets, values: ArrayRef) -> Result<ArrayRef, Fault> {
    let (offsets, nulls) = offsets.finish();
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let array = ListArray::try_new(field, offsets, values, nulls).map_err(|_| Fault::TooLarge)?;
    Ok(Arc::new(array))
}
