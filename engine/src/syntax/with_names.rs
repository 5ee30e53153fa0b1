//! A WITH in a sub-query may give a name that a query around it gives too; DataFusion knows one list of names for both.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement, TableAlias, TableFactor, VisitMut, VisitorMut};

use super::normalized;

/// Gives such a query another name, under which the sub-query's tables keep theirs as an alias.
pub(super) fn tell_apart(statement: &mut Statement) {
    // Nothing breaks the visit off.
    let _ = VisitMut::visit(statement, &mut Apart::default());
}

#[derive(Default)]
struct Apart {
    /// The names of the queries around, the innermost last.
    around: Vec<Vec<String>>,
    renamed: usize,
}

impl VisitorMut for Apart {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| normalized(&cte.alias.name));
        self.around.push(names.collect());
        ControlFlow::Continue(())
    }

    /// After the queries in it, so that a name in them that is the same is this one.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let own = self.around.pop().unwrap_or_default();
        for (at, name) in own.iter().enumerate() {
            let repeated = own.iter().filter(|other| *other == name).count() > 1;
            // A name that one WITH gives twice is refused.
            if !repeated && self.around.iter().flatten().any(|other| other == name) {
                self.renamed += 1;
                let number: String = std::iter::repeat_n('_', self.renamed).collect();
                rename(query, at, name, Ident::with_quote('"', [name, " ", &number].concat()));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Renames one query of a WITH: where it is made, in those behind it, in itself if it may be recursive, and in the query.
fn rename(query: &mut Query, at: usize, name: &str, new: Ident) {
    let mut renamer = Renamer { name, new: &new };
    if let Some(with) = &mut query.with {
        let from = if with.recursive { at } else { at + 1 };
        for cte in with.cte_tables.iter_mut().skip(from) {
            let _ = VisitMut::visit(&mut cte.query, &mut renamer);
        }
        if let Some(cte) = with.cte_tables.get_mut(at) {
            cte.alias.name = new.clone();
        }
    }
    let _ = VisitMut::visit(&mut query.body, &mut renamer);
    if let Some(order) = &mut query.order_by {
        let _ = VisitMut::visit(order, &mut renamer);
    }
}

struct Renamer<'a> {
    name: &'a str,
    new: &'a Ident,
}

impl VisitorMut for Renamer<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args: None, .. } = table else { return ControlFlow::Continue(()) };
        let [part] = name.0.as_slice() else { return ControlFlow::Continue(()) };
        let Some(own) = part.as_ident().filter(|own| normalized(own) == self.name).cloned() else {
            return ControlFlow::Continue(());
        };
        *name = ObjectName::from(vec![self.new.clone()]);
        alias.get_or_insert_with(|| TableAlias { explicit: true, name: own, columns: Vec::new(), at: None });
        ControlFlow::Continue(())
    }
}
