//! What an index may be asked for a filter: a condition that every value that passes fulfils.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Operator};
use datafusion::prelude::Expr;

use super::index::{FieldKind, Index};
use crate::table::{Role, Table};

/// Longest text that is a tag.
const TAG_BYTES_MAX: usize = 256;
/// Most values and ranges of a filter.
const PARTS_MAX: usize = 128;
/// Filters that are nested deeper are checked here.
const DEPTH_MAX: usize = 32;

/// A condition of the index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The field has one of these tags.
    Tags(String, Vec<String>),
    /// The number is in this range, both ends included.
    Range(String, f64, f64),
    Any(Vec<Condition>),
    All(Vec<Condition>),
}

impl Condition {
    /// Its text; the tags become parameters `$p0`, `$p1`, ...
    pub(crate) fn text(&self, parameters: &mut Vec<String>) -> String {
        let mut all = |conditions: &[Condition], between: &str| {
            let texts: Vec<String> = conditions.iter().map(|c| c.text(parameters)).collect();
            format!("({})", texts.join(between))
        };
        match self {
            Self::Any(conditions) => all(conditions, "|"),
            Self::All(conditions) => all(conditions, " "),
            Self::Range(attribute, low, high) => format!("@{attribute}:[{} {}]", number(*low), number(*high)),
            Self::Tags(attribute, tags) => {
                let named = tags.iter().map(|tag| {
                    parameters.push(tag.clone());
                    format!("$p{}", parameters.len() - 1)
                });
                let named: Vec<String> = named.collect();
                format!("@{attribute}:{{{}}}", named.join("|"))
            }
        }
    }

    fn parts(&self) -> usize {
        match self {
            Self::Tags(_, tags) => tags.len(),
            Self::Range(..) => 1,
            Self::Any(conditions) | Self::All(conditions) => conditions.iter().map(Self::parts).sum(),
        }
    }
}

/// The shortest text that is read back to the same number.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        other => other.to_string(),
    }
}

/// A condition that holds for every row that passes the filter; `None` when the index knows none.
pub(crate) fn condition(table: &Table, filter: &Expr) -> Option<Condition> {
    let index = table.index.as_ref()?;
    translate(table, index, filter, 0).filter(|condition| condition.parts() <= PARTS_MAX)
}

fn translate(table: &Table, index: &Index, filter: &Expr, depth: usize) -> Option<Condition> {
    if depth > DEPTH_MAX {
        return None;
    }
    match filter {
        // Each side of AND alone lets pass what both let pass.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let sides = [left, right].into_iter().filter_map(|side| translate(table, index, side, depth + 1));
            let mut sides: Vec<Condition> = sides.collect();
            if sides.len() < 2 { sides.pop() } else { Some(Condition::All(sides)) }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let sides = [left, right].into_iter().map(|side| translate(table, index, side, depth + 1));
            sides.collect::<Option<Vec<Condition>>>().map(Condition::Any)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (column, Expr::Literal(value, _)) => comparison(table, index, column, *op, value),
            (Expr::Literal(value, _), column) => comparison(table, index, column, op.swap()?, value),
            _ => None,
        },
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (low.as_ref(), high.as_ref()) else { return None };
            let low = comparison(table, index, expr, Operator::GtEq, low)?;
            Some(Condition::All(vec![low, comparison(table, index, expr, Operator::LtEq, high)?]))
        }
        Expr::InList(InList { expr, list, negated: false }) if !list.is_empty() && list.len() <= PARTS_MAX => {
            let equal = |element: &Expr| match element {
                Expr::Literal(value, _) => comparison(table, index, expr, Operator::Eq, value),
                _ => None,
            };
            list.iter().map(equal).collect::<Option<Vec<Condition>>>().map(Condition::Any)
        }
        _ => None,
    }
}

fn comparison(table: &Table, index: &Index, expr: &Expr, op: Operator, value: &ScalarValue) -> Option<Condition> {
    let Expr::Column(column) = expr else { return None };
    let column = table.column(&column.name)?;
    let Role::Field(name) = &column.role else { return None };
    let field = index.field(name)?;
    let attribute = field.attribute.clone();
    if let FieldKind::Tag { separator } = &field.kind {
        let tag = tag(&column.data_type, value, separator).filter(|_| op == Operator::Eq)?;
        return Some(Condition::Tags(attribute, vec![tag.to_owned()]));
    }
    // Whole numbers become the nearest floating point number here and there, which keeps their order.
    let value = match (&column.data_type, value) {
        (DataType::Int16, ScalarValue::Int16(Some(v))) => f64::from(*v),
        (DataType::Int32, ScalarValue::Int32(Some(v))) => f64::from(*v),
        (DataType::Int64, ScalarValue::Int64(Some(v))) => *v as f64,
        // An index over both infinities may lose all of its numbers, so that one over floating point is not asked.
        _ => return None,
    };
    match op {
        Operator::Eq => Some(Condition::Range(attribute, value, value)),
        Operator::Lt | Operator::LtEq => Some(Condition::Range(attribute, f64::NEG_INFINITY, value)),
        Operator::Gt | Operator::GtEq => Some(Condition::Range(attribute, value, f64::INFINITY)),
        _ => None,
    }
}

