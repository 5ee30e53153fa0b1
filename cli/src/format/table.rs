//! Aligned columns.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use super::rows::{Drawing, Rows};

/// Draws a table with a frame of ASCII.
pub(crate) struct Table;

impl Drawing for Table {
    fn draw(&self, rows: &Rows, out: &mut dyn Write) -> std::io::Result<()> {
        if rows.names.is_empty() {
            return Ok(());
        }
        let widths = widths(rows, 0);
        let rule: String = widths.iter().map(|w| format!("+{}", "-".repeat(w + 2))).collect();
        writeln!(out, "{rule}+")?;
        line(&rows.names, &widths, &vec![false; widths.len()], out)?;
        writeln!(out, "{rule}+")?;
        for row in &rows.rows {
            line(row, &widths, &rows.right, out)?;
        }
        writeln!(out, "{rule}+")
    }
}

/// Width of each column in terminal cells.
pub(super) fn widths(rows: &Rows, least: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = rows.names.iter().map(|n| n.width().max(least)).collect();
    for row in &rows.rows {
        for (width, value) in widths.iter_mut().zip(row) {
            *width = (*width).max(value.width());
        }
    }
    widths
}

/// One line with `|` between the values.
pub(super) fn line(values: &[String], widths: &[usize], right: &[bool], out: &mut dyn Write) -> std::io::Result<()> {
    for ((value, width), right) in values.iter().zip(widths).zip(right) {
        let space = " ".repeat(width.saturating_sub(value.width()));
        if *right {
            write!(out, "| {space}{value} ")?;
        } else {
            write!(out, "| {value}{space} ")?;
        }
    }
    writeln!(out, "|")
}
