//! A type's name as the server writes it, taken apart.

/// A type's name and what stands in its parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    /// Such as `Array`, `Decimal` or `String`.
    pub(super) name: String,
    /// What stands in its parentheses, separated by commas.
    pub(super) arguments: Vec<Argument>,
}

/// One part of a type's parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// A type.
    Type(TypeName),
    /// A named type, as in `Tuple(x UInt8)`.
    Named(String, TypeName),
    /// A number.
    Number(i64),
    /// A text, as the zone of a `DateTime`.
    Text(String),
    /// A label of an enum with its number.
    Label(String, i64),
}

/// Deepest nesting of a type.
const DEPTH_MAX: usize = 100;

/// Takes a type's name apart; `None` when it has another form.
pub(super) fn parse(text: &str) -> Option<TypeName> {
    let mut parser = Parser { rest: text, depth: 0 };
    let found = parser.type_name()?;
    parser.skip_spaces();
    parser.rest.is_empty().then_some(found)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, c: char) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Option<String> {
        self.skip_spaces();
        if self.rest.starts_with('`') {
            return self.quoted('`');
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A quoted text with the server's escapes.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut out = String::new();
        let mut chars = self.rest.strip_prefix(quote)?.char_indices().peekable();
        let body = self.rest.get(quote.len_utf8()..)?;
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => out.push(unescaped(chars.next()?.1)),
                c if c == quote => {
                    if chars.peek().is_some_and(|(_, next)| *next == quote) {
                        chars.next();
                        out.push(quote);
                        continue;
                    }
                    self.rest = body.get(at + quote.len_utf8()..)?;
                    return Some(out);
                }
                other => out.push(other),
            }
        }
        None
    }

    fn type_name(&mut self) -> Option<TypeName> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let name = self.word()?;
        let mut arguments = Vec::new();
        if self.accept('(') && !self.accept(')') {
            loop {
                arguments.push(self.argument()?);
                if self.accept(')') {
                    break;
                }
                if !self.accept(',') {
                    return None;
                }
            }
        }
        self.depth -= 1;
        Some(TypeName { name, arguments })
    }

    fn number(&mut self) -> Option<i64> {
        self.skip_spaces();
        let sign = usize::from(self.rest.starts_with('-'));
        let digits = self.rest.get(sign..)?.chars().take_while(char::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(sign + digits);
        self.rest = rest;
        number.parse().ok()
    }

    fn argument(&mut self) -> Option<Argument> {
        self.skip_spaces();
        let first = self.rest.chars().next()?;
        if first == '\'' {
            let text = self.quoted('\'')?;
            return match self.accept('=') {
                true => Some(Argument::Label(text, self.number()?)),
                false => Some(Argument::Text(text)),
            };
        }
        if first.is_ascii_digit() || first == '-' {
            return Some(Argument::Number(self.number()?));
        }
        let before = self.rest;
        let word = self.word()?;
        self.skip_spaces();
        let another = self.rest.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '`');
        if another {
            return Some(Argument::Named(word, self.type_name()?));
        }
        self.rest = before;
        Some(Argument::Type(self.type_name()?))
    }
}

fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\x08',
        'f' => '\x0c',
        '0' => '\0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_everything_in_them_are_taken_apart() {
        let found =
            parse(r"Map(LowCardinality(String), Tuple(`a b` Nullable(Decimal(76, 3)), Enum8('x\'' = -1, 'y,)' = 2)))");
        let found = found.unwrap();
        assert_eq!((found.name.as_str(), found.arguments.len()), ("Map", 2));
        let Argument::Type(tuple) = &found.arguments[1] else { panic!("{found:?}") };
        let Argument::Named(name, decimal) = &tuple.arguments[0] else { panic!("{tuple:?}") };
        assert_eq!((name.as_str(), decimal.name.as_str()), ("a b", "Nullable"));
        let Argument::Type(labels) = &tuple.arguments[1] else { panic!("{tuple:?}") };
        let want = [Argument::Label("x'".into(), -1), Argument::Label("y,)".into(), 2)];
        assert_eq!(labels.arguments, want);
        let zone = parse("DateTime64(3, 'Europe/Paris')").unwrap();
        assert_eq!(zone.arguments, [Argument::Number(3), Argument::Text("Europe/Paris".into())]);
        assert!(parse("Tuple()").unwrap().arguments.is_empty());
    }

    #[test]
    fn other_forms_are_not_understood() {
        for text in ["", "Array(", "Array(UInt8", "JSON(max_dynamic_paths=8)", "A B", "Enum8('a)"] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse(&"Array(".repeat(200)).is_none());
    }
}
