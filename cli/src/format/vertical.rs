//! One line per column.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use super::rows::{Drawing, Rows};

/// Draws every row as a block of `name | value` lines.
pub(crate) struct Vertical;

impl Drawing for Vertical {
    fn draw(&self, rows: &Rows, out: &mut dyn Write) -> std::io::Result<()> {
        let width = rows.names.iter().map(|n| n.width()).max().unwrap_or(0);
        for (number, row) in rows.rows.iter().enumerate() {
            writeln!(out, "-[ row {} ]-", number + 1)?;
            for (name, value) in rows.names.iter().zip(row) {
                writeln!(out, "{name}{} | {value}", " ".repeat(width - name.width()))?;
            }
        }
        Ok(())
    }
}
