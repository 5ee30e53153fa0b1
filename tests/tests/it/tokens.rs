//! Text of sqlgen falls into the same tokens whatever its values and names are.

use datafusion::common::ScalarValue;
use headwater_sqlgen::{Expr, Mode, Operator, Order, Postgres, Select, Statement, Writer};
use proptest::prelude::*;

/// A token by the lexical rules of PostgreSQL (documentation, 4.1), apart from comments and dollar quotes, which sqlgen never
/// writes and which are symbols here.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Name(String),
    Word(String),
    Symbol(char),
}

fn tokens(sql: &str, conforming: bool) -> Vec<Token> {
    let mut rest: Vec<char> = sql.chars().rev().collect();
    let mut found = Vec::new();
    while let Some(c) = rest.pop() {
        match c {
            '\'' => found.push(Token::Text(quoted(&mut rest, '\'', !conforming))),
            '"' => found.push(Token::Name(quoted(&mut rest, '"', false))),
            'E' | 'e' if rest.last() == Some(&'\'') => {
                rest.pop();
                found.push(Token::Text(quoted(&mut rest, '\'', true)));
            }
            c if c.is_whitespace() => {}
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(next) = rest.pop_if(|n| n.is_ascii_alphanumeric() || *n == '_') {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
            c => found.push(Token::Symbol(c)),
        }
    }
    found
}

/// What stands up to the closing quote. Only escapes that stand for themselves are known: sqlgen writes no others.
fn quoted(rest: &mut Vec<char>, quote: char, escapes: bool) -> String {
    let mut text = String::new();
    loop {
        match rest.pop() {
            None => panic!("no closing quote"),
            Some('\\') if escapes => match rest.pop() {
                Some(c @ ('\\' | '\'')) => text.push(c),
                other => panic!("an escape of {other:?}"),
            },
            Some(c) if c == quote => match rest.last() == Some(&quote) {
                true => text.push(rest.pop().unwrap()),
                false => return text,
            },
            Some(c) => text.push(c),
        }
    }
}

fn statement(schema: &str, table: &str, column: &str, value: &str, pattern: &str) -> Statement {
    let text = |v: &str| Expr::Value(ScalarValue::from(v));
    let column = Expr::column(column);
    let list = Expr::InList { expr: Box::new(column.clone()), list: vec![text(value), text(pattern)], negated: true };
    let like = Expr::Like { expr: Box::new(column.clone()), pattern: pattern.to_owned(), escape: '\\', negated: false };
    let equal = Expr::compare(column.clone().byte_order(), Operator::LtEq, text(value));
    let mut select = Select::from_table(schema, table);
    select.columns = vec![column.clone(), column.clone().cast("text")];
    select.filters = vec![Expr::Any(vec![equal, list]), Expr::Not(Box::new(like)), Expr::IsNull(Box::new(column.clone()))];
    select.order = vec![Order { expr: column, descending: true, nulls_first: false }];
    Statement::CopyOut(select)
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'",
        "''",
        "\\",
        "\\'",
        "\"",
        "--",
        "/*",
        ";",
        "$$",
        "E'",
        "x",
        " ",
        "\n",
        "é",
        "\u{10ffff}",
    ]);
    let one = prop_oneof![
        pieces.prop_map(str::to_owned),
        any::<char>().prop_filter("no NUL", |c| *c != '\0').prop_map(String::from)
    ];
    prop::collection::vec(one, 1..12).prop_map(|parts| parts.concat())
}

fn short(name: &str) -> String {
    let mut name = name.to_owned();
    while name.len() > 63 {
        name.pop();
    }
    name
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn values_and_names_stay_one_token_each(
        schema in hostile(), table in hostile(), column in hostile(), value in hostile(), pattern in hostile()
    ) {
        let names = [short(&schema), short(&table), short(&column)];
        let made = statement(&names[0], &names[1], &names[2], &value, &pattern);
        let plain = statement("schema", "table", "column", "value", "pattern");
        let written = |s: &Statement| Writer::new(&Postgres, Mode::Inline).statement(s).map(|w| w.finish().text);
        let Ok(text) = written(&made) else {
            // A pattern that ends in an open escape is refused.
            prop_assert!(pattern.ends_with('\\'));
            return Ok(());
        };
        let expected: Vec<Token> = tokens(&written(&plain).unwrap(), true).into_iter().map(|token| match token {
            Token::Name(name) => Token::Name(match name.as_str() {
                "schema" => names[0].clone(),
                "table" => names[1].clone(),
                "column" => names[2].clone(),
                _ => name,
            }),
            Token::Text(text) => Token::Text(match text.as_str() {
                "value" => value.clone(),
                "pattern" => pattern.clone(),
                _ => text,
            }),
            other => other,
        }).collect();
        for conforming in [true, false] {
            prop_assert_eq!(&tokens(&text, conforming), &expected, "{}", text);
        }
    }
}
