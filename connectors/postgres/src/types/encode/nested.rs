//! Writers of composites, ranges, multiranges and arrays.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::datatypes::DataType;

use super::column::Writer;
use super::{framed, prepare};
use crate::types::decode::nested::range_flags;
use crate::types::fault::Fault;
use crate::types::pg_type::{PgAttribute, PgType};

/// Attributes with their type numbers.
#[derive(Debug)]
pub(super) struct StructWriter {
    children: Vec<(u32, Writer)>,
}

impl StructWriter {
    /// Attributes and fields are matched by position.
    pub(super) fn new(attributes: &[PgAttribute], array: &StructArray) -> Result<Self, Fault> {
        if attributes.len() != array.num_columns() {
            return Err(Fault::Write("the struct has another number of fields than the composite type"));
        }
        let child =
            |(a, column): (&PgAttribute, &ArrayRef)| Ok((a.pg_type.wire_oid(), prepare::writer(&a.pg_type, column)?));
        let children: Result<_, Fault> = attributes.iter().zip(array.columns()).map(child).collect();
        Ok(Self { children: children? })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(&(self.children.len() as u32).to_be_bytes());
        for (oid, child) in &self.children {
            out.extend_from_slice(&oid.to_be_bytes());
            child.write(row, out)?;
        }
        Ok(())
    }
}

/// Bounds and flags of ranges.
#[derive(Debug)]
pub(super) struct RangeWriter {
    lower: Writer,
    upper: Writer,
    lower_inclusive: BooleanArray,
    upper_inclusive: BooleanArray,
    empty: BooleanArray,
}

impl RangeWriter {
    pub(super) fn new(subtype: &PgType, array: &StructArray) -> Result<Self, Fault> {
        const WRONG: Fault =
            Fault::Write("a range needs the fields lower, upper, lower_inclusive, upper_inclusive and empty");
        let field = |name: &str| array.column_by_name(name).ok_or(WRONG);
        let flag = |name: &str| field(name)?.as_boolean_opt().cloned().ok_or(WRONG);
        Ok(Self {
            lower: prepare::writer(subtype, field("lower")?)?,
            upper: prepare::writer(subtype, field("upper")?)?,
            lower_inclusive: flag("lower_inclusive")?,
            upper_inclusive: flag("upper_inclusive")?,
            empty: flag("empty")?,
        })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        use range_flags::{EMPTY, LOWER_INCLUSIVE, LOWER_INFINITE, UPPER_INCLUSIVE, UPPER_INFINITE};
        let set = |flags: &BooleanArray| flags.is_valid(row) && flags.value(row);
        if set(&self.empty) {
            out.push(EMPTY);
            return Ok(());
        }
        let (no_lower, no_upper) = (self.lower.is_null(row), self.upper.is_null(row));
        let mut flags = 0;
        for (bit, is_set) in [
            (LOWER_INFINITE, no_lower),
            (UPPER_INFINITE, no_upper),
            (LOWER_INCLUSIVE, !no_lower && set(&self.lower_inclusive)),
            (UPPER_INCLUSIVE, !no_upper && set(&self.upper_inclusive)),
        ] {
            flags |= if is_set { bit } else { 0 };
        }
        out.push(flags);
        if !no_lower {
            self.lower.write(row, out)?;
        }
        if !no_upper {
            self.upper.write(row, out)?;
        }
        Ok(())
    }
}

/// Lists of ranges.
#[derive(Debug)]
pub(super) struct MultirangeWriter {
    lists: ListArray,
    ranges: RangeWriter,
}

impl MultirangeWriter {
    pub(super) fn new(subtype: &PgType, lists: &ListArray) -> Result<Self, Fault> {
        let ranges = lists.values().as_struct_opt().ok_or(Fault::Write("a multirange is a list of ranges"))?;
        Ok(Self { lists: lists.clone(), ranges: RangeWriter::new(subtype, ranges)? })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (start, end) = bounds(&self.lists, row);
        out.extend_from_slice(&((end - start) as u32).to_be_bytes());
        for item in start..end {
            if self.lists.values().is_null(item) {
                return Err(Fault::Write("a multirange holds a null range"));
            }
            framed(out, |out| self.ranges.write(item, out))?;
        }
        Ok(())
    }
}

/// Lists nested once per dimension.
#[derive(Debug)]
pub(super) struct ListWriter {
    element_oid: u32,
    element: Writer,
    /// Outermost first.
    levels: Vec<ListArray>,
    vector: bool,
}

impl ListWriter {
    pub(super) fn new(element: &PgType, dimensions: usize, array: &ListArray) -> Result<Self, Fault> {
        let mut levels = vec![array.clone()];
        while levels.len() < dimensions {
            let inner = levels.last().map(ListArray::values).ok_or(Fault::TooLarge)?;
            let inner = match inner.data_type() {
                DataType::List(_) => inner.as_list::<i32>().clone(),
                _ => return Err(Fault::Write("the list is nested less deeply than the array has dimensions")),
            };
            levels.push(inner);
        }
        let values = levels.last().map(|l| Arc::clone(l.values())).ok_or(Fault::TooLarge)?;
        Ok(Self { element_oid: element.wire_oid(), element: prepare::writer(element, &values)?, levels, vector: false })
    }

    /// As `int2vector` and `oidvector` want it: one dimension from 0.
    pub(super) fn vector(mut self) -> Self {
        self.vector = true;
        self
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (mut start, mut end) = (row, row + 1);
        let mut sizes: Vec<i32> = Vec::with_capacity(self.levels.len());
        for (depth, level) in self.levels.iter().enumerate() {
            let length = level.value_length(start);
            for item in start..end {
                if level.is_null(item) {
                    return Err(Fault::Write("an inner list is null; a Postgres array holds null elements only"));
                }
                if level.value_length(item) != length {
                    return Err(Fault::Write("inner lists differ in length; a Postgres array is rectangular"));
                }
            }
            if length == 0 && depth > 0 {
                return Err(Fault::Write("an inner list is empty; a Postgres array cannot hold that"));
            }
            sizes.push(length);
            (start, end) = (bounds(level, start).0, bounds(level, end - 1).1);
            if length == 0 {
                sizes.clear();
                break;
            }
        }
        if self.vector && sizes.is_empty() {
            return Err(Fault::Write("Postgres does not take an empty int2vector or oidvector in binary form"));
        }
        let elements = if sizes.is_empty() { 0..0 } else { start..end };
        let has_null = elements.clone().any(|i| self.element.is_null(i));
        out.extend_from_slice(&(sizes.len() as u32).to_be_bytes());
        out.extend_from_slice(&u32::from(has_null).to_be_bytes());
        out.extend_from_slice(&self.element_oid.to_be_bytes());
        for size in sizes {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&i32::from(!self.vector).to_be_bytes());
        }
        elements.into_iter().try_for_each(|item| self.element.write(item, out))
    }
}

/// Where a list's items start and end.
fn bounds(lists: &ListArray, row: usize) -> (usize, usize) {
    let offsets = lists.value_offsets();
    let at = |i: usize| offsets.get(i).map_or(0, |o| usize::try_from(*o).unwrap_or(0));
    (at(row), at(row + 1))
}
