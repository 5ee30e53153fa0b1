//! Aligned columns.

use std::io::Write;

use unicode_width::UnicodeWidthChar;
use unicode_width::UnicodeWidthStr;

use super::rows::{Drawing, Rows};

/// Stands at the end of a line that goes on in the next one.
const GOES_ON: char = '\u{21b5}';
/// Stands for the rest of a value without room.
const CUT: char = '\u{2026}';
/// A column is not made narrower than this to make room for another one.
const NARROWEST: usize = 8;

/// Draws a table with a frame of ASCII; a plan is drawn as the text it is.
pub(crate) struct Table;

impl Drawing for Table {
    fn draw(&self, rows: &Rows, width: Option<usize>, out: &mut dyn Write) -> std::io::Result<usize> {
        if rows.names.is_empty() {
            return Ok(0);
        }
        if rows.names == ["plan_type", "plan"] {
            return plan(rows, out).map(|()| 0);
        }
        let widths = fitting(widths(rows, 0), width);
        let rule: String = widths.iter().map(|w| format!("+{}", "-".repeat(w + 2))).collect();
        writeln!(out, "{rule}+")?;
        record(&rows.names, &widths, &vec![false; widths.len()], out)?;
        writeln!(out, "{rule}+")?;
        for row in &rows.rows {
            record(row, &widths, &rows.right, out)?;
        }
        writeln!(out, "{rule}+")?;
        Ok(rows.names.len() - widths.len())
    }
}

/// A plan under the name of its kind.
fn plan(rows: &Rows, out: &mut dyn Write) -> std::io::Result<()> {
    for row in &rows.rows {
        let [kind, text] = row.as_slice() else { continue };
        writeln!(out, "-- {}", kind.replace('_', " "))?;
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Width of each column in terminal cells.
pub(super) fn widths(rows: &Rows, least: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = rows.names.iter().map(|n| n.width().max(least)).collect();
    for row in &rows.rows {
        for (width, value) in widths.iter_mut().zip(row) {
            *width = (*width).max(broken(value).map(|(line, more)| line.width() + usize::from(more)).max().unwrap_or(0));
        }
    }
    widths
}

/// The widths of the columns that have room: the widest ones give way first, then the last ones are left out.
fn fitting(mut widths: Vec<usize>, most: Option<usize>) -> Vec<usize> {
    let Some(most) = most else { return widths };
    let room = |columns: usize| most.saturating_sub(3 * columns + 1);
    let total = |widths: &[usize], cap: usize| widths.iter().map(|w| (*w).min(cap)).sum::<usize>();
    while widths.len() > 1 && total(&widths, NARROWEST) > room(widths.len()) {
        widths.pop();
    }
    let room = room(widths.len()).max(NARROWEST);
    let mut cap = widths.iter().copied().max().unwrap_or(0);
    while cap > NARROWEST && total(&widths, cap) > room {
        cap -= 1;
    }
    for width in &mut widths {
        *width = (*width).min(cap);
    }
    widths
}

/// The lines of a value, each with whether another one follows.
fn broken(value: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut lines = value.split('\n').peekable();
    std::iter::from_fn(move || lines.next().map(|line| (line, lines.peek().is_some())))
}

/// One row, in as many lines as its values have.
fn record(values: &[String], widths: &[usize], right: &[bool], out: &mut dyn Write) -> std::io::Result<()> {
    let shown = &values[..widths.len().min(values.len())];
    let height = shown.iter().map(|v| broken(v).count()).max().unwrap_or(1);
    for at in 0..height {
        let lines: Vec<String> = shown.iter().zip(widths).map(|(value, width)| one_line(value, at, *width)).collect();
        line(&lines, widths, right, out)?;
    }
    Ok(())
}

fn one_line(value: &str, at: usize, width: usize) -> String {
    match broken(value).nth(at) {
        Some((line, true)) => cut(&format!("{line}{GOES_ON}"), width),
        Some((line, false)) => cut(line, width),
        None => String::new(),
    }
}

/// The text, or its beginning with a sign that it goes on.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        out.push(c);
    }
    out.push(CUT);
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way_first() {
        assert_eq!(fitting(vec![5, 50, 5], None), [5, 50, 5]);
        assert_eq!(fitting(vec![5, 50, 5], Some(40)), [5, 20, 5]);
        assert_eq!(fitting(vec![5, 50, 30], Some(48)), [5, 16, 16]);
        assert_eq!(fitting(vec![10; 10], Some(34)).len(), 3);
        assert_eq!(fitting(vec![200], Some(3)), [8]);
    }

    #[test]
    fn a_value_is_cut_by_its_width_on_screen() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell\u{2026}");
        assert_eq!(cut("日本日本", 5), "日本\u{2026}");
    }
}
