//! Random queries that are right by type and have one answer.
//!
//! Nothing that is generated depends on the order of rows or of evaluation: ORDER BY names every column, windows are ordered
//! by unique keys or are the same for peers, sums are over values that add exactly, and no expression fails on some values
//! only. What may overflow is generated seldom, and engines that refuse it are told apart.

mod blocks;
mod expressions;
mod grouped;
mod predicates;
mod windows;

use crate::ast::{Body, Expr, Query, SetOperator};
use crate::random::Random;
use crate::schema::COLUMNS;
use crate::value::Type;

/// A column that expressions can name.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) tame: bool,
}

impl ScopeColumn {
    pub(crate) fn expr(&self) -> Expr {
        Expr::Column { table: self.table.clone(), name: self.name.clone(), ty: self.ty }
    }
}

/// What a block's expressions can name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<ScopeColumn>,
    /// Columns of the block around a sub-query.
    pub(crate) outer: Vec<ScopeColumn>,
    /// Columns that together are unique; `None` when no such columns are known.
    pub(crate) unique: Option<Vec<ScopeColumn>>,
}

/// Output columns of a common table expression.
type CteColumns = Vec<(String, Type, bool)>;

/// Generates one query.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) random: Random,
    aliases: usize,
    ctes: Vec<(String, CteColumns)>,
    /// Whether it names only columns that every source has.
    everywhere: bool,
}

/// The query number `index` of a seed; with `everywhere` it names only columns that every source has.
pub(crate) fn query(seed: u64, index: u64, everywhere: bool) -> Query {
    let random = Random::new(seed, index);
    Generator { random, aliases: 0, ctes: Vec::new(), everywhere }.top()
}

impl Generator {
    fn top(&mut self) -> Query {
        let mut ctes = Vec::new();
        if self.random.chance(12) {
            let cte = self.nested(2);
            let columns = columns_of(&cte);
            ctes.push(("w1".to_owned(), cte));
            self.ctes.push(("w1".to_owned(), columns));
        }
        let types = self.types();
        let simple = self.random.chance(50);
        let mut query = self.finished(&types, simple, 0);
        query.ctes = ctes;
        query
    }

    fn types(&mut self) -> Vec<Type> {
        let count = 1 + self.random.below(4);
        (0..count).map(|_| self.ty()).collect()
    }

    /// A type, common ones more often.
    fn ty(&mut self) -> Type {
        const OFTEN: [Type; 5] = [Type::Int8, Type::Int4, Type::Text, Type::Bool, Type::Decimal];
        if self.random.chance(50) { *self.random.pick(&OFTEN) } else { *self.random.pick(&Type::ALL) }
    }

    /// A query inside another one.
    fn nested(&mut self, depth: usize) -> Query {
        let types = self.types();
        let simple = depth > 1 && self.random.chance(40);
        self.finished(&types, simple, depth)
    }

    /// A body with ORDER BY, LIMIT and OFFSET.
    fn finished(&mut self, types: &[Type], simple: bool, depth: usize) -> Query {
        let body = self.body(types, simple, depth);
        let mut query = Query { ctes: Vec::new(), body, order: Vec::new(), limit: None, offset: None };
        let limited = self.random.chance(if depth == 0 { 25 } else { 15 });
        if limited || (depth == 0 && self.random.chance(35)) {
            let mut positions: Vec<usize> = (0..types.len()).collect();
            while !positions.is_empty() {
                let at = self.random.below(positions.len());
                query.order.push((positions.remove(at), self.random.chance(50), self.random.chance(50)));
            }
        }
        if limited {
            query.limit = Some(*self.random.pick(&[0, 1, 2, 3, 5, 10, 100]));
            query.offset = self.random.chance(25).then(|| self.random.below(6) as u64);
        }
        query
    }

    fn body(&mut self, types: &[Type], simple: bool, depth: usize) -> Body {
        if !simple && depth < 2 && self.random.chance(14) {
            let operator = *self.random.pick(&[SetOperator::Union, SetOperator::Intersect, SetOperator::Except]);
            // EXCEPT ALL and INTERSECT ALL are refused.
            let all = operator == SetOperator::Union && self.random.chance(50);
            let simple = self.random.chance(50);
            let sides = [self.body(types, simple, depth + 1), self.body(types, true, depth + 1)];
            return Body::Set { operator, all, sides: Box::new(sides) };
        }
        Body::Select(Box::new(self.select(types, simple, depth)))
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("a{}", self.aliases)
    }

    /// The columns of a base table under an alias.
    fn base_columns(&self, alias: &str) -> Vec<ScopeColumn> {
        let column = |c: &crate::schema::Column| ScopeColumn {
            table: alias.to_owned(),
            name: c.name.to_owned(),
            ty: c.ty,
            tame: c.tame,
        };
        COLUMNS.iter().filter(|c| c.everywhere || !self.everywhere).map(column).collect()
    }
}

/// The columns of a query that stands in FROM.
fn columns_of(query: &Query) -> CteColumns {
    let first = matches!(query.body, Body::Select(_));
    let items = &query.body.first().items;
    let tame =
        |e: &Expr| first && matches!(e, Expr::Column { name, .. } if COLUMNS.iter().any(|c| c.tame && c.name == name));
    items.iter().enumerate().map(|(i, e)| (format!("c{i}"), e.ty(), tame(e))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::{Dialect, print, quoted};

    #[test]
    fn queries_for_every_source_name_only_what_every_source_has() {
        let mut elsewhere = 0;
        for index in 0..400 {
            let everywhere = index % 2 == 0;
            let text = print(&query(11, index, everywhere), Dialect::Headwater, &|t| t.to_owned()).unwrap();
            let named = COLUMNS.iter().any(|c| !c.everywhere && text.contains(&format!(".{}", quoted(c.name))));
            assert!(!(named && everywhere), "{text}");
            elsewhere += usize::from(named);
        }
        assert!(elsewhere > 20, "only {elsewhere} queries name other columns");
    }
}
