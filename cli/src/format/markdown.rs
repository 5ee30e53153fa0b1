//! Markdown tables.

use std::io::Write;

use super::rows::{Drawing, Rows};
use super::table::{line, widths};

/// Draws a Markdown table; `|` and line breaks in values are escaped.
pub(crate) struct Markdown;

impl Drawing for Markdown {
    fn draw(&self, rows: &Rows, _: Option<usize>, out: &mut dyn Write) -> std::io::Result<usize> {
        let escape =
            |values: &[String]| values.iter().map(|v| v.replace('|', "\\|").replace('\n', "<br>")).collect::<Vec<_>>();
        let escaped = Rows {
            names: escape(&rows.names),
            right: rows.right.clone(),
            rows: rows.rows.iter().map(|r| escape(r)).collect(),
        };
        let widths = widths(&escaped, 3);
        line(&escaped.names, &widths, &vec![false; widths.len()], out)?;
        for (width, right) in widths.iter().zip(&escaped.right) {
            write!(out, "| {}{} ", "-".repeat(width - 1), if *right { ":" } else { "-" })?;
        }
        writeln!(out, "|")?;
        for row in &escaped.rows {
            line(row, &widths, &escaped.right, out)?;
        }
        writeln!(out)?;
        Ok(0)
    }
}
