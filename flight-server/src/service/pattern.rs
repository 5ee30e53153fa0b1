//! Search patterns of listings: `%` stands for any text, `_` for any character, and `\` before one of them for itself.

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Char(char),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut chars = text.chars().peekable();
        let mut pieces = Vec::new();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => Piece::Any,
                '_' => Piece::One,
                '\\' => match chars.next_if(|next| matches!(next, '%' | '_' | '\\')) {
                    Some(escaped) => Piece::Char(escaped),
                    None => Piece::Char('\\'),
                },
                other => Piece::Char(other),
            };
            if piece != Piece::Any || pieces.last() != Some(&Piece::Any) {
                pieces.push(piece);
            }
        }
        Self { pieces }
    }

    /// Whether the whole name fits. Takes at most the product of both lengths, usually their sum.
    pub(super) fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut piece) = (0, 0);
        // Where to go on after the last `%` when what follows does not fit.
        let mut retry: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    retry = Some((at, piece));
                    piece += 1;
                }
                Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Char(c)) if name.get(at) == Some(c) => (at, piece) = (at + 1, piece + 1),
                _ => match retry {
                    Some((from, any)) => {
                        retry = Some((from + 1, any));
                        (at, piece) = (from + 1, any + 1);
                    }
                    None => return false,
                },
            }
        }
        self.pieces.get(piece..).is_some_and(|rest| rest.iter().all(|p| *p == Piece::Any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by recursion.
    fn slow(pieces: &[Piece], name: &[char]) -> bool {
        match (pieces, name) {
            ([], rest) => rest.is_empty(),
            ([Piece::Any, tail @ ..], _) => (0..=name.len()).any(|i| slow(tail, &name[i..])),
            ([Piece::One, tail @ ..], [_, rest @ ..]) => slow(tail, rest),
            ([Piece::Char(c), tail @ ..], [first, rest @ ..]) => c == first && slow(tail, rest),
            _ => false,
        }
    }

    #[test]
    fn escapes_and_wildcards() {
        for (pattern, name, fits) in [
            ("a_b", "axb", true),
            (r"a\_b", "axb", false),
            (r"a\_b", "a_b", true),
            (r"100\%", "100%", true),
            (r"a\\b", r"a\b", true),
            (r"a\b", r"a\b", true),
            ("%", "", true),
            ("_", "ü", true),
            ("", "a", false),
            ("sett%s", "settings", true),
            ("SELECT '%' FROM x", "x", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_agrees_with_the_definition(pattern in "[ab%_\\\\]{0,8}", name in "[ab%_\\\\]{0,8}") {
            let pattern = Pattern::new(&pattern);
            let chars: Vec<char> = name.chars().collect();
            prop_assert_eq!(pattern.fits(&name), slow(&pattern.pieces, &chars));
        }
    }
}
