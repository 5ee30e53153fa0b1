//! What UPDATE and INSERT name: each column once, and a column that is set to itself.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, Expr, Ident, ObjectName, Statement};
use headwater_common::{Error, Result};
use headwater_source::write::UNCHANGED;

use super::{call, normalized, placeholder, same};

/// Refuses a column that is named twice; DataFusion would take one of the two values of an UPDATE and forget the other.
pub(super) fn check(statement: &Statement) -> Result<()> {
    let (verb, names): (_, Vec<&ObjectName>) = match statement {
        Statement::Update(update) => ("SET of UPDATE", update.assignments.iter().flat_map(targets).collect()),
        Statement::Insert(insert) => ("columns of INSERT", insert.columns.iter().collect()),
        _ => return Ok(()),
    };
    let mut known = HashSet::new();
    for name in names.into_iter().filter_map(last) {
        if !known.insert(normalized(name)) {
            let message = ["the ", verb, " name the column \"", &normalized(name), "\" twice; name it once"].concat();
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

/// Marks `SET c = c`: DataFusion leaves out such an assignment, and with it the change of the row that triggers and counts see.
pub(super) fn mark(statement: &mut Statement) {
    let Statement::Update(update) = statement else { return };
    for assignment in &mut update.assignments {
        let Assignment { target: AssignmentTarget::ColumnName(name), value } = assignment else { continue };
        let own = match plain(value) {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if own.is_some_and(|own| last(name).is_some_and(|name| same(own, name))) {
            let column = std::mem::replace(value, placeholder());
            *value = call(UNCHANGED, vec![column]);
        }
    }
}

fn targets(assignment: &Assignment) -> Vec<&ObjectName> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => vec![name],
        AssignmentTarget::Tuple(names) => names.iter().collect(),
    }
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(|part| part.as_ident())
}

fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => plain(inner),
        other => other,
    }
}
