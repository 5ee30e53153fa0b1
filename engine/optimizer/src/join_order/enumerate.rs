//! Every pair of connected sets of relations that are connected with each other, each once (DPhyp).

use std::collections::HashSet;

use super::hypergraph::{Operator, Set, members, single, within};

/// Most steps of one enumeration. A star of 12 relations has 11,264 pairs, a chain 286.
const STEPS_MAX: usize = 40_000;

/// Enumerates as Moerkotte and Neumann, "Dynamic programming strikes back" (SIGMOD 2008): smaller sets before larger ones, so that
/// what is known of both sets of a pair is final when it is met.
pub(super) struct Enumeration<'a, F> {
    operators: &'a [Operator],
    relations: usize,
    /// The sets that a plan is known of.
    known: HashSet<Set>,
    /// Is told a pair; says whether the two could be joined.
    meet: F,
    steps: usize,
}

/// The enumeration was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl<'a, F: FnMut(Set, Set) -> bool> Enumeration<'a, F> {
    /// Over so many relations.
    pub(super) fn new(operators: &'a [Operator], relations: usize, meet: F) -> Self {
        let known = (0..relations).map(single).collect();
        Self { operators, relations, known, meet, steps: 0 }
    }

    /// Meets all pairs; returns the number of steps.
    pub(super) fn run(mut self) -> Result<usize, TooMany> {
        for relation in (0..self.relations).rev() {
            let start = single(relation);
            self.grow_into_pairs(start)?;
            self.grow_first(start, up_to(relation))?;
        }
        Ok(self.steps)
    }

    fn step(&mut self) -> Result<(), TooMany> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(TooMany) } else { Ok(()) }
    }

    /// Larger first sets (EnumerateCsgRec).
    fn grow_first(&mut self, first: Set, excluded: Set) -> Result<(), TooMany> {
        let near = self.neighbourhood(first, excluded);
        for more in subsets(near) {
            self.step()?;
            if self.known.contains(&(first | more)) {
                self.grow_into_pairs(first | more)?;
            }
        }
        for more in subsets(near) {
            self.step()?;
            self.grow_first(first | more, excluded | near)?;
        }
        Ok(())
    }

    /// Second sets for a first one (EmitCsg).
    fn grow_into_pairs(&mut self, first: Set) -> Result<(), TooMany> {
        let excluded = first | up_to(first.trailing_zeros() as usize);
        let near = self.neighbourhood(first, excluded);
        let mut relations: Vec<usize> = members(near).collect();
        relations.reverse();
        for relation in relations {
            let second = single(relation);
            if self.connected(first, second) {
                self.pair(first, second)?;
            }
            self.grow_second(first, second, excluded | (up_to(relation) & near))?;
        }
        Ok(())
    }

    /// Larger second sets (EnumerateCmpRec).
    fn grow_second(&mut self, first: Set, second: Set, excluded: Set) -> Result<(), TooMany> {
        let near = self.neighbourhood(second, excluded);
        for more in subsets(near) {
            self.step()?;
            let second = second | more;
            if self.known.contains(&second) && self.connected(first, second) {
                self.pair(first, second)?;
            }
        }
        for more in subsets(near) {
            self.step()?;
            self.grow_second(first, second | more, excluded | near)?;
        }
        Ok(())
    }

    fn pair(&mut self, first: Set, second: Set) -> Result<(), TooMany> {
        self.step()?;
        if (self.meet)(first, second) {
            self.known.insert(first | second);
        }
        Ok(())
    }

    /// For each edge that leaves the set to where it may go, the smallest relation of the other end.
    fn neighbourhood(&self, set: Set, excluded: Set) -> Set {
        let ends = self.operators.iter().flat_map(|o| [(o.left, o.right), (o.right, o.left)]);
        let leaving = ends.filter(|(from, to)| within(*from, set) && to & (set | excluded) == 0 && *to != 0);
        leaving.fold(0, |near, (_, to)| near | single(to.trailing_zeros() as usize))
    }

    fn connected(&self, first: Set, second: Set) -> bool {
        let joins = |o: &Operator, a, b| within(o.left, a) && within(o.right, b);
        self.operators.iter().any(|o| joins(o, first, second) || joins(o, second, first))
    }
}

/// The relations up to this one.
fn up_to(relation: usize) -> Set {
    let this = single(relation);
    this | this.wrapping_sub(1)
}

/// The subsets of a set that are not empty, smaller numbers first.
fn subsets(set: Set) -> impl Iterator<Item = Set> {
    let mut next = set & set.wrapping_neg();
    std::iter::from_fn(move || {
        let this = next;
        next = this.wrapping_sub(set) & set;
        (this != 0).then_some(this)
    })
}
