//! Resolution of catalog rows.

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::*;
use crate::types::CopyIn;

fn base(oid: u32, send: &str) -> TypeRow {
    TypeRow { oid, name: format!("t{oid}"), typtype: "b".into(), send: send.into(), base_typmod: -1, ..TypeRow::default() }
}

fn of(typtype: &str, oid: u32) -> TypeRow {
    TypeRow { typtype: typtype.into(), ..base(oid, "") }
}

fn catalog() -> TypeCatalog {
    TypeCatalog::new([
        base(23, "int4send"),
        base(1700, "numeric_send"),
        base(1114, "timestamp_send"),
        base(3614, "tsvectorsend"),
        base(20_000, "int8send"),
        TypeRow { element: 23, ..base(1007, "array_send") },
        TypeRow { element: 3614, ..base(3643, "array_send") },
        TypeRow { base: 1700, base_typmod: ((12 << 16) | 3) + 4, ..of("d", 20_001) },
        TypeRow { base: 20_001, ..of("d", 20_002) },
        TypeRow { attributes: vec![("a".into(), 23, -1, 0), ("b".into(), 1007, -1, 2)], ..of("c", 20_003) },
        TypeRow { attributes: vec![("a".into(), 3614, -1, 0)], ..of("c", 20_004) },
        TypeRow { subtype: 1114, ..of("r", 3908) },
        TypeRow { subtype: 3614, ..of("r", 20_005) },
        TypeRow { subtype: 1114, ..of("m", 4533) },
        TypeRow { base: 1007, base_dimensions: 1, ..of("d", 20_006) },
        TypeRow { element: 20_006, ..base(20_007, "array_send") },
        TypeRow { element: 20_008, ..base(20_008, "array_send") },
    ])
}

fn resolve(oid: u32, typmod: i32, dimensions: i32) -> PgType {
    catalog().resolve(oid, typmod, dimensions, &TypeOptions::default())
}

#[test]
fn numeric_is_the_smallest_decimal_that_holds_it() {
    let of = |precision: i32, scale: i32| resolve(1700, ((precision << 16) | (scale & 0x7ff)) + 4, 0).arrow_type();
    assert_eq!(of(12, 3), DataType::Decimal128(12, 3));
    assert_eq!(of(38, 38), DataType::Decimal128(38, 38));
    assert_eq!(of(39, 0), DataType::Decimal256(39, 0));
    assert_eq!(of(76, 10), DataType::Decimal256(76, 10));
    assert_eq!(of(77, 10), DataType::Utf8);
    assert_eq!(of(1000, 1000), DataType::Utf8);
    assert_eq!(of(3, 5), DataType::Decimal128(5, 5), "a scale over the precision");
    assert_eq!(of(3, -2), DataType::Decimal128(5, 0), "a negative scale");
    assert_eq!(of(30, -20), DataType::Decimal256(50, 0));
    assert_eq!(resolve(1700, -1, 0).arrow_type(), DataType::Decimal128(38, 20));
    let read = |numeric| catalog().resolve(1700, -1, 0, &TypeOptions { numeric, ..TypeOptions::default() }).arrow_type();
    assert_eq!(read(NumericMode::Decimal(38, 10)), DataType::Decimal128(38, 10));
    assert_eq!(read(NumericMode::Decimal(50, 10)), DataType::Decimal256(50, 10));
    assert_eq!(read(NumericMode::Float8), DataType::Float64);
    assert_eq!(read(NumericMode::Text), DataType::Utf8);
}

#[test]
fn domains_are_read_as_what_they_are_made_of() {
    let domain = resolve(20_002, -1, 0);
    assert_eq!((domain.oid(), domain.arrow_type()), (20_002, DataType::Decimal128(12, 3)));
}

#[test]
fn nested_types_nest() {
    let int = |d: DataType| DataType::List(Arc::new(Field::new_list_field(d, true)));
    assert_eq!(resolve(1007, -1, 0).arrow_type(), int(DataType::Int32), "a view does not declare dimensions");
    assert_eq!(resolve(1007, -1, 2).arrow_type(), int(int(DataType::Int32)));
    let composite = resolve(20_003, -1, 0).arrow_type();
    let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", int(int(DataType::Int32)), true)];
    assert_eq!(composite, DataType::Struct(fields.into()));
    let DataType::Struct(range) = resolve(3908, -1, 0).arrow_type() else { panic!("a range is a struct") };
    assert_eq!(range[0].data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    assert_eq!(resolve(4533, -1, 0).arrow_type(), int(DataType::Struct(range)));
}

#[test]
fn what_has_no_binary_form_is_cast_to_text() {
    for oid in [3614, 20_000, 20_004, 20_005, 20_007, 99_999] {
        let found = resolve(oid, -1, 0);
        assert_eq!((found.arrow_type(), found.wire()), (DataType::Utf8, Wire::CastToText), "{oid}");
        assert_eq!(found.copy_in(), CopyIn::ViaText { staging: "text" });
    }
    let array = resolve(3643, -1, 1);
    assert_eq!(array.wire().cast(), Some("text[]"));
    assert_eq!(array.arrow_type(), DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))));
    let text = TypeOptions { arrays: ArrayMode::Text, ..TypeOptions::default() };
    assert_eq!(catalog().resolve(1007, -1, 1, &text).wire(), Wire::CastToText);
}

#[test]
fn a_type_made_of_itself_ends_as_text() {
    assert_eq!(resolve(20_008, -1, 1).wire(), Wire::CastToText);
}

#[test]
fn nulls_made_by_an_option_make_the_field_nullable() {
    let options = TypeOptions { infinity: Unrepresentable::Null, ..TypeOptions::default() };
    assert!(catalog().resolve(1114, -1, 0, &options).field("t", true).is_nullable());
    assert!(!resolve(1114, -1, 0).field("t", true).is_nullable());
    assert!(!catalog().resolve(23, -1, 0, &options).field("t", true).is_nullable());
}
