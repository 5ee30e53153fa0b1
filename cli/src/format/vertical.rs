//! One line per column.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use super::rows::{Drawing, Rows};

/// Draws every row as a block of `name | value` lines.
pub(crate) struct Vertical;

impl Drawing for Vertical {
    fn draw(&self, rows: &Rows, _: Option<usize>, out: &mut dyn Write) -> std::io::Result<usize> {
        let width = rows.names.iter().map(|n| n.width()).max().unwrap_or(0);
        for (number, row) in rows.rows.iter().enumerate() {
            writeln!(out, "-[ row {} ]-", number + 1)?;
            for (name, value) in rows.names.iter().zip(row) {
                let mut lines = value.split('\n');
                let first = lines.next().unwrap_or_default();
                writeln!(out, "{name}{} | {first}", " ".repeat(width - name.width()))?;
                for line in lines {
                    writeln!(out, "{} | {line}", " ".repeat(width))?;
                }
            }
        }
        Ok(0)
    }
}
