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
    rules: Vec<Rule>,
}

/// Where one of the first relations is, all of the second ones must be.
type Rule = (Set, Set);

impl Operator {
    /// All relations that must be together (its total eligibility set).
    pub(super) fn all(&self) -> Set {
        self.left | self.right
    }

    /// Whether it may join these relations.
    fn obeys(&self, both: Set) -> bool {
        self.rules.iter().all(|(when, then)| when & both == 0 || within(*then, both))
    }
}

/// The operators of a tree with the relations that each must have on its sides, and their rules.
///
/// They are those of conflict detector CD-C of Moerkotte, Fender and Eich, "On the correct and complete enumeration of the core
/// search space" (SIGMOD 2013): an operator needs what its condition looks at, and of each operator below it that it may not be
/// exchanged with, it has a rule: where a relation of one side is, the relations of the other side that the condition
/// below looks at must be too. What they prove holds for inner joins (with every condition by itself), left outer, semi and anti
/// joins.
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
        let mut operator = Operator { kind, left: 0, right: 0, refs, terms, sides: (left, right), rules: Vec::new() };
        let mut needs = refs;
        // A condition that looks at one side only says nothing of which rows of the other are meant.
        for side in [left, right] {
            if refs & side == 0 {
                needs |= side;
            }
        }
        let below = |range: std::ops::Range<usize>| found.get(range).unwrap_or_default();
        let mut rules: Vec<Rule> = below(start..middle).iter().flat_map(|a| of_left(a, &operator, region)).collect();
        rules.extend(below(middle..end).iter().flat_map(|a| of_right(a, &operator, region)));
        needs = settle(needs, &mut rules);
        (operator.left, operator.right, operator.rules) = (needs & left, needs & right, rules);
        found.push(operator);
    }
    Some(left | right)
}

/// Takes the rules that always count into what an operator needs, and leaves out those that need nothing more.
fn settle(mut needs: Set, rules: &mut Vec<Rule>) -> Set {
    loop {
        let before = needs;
        needs = rules.iter().filter(|(when, _)| when & needs != 0).fold(needs, |needs, (_, then)| needs | then);
        if needs == before {
            rules.retain(|(when, then)| when & needs == 0 && !within(*then, needs));
            return needs;
        }
    }
}

/// Where a relation of `when` is, the relations of `side` are needed that the operator looks at, or all when it looks at none.
fn rule(below: &Operator, when: Set, side: Set) -> Rule {
    let looked_at = below.refs & side;
    (when, if looked_at == 0 { side } else { looked_at })
}

/// The rules of `above` for an operator on its left side. All kinds may be exchanged as (a . b) . c = (a . c) . b.
fn of_left(below: &Operator, above: &Operator, region: &Region<'_>) -> Option<Rule> {
    let (left, right) = below.sides;
    (!associative(below.kind, above, right, region)).then(|| rule(below, right, left))
}

/// The rules of `above` for an operator on its right side.
fn of_right(below: &Operator, above: &Operator, region: &Region<'_>) -> Vec<Rule> {
    let (left, right) = below.sides;
    let mut rules = Vec::new();
    if !associative(above.kind, below, left, region) {
        rules.push(rule(below, left, right));
    }
    // a . (b . c) = b . (a . c)
    if (above.kind, below.kind) != (Kind::Inner, Kind::Inner) {
        rules.push(rule(below, right, left));
    }
    rules
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
    // One that waited longer would never be applied.
    if found.iter().filter_map(|i| operators.get(*i)).any(|o| !o.obeys(both)) {
        return None;
    }
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