/// A text that is one tag of every field that is this text. Others are split, folded or trimmed in ways that are not relied on.
fn tag<'v>(data_type: &DataType, value: &'v ScalarValue, separator: &str) -> Option<&'v str> {
    use ScalarValue::{LargeUtf8, Utf8, Utf8View};
    let (DataType::Utf8, Utf8(Some(text)) | LargeUtf8(Some(text)) | Utf8View(Some(text))) = (data_type, value) else {
        return None;
    };
    let is_known = |c: char| c.is_ascii_alphanumeric() || " _-.:/@+#".contains(c);
    let is_tag = !text.is_empty() && text.len() <= TAG_BYTES_MAX && text.trim() == text && text.chars().all(is_known);
    (is_tag && !separator.is_empty() && !text.contains(separator)).then_some(text)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};
    use headwater_source::TableName;

    use super::super::Search;
    use super::*;
    use crate::commands::{Template, to_text};
    use crate::pattern::KeyPattern;
    use crate::search::index::IndexedField;
    use crate::table::{Column, Kind};

    fn table() -> Table {
        let field = |name: &str, data_type| Column::new(name, Role::Field(name.to_owned()), data_type);
        let indexed = |name: &str, kind| IndexedField { field: name.to_owned(), attribute: name.to_owned(), kind };
        let separator = ",".to_owned();
        let fields = vec![indexed("city", FieldKind::Tag { separator }), indexed("n", FieldKind::Numeric)];
        Table {
            name: TableName::new("public", "h"),
            pattern: KeyPattern::parse("key", "h:{id}", ":").unwrap(),
            kind: Kind::Hash,
            columns: vec![field("city", DataType::Utf8), field("n", DataType::Int64), field("other", DataType::Int64)],
            row_count: None,
            index: Some(Index { name: "i".to_owned(), prefixes: vec![b"h:".to_vec()], fields }),
        }
    }

    fn asked(filter: &Expr) -> Option<String> {
        let table = table();
        let conditions = vec![condition(&table, filter)?];
        let search = Search { index: table.index.unwrap(), conditions };
        Some(to_text(&[Template::of_command(&search.command())]))
    }

    #[test]
    fn texts_are_parameters_and_numbers_are_ranges() {
        let limits = r#""NOCONTENT","LIMIT","0","100000","TIMEOUT","0""#;
        let filter = col("city").eq(lit("Oslo")).and(col("n").gt(lit(5_i64))).and(col("other").eq(lit(1_i64)));
        let wanted =
            format!(r#"[["FT.SEARCH","i","(@city:{{$p0}} @n:[5 +inf])",{limits},"PARAMS","2","p0","Oslo","DIALECT","2"]]"#);
        assert_eq!(asked(&filter).unwrap(), wanted);
        let filter = col("n").in_list(vec![lit(1_i64), lit(2_i64)], false).or(col("city").eq(lit("a b")));
        assert!(asked(&filter).unwrap().contains(r#""((@n:[1 1]|@n:[2 2])|@city:{$p0})""#), "{:?}", asked(&filter));
        let filter = col("n").between(lit(i64::MIN), lit(i64::MAX));
        assert!(asked(&filter).unwrap().contains("(@n:[-9223372036854776000 +inf] @n:[-inf 9223372036854776000])"));
    }

    #[test]
    fn what_an_index_may_miss_is_not_asked() {
        for filter in [
            col("city").not_eq(lit("Oslo")),
            col("city").gt(lit("Oslo")),
            col("city").eq(lit("")),
            col("city").eq(lit(" Oslo")),
            col("city").eq(lit("a,b")),
            col("city").eq(lit("Malmö")),
            col("city").eq(lit("a{b}")),
            col("city").eq(lit("x".repeat(300))),
            col("n").not_eq(lit(1_i64)),
            col("n").eq(lit(1.5)),
            col("other").eq(lit(1_i64)),
            col("n").eq(lit(1_i64)).or(col("other").eq(lit(1_i64))),
            col("n").is_null(),
        ] {
            assert_eq!(asked(&filter), None, "{filter}");
        }
    }
}
