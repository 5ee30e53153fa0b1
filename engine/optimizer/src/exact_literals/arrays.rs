//! Texts that say arrays.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::Cast;
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::meet::type_of;
use super::times::text_of;

/// Whether values of a type are lists.
pub(super) fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_))
}

/// A cast to a list, of a text literal as the list that Postgres reads in it. Arrow would make a list of one element.
pub(super) fn read(cast: Cast, schema: &DFSchema) -> Result<Expr> {
    if let Some(text) = text_of(&cast.expr) {
        return list_of(text, cast.field.data_type()).map(|list| Expr::Literal(list, None));
    }
    if type_of(&cast.expr, schema).is_string() {
        let message = "only a literal text can be cast to an array; use string_to_array";
        return Err(Error::unsupported(message).into_datafusion());
    }
    Ok(Expr::Cast(cast))
}

/// Text literals beside lists as lists.
pub(super) fn meet(all: &mut [Expr], types: &[DataType]) -> Result<()> {
    let Some(list) = types.iter().find(|t| is_list(t)) else { return Ok(()) };
    for expr in all {
        if let Some(text) = text_of(expr) {
            *expr = Expr::Literal(list_of(text, list)?, None);
        }
    }
    Ok(())
}

/// The list that a text says, as Postgres reads it: `{1,2,NULL}`, `{"a b",c}`, `{{1,2},{3,4}}` (PostgreSQL documentation, 8.15.2).
fn list_of(text: &str, data_type: &DataType) -> Result<ScalarValue> {
    let wrong = |what: &str| {
        let message = format!("a text does not say an array: {what}; it is like '{{1,2}}' or '{{\"a b\",NULL}}'");
        Error::invalid(message).into_datafusion()
    };
    let mut reader = Reader { rest: text.trim().chars().peekable(), wrong: &wrong };
    let list = reader.list(data_type)?;
    match reader.rest.next() {
        None => Ok(list),
        Some(_) => Err(wrong("there is more behind its end")),
    }
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    wrong: &'a dyn Fn(&str) -> datafusion::error::DataFusionError,
}

impl Reader<'_> {
    fn list(&mut self, data_type: &DataType) -> Result<ScalarValue> {
        let (DataType::List(field) | DataType::LargeList(field)) = data_type else {
            return Err((self.wrong)("it has more dimensions than the type"));
        };
        if self.rest.next() != Some('{') {
            return Err((self.wrong)("it does not begin with {"));
        }
        let mut values = Vec::new();
        self.blanks();
        if self.rest.next_if_eq(&'}').is_none() {
            loop {
                self.blanks();
                values.push(self.element(field)?);
                self.blanks();
                match self.rest.next() {
                    Some(',') => {}
                    Some('}') => break,
                    _ => return Err((self.wrong)("an element is followed by neither , nor }")),
                }
            }
        }
        ScalarValue::List(ScalarValue::new_list(&values, field.data_type(), true)).cast_to(data_type)
    }

    fn element(&mut self, field: &Field) -> Result<ScalarValue> {
        if self.rest.peek() == Some(&'{') {
            return self.list(field.data_type());
        }
        if is_list(field.data_type()) {
            return Err((self.wrong)("it has fewer dimensions than the type"));
        }
        let quoted = self.rest.next_if_eq(&'"').is_some();
        let (mut text, mut escaped) = (String::new(), false);
        loop {
            match self.rest.peek().copied() {
                Some('"') if quoted => {
                    self.rest.next();
                    break;
                }
                Some(',' | '}') if !quoted => break,
                Some('"' | '{') if !quoted => return Err((self.wrong)("a quote or brace is inside of an element")),
                None => return Err((self.wrong)("it does not end")),
                Some('\\') => {
                    self.rest.next();
                    escaped = true;
                    text.push(self.rest.next().ok_or_else(|| (self.wrong)("it does not end"))?);
                }
                Some(c) => {
                    self.rest.next();
                    text.push(c);
                }
            }
        }
        let text = if quoted || escaped { text } else { text.trim_end().to_owned() };
        if !quoted && !escaped && text.is_empty() {
            return Err((self.wrong)("an element is empty"));
        }
        if !quoted && !escaped && text.eq_ignore_ascii_case("null") {
            return ScalarValue::try_from(field.data_type());
        }
        ScalarValue::from(text).cast_to(field.data_type())
    }

    fn blanks(&mut self) {
        while self.rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_arrays_as_in_postgres() {
        let numbers = DataType::new_list(DataType::Int32, true);
        let texts = DataType::new_list(DataType::Utf8, true);
        let shown = |text: &str, t: &DataType| list_of(text, t).map(|list| list.to_string());
        assert_eq!(shown(" { 1, 2 ,NULL} ", &numbers).unwrap(), "[1, 2, ]");
        assert_eq!(shown("{}", &numbers).unwrap(), "[]");
        assert_eq!(shown("{{1,2},{3}}", &DataType::new_list(numbers.clone(), true)).unwrap(), "[[1, 2], [3]]");
        assert_eq!(shown(r#"{a b , "c,\"d\" ", "NULL", null, \{x}"#, &texts).unwrap(), r#"[a b, c,"d" , NULL, , {x]"#);
        for wrong in ["", "1,2", "{1", "{1,}", "{,1}", "{1}x", "{{1}}", "{a}", "{1.5}", r#"{"1}"#, "[1:2]={1,2}"] {
            assert!(list_of(wrong, &numbers).is_err(), "{wrong}");
        }
    }
}
