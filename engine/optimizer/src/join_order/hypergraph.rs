//! Which relations a condition needs, as a hypergraph.

use super::region::{Kind, Region, Term, Tree, column_of};

/// Relations, one bit each.
pub(super) type Set = u64;

/// Most relations of one tree of joins.
pub(super) const RELATIONS_MAX: usize = 64;

/// The set of one relation.
pub(super) fn single(relation: usize) -> Set {
    1u64.checked_shl(u32::try_from(relation).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// Whether all of `inner` is in `outer`.
pub(super) fn within(inner: Set, outer: Set) -> bool {
    inner & !outer == 0
}

/// The relations of a set, smallest first.
pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..RELATIONS_MAX).filter(move |i| set & single(*i) != 0)
}

/// A join of the plan, or one condition of an inner join: each condition of those is applied by itself as soon as its relations are
/// together.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) kind: Kind,
    /// Relations that must be on the left side when it is applied; for inner joins the sides may change places.
    pub(super) left: Set,
    /// Relations that must be on the right side.
    pub(super) right: Set,
    /// Relations that its terms look at.
    pub(super) refs: Set,
    pub(super) terms: Vec<Term>,
    /// All relations of its sides in the plan.
    sides: (Set, Set),
}

impl Operator {
    /// All relations that must be together (its total eligibility set).
    pub(super) fn all(&self) -> Set {
        self.left | self.right
    }
}

/// The operators of a tree with the relations that each must have on its sides.
///
/// The sets are those of conflict detector CD-A of Moerkotte, Fender and Eich, "On the correct and complete enumeration of the
/// core search space" (SIGMOD 2013): an operator needs what its condition looks at, and of each operator below it the side that it may
/// not be exchanged with. What they prove holds for inner joins (with every condition by itself), left outer, semi and anti joins.
pub(super) fn operators(region: &Region<'_>) -> Option<Vec<Operator>> {
    let mut found = Vec::new();
    add(&region.tree, region, &mut found)?;
    Some(found)
}

/// Adds the operators of a tree; returns its relations.
fn add(tree: &Tree, region: &Region<'_>, found: &mut Vec<Operator>) -> Option<Set> {
    let (kind, left, right, terms) = match tree {
        Tree::Leaf(number) => return Some(single(*number)),
        Tree::Join { kind, left, right, terms } => (*kind, left, right, terms),
    };
    let start = found.len();
    let left = add(left, region, found)?;
    let middle = found.len();
    let right = add(right, region, found)?;
    let end = found.len();
    let each: Vec<Vec<Term>> = match kind {
        Kind::Inner if !terms.is_empty() => terms.iter().map(|t| vec![t.clone()]).collect(),
        _ => vec![terms.clone()],
    };
    for terms in each {
        let columns: Vec<_> = terms.iter().flat_map(Term::columns).collect();
        let refs = region.relations(&columns)?;
        let mut operator = Operator { kind, left: 0, right: 0, refs, terms, sides: (left, right) };
        let mut needs = refs;
        // A condition that looks at one side only says nothing of which rows of the other are meant.
        for side in [left, right] {
            if refs & side == 0 {
                needs |= side;
            }
        }
        let below = |range: std::ops::Range<usize>| found.get(range).unwrap_or_default();
        needs |= below(start..middle).iter().fold(0, |all, a| all | of_left(a, &operator, region));
        needs |= below(middle..end).iter().fold(0, |all, a| all | of_right(a, &operator, region));
        (operator.left, operator.right) = (needs & left, needs & right);
        found.push(operator);
    }
    Some(left | right)
}

/// What `above` needs of an operator on its left side.
fn of_left(below: &Operator, above: &Operator, region: &Region<'_>) -> Set {
    // Of these kinds all may be exchanged as (a . b) . c = (a . c) . b.
    if associative(below.kind, above, below.sides.1, region) { 0 } else { below.sides.0 }
}

/// What `above` needs of an operator on its right side.
fn of_right(below: &Operator, above: &Operator, region: &Region<'_>) -> Set {
    let mut needs = 0;
    if !associative(above.kind, below, below.sides.0, region) {
        needs |= below.sides.1;
    }
    // a . (b . c) = b . (a . c)
    if (above.kind, below.kind) != (Kind::Inner, Kind::Inner) {
        needs |= below.sides.0;
    }
    needs
}

/// Whether `(a first b) second c = a first (b second c)`, where `middle` are the relations of b.
fn associative(first: Kind, second: &Operator, middle: Set, region: &Region<'_>) -> bool {
    match (first, second.kind) {
        (Kind::Inner, _) => true,
        (Kind::Left, Kind::Left) => second.terms.iter().any(|term| rejects_nulls(term, middle, region)),
        _ => false,
    }
}

/// Whether a term is not true when all columns of these relations are null.
fn rejects_nulls(term: &Term, relations: Set, region: &Region<'_>) -> bool {
    let Term::Equal(left, right) = term else { return false };
    let of_them = |expr| column_of(expr).and_then(|c| region.relation(c)).is_some_and(|r| within(single(r), relations));
    of_them(left) || of_them(right)
}

/// How two sets of relations are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pairing {
    /// The operators that are applied, by number.
    pub(super) operators: Vec<usize>,
    /// What is done with rows of the left side.
    pub(super) kind: Kind,
    /// Whether the second set is the left side.
    pub(super) turned: bool,
}

/// The join of two disjoint sets; `None` when they cannot be joined with each other.
pub(super) fn pairing(operators: &[Operator], first: Set, second: Set) -> Option<Pairing> {
    let both = first | second;
    let spans = |o: &Operator| within(o.all(), both) && !within(o.all(), first) && !within(o.all(), second);
    let found: Vec<usize> = operators.iter().enumerate().filter(|(_, o)| spans(o)).map(|(i, _)| i).collect();
    let other = found.iter().filter_map(|i| operators.get(*i)).find(|o| o.kind != Kind::Inner);
    match other {
        None if found.is_empty() => None,
        None => Some(Pairing { operators: found, kind: Kind::Inner, turned: false }),
        Some(operator) if found.len() == 1 => {
            let fits = |left, right| within(operator.left, left) && within(operator.right, right);
            let turned = match (fits(first, second), fits(second, first)) {
                (true, _) => false,
                (_, true) => true,
                _ => return None,
            };
            Some(Pairing { operators: found, kind: operator.kind, turned })
        }
        Some(_) => None,
    }
}
