//! Makes a finding as small as it can be: first the query, then the rows.

use crate::ast::Query;
use crate::check::{Check, Finding, Verdict};
use crate::print::{Dialect, literal};
use crate::rows::Outcome;
use crate::schema::{COLUMNS, Table};
use crate::shrink::smaller;
use crate::universe::Universe;

/// Most queries that are tried.
const QUERIES_MAX: usize = 600;
/// Most sets of rows that are tried; each is loaded everywhere.
const ROWS_MAX: usize = 20;

/// Whether two outcomes differ in the same way as others do.
fn alike(finding: &Finding, left: &Outcome, right: &Outcome) -> bool {
    let message = |o: &Outcome| o.as_ref().err().map(|m| m.chars().take(24).collect::<String>());
    message(&finding.left) == message(left) && message(&finding.right) == message(right)
}

async fn shows(universe: &mut Universe, query: &Query, finding: &Finding) -> Option<Finding> {
    let check: Check = finding.check;
    match check.run(universe, query, None).await {
        Verdict::Different(left, right) if alike(finding, &left, &right) => Some(Finding { check, left, right }),
        _ => None,
    }
}

/// The smallest query and rows found, the rows as text, and the finding they show.
pub(crate) async fn minimize(universe: &mut Universe, query: &Query, finding: Finding) -> (Query, String, Finding) {
    let (mut query, mut finding, mut tried) = (query.clone(), finding, 0);
    'smaller: loop {
        let mut candidates = smaller(&query);
        let size = |q: &Query| universe.text(q, crate::routes::Route::REFERENCE).len();
        candidates.retain(|c| size(c) < size(&query));
        candidates.sort_by_key(size);
        for candidate in candidates {
            tried += 1;
            if tried > QUERIES_MAX {
                break 'smaller;
            }
            if let Some(found) = shows(universe, &candidate, &finding).await {
                (query, finding) = (candidate, found);
                continue 'smaller;
            }
        }
        break;
    }
    let (tables, finding) = fewer_rows(universe, &query, finding).await;
    (query, rows_text(&tables), finding)
}

async fn fewer_rows(universe: &Universe, query: &Query, finding: Finding) -> (Vec<Table>, Finding) {
    let (mut tables, mut finding, mut tried) = (universe.tables.clone(), finding, 0);
    for i in 0..tables.len() {
        let mut step = tables[i].rows.len();
        while step > 0 {
            let mut from = 0;
            while from < tables[i].rows.len() && tried < ROWS_MAX {
                tried += 1;
                let mut fewer = tables.clone();
                let to = (from + step).min(fewer[i].rows.len());
                fewer[i].rows.drain(from..to);
                let mut smaller = universe.smaller(fewer.clone(), &finding.check.setups()).await;
                match shows(&mut smaller, query, &finding).await {
                    Some(found) => (tables, finding) = (fewer, found),
                    None => from += step,
                }
            }
            step /= 2;
        }
    }
    (tables, finding)
}

fn rows_text(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        for row in &table.rows {
            let values = row.iter().zip(&COLUMNS).map(|(v, c)| literal(Dialect::DuckDb, v, c.ty));
            let values: Vec<String> = values.collect();
            text.push_str(&format!("  {}: {}\n", table.name, values.join(", ")));
        }
    }
    text
}
