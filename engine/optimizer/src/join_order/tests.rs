//! Every order that is found has the rows of the plan, over random trees of joins and random rows.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, JoinConstraint, JoinType, NullEquality};
use datafusion::logical_expr::{BinaryExpr, Join, LogicalPlan, Operator as Symbol, table_scan};
use datafusion::prelude::Expr;

use super::enumerate::{Enumeration, TooMany};
use super::hypergraph::{Operator, Pairing, Set, members, operators, pairing, single};
use super::region::{Kind, Region, Term, Tree};

/// Columns of a relation.
const COLUMNS: usize = 2;
type Row = Vec<Option<i64>>;

/// A small generator (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn relation(number: usize) -> LogicalPlan {
    let columns: Vec<Field> = (0..COLUMNS).map(|c| Field::new(format!("c{c}"), DataType::Int64, true)).collect();
    table_scan(Some(format!("r{number}")), &Schema::new(columns), None).unwrap().build().unwrap()
}

fn column(relation: usize, column: usize) -> Expr {
    Expr::Column(Column::new(Some(format!("r{relation}")), format!("c{column}")))
}

fn compare(left: Expr, op: Symbol, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn join(left: LogicalPlan, right: LogicalPlan, on: Vec<(Expr, Expr)>, filter: Option<Expr>, kind: JoinType) -> LogicalPlan {
    let (left, right, equal) = (Arc::new(left), Arc::new(right), NullEquality::NullEqualsNothing);
    LogicalPlan::Join(Join::try_new(left, right, on, filter, kind, JoinConstraint::On, equal, false).unwrap())
}

/// A random tree over relations `from..to`, and the relations whose columns it returns.
fn random_tree(random: &mut Random, from: usize, to: usize) -> (LogicalPlan, Vec<usize>) {
    if to - from == 1 {
        return (relation(from), vec![from]);
    }
    let middle = from + 1 + random.below(to - from - 1);
    let ((left, of_left), (right, of_right)) = (random_tree(random, from, middle), random_tree(random, middle, to));
    let kinds = [
        JoinType::Inner,
        JoinType::Inner,
        JoinType::Inner,
        JoinType::Left,
        JoinType::Left,
        JoinType::Right,
        JoinType::LeftSemi,
        JoinType::RightSemi,
        JoinType::LeftAnti,
        JoinType::RightAnti,
    ];
    let kind = kinds[random.below(kinds.len())];
    let one = |random: &mut Random, of: &[usize]| {
        let relation = of[random.below(of.len())];
        column(relation, random.below(COLUMNS))
    };
    let mut on = vec![(one(random, &of_left), one(random, &of_right))];
    if random.below(3) == 0 {
        on.push((one(random, &of_left), one(random, &of_right)));
    }
    let both: Vec<usize> = of_left.iter().chain(&of_right).copied().collect();
    let filter = match random.below(4) {
        0 => Some(compare(one(random, &both), Symbol::LtEq, one(random, &both))),
        1 if random.below(2) == 0 => {
            let null = Expr::IsNull(Box::new(one(random, &of_right)));
            Some(compare(null, Symbol::Or, compare(one(random, &of_left), Symbol::NotEq, one(random, &of_right))))
        }
        _ => None,
    };
    if random.below(12) == 0 {
        on.clear();
    }
    let returned = match kind {
        JoinType::LeftSemi | JoinType::LeftAnti => of_left,
        JoinType::RightSemi | JoinType::RightAnti => of_right,
        _ => both,
    };
    (join(left, right, on, filter, kind), returned)
}

/// Values of an expression; a truth value is 0 or 1.
fn value(expr: &Expr, row: &Row) -> Option<i64> {
    let truth = |b: bool| Some(i64::from(b));
    match expr {
        Expr::Column(c) => {
            let number = |text: &str| text[1..].parse::<usize>().unwrap();
            row[number(c.relation.as_ref().unwrap().table()) * COLUMNS + number(&c.name)]
        }
        Expr::IsNull(inner) => truth(value(inner, row).is_none()),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (a, b) = (value(left, row), value(right, row));
            match op {
                Symbol::Or if a == Some(1) || b == Some(1) => Some(1),
                Symbol::Or => a.zip(b).map(|_| 0),
                Symbol::LtEq => a.zip(b).and_then(|(a, b)| truth(a <= b)),
                Symbol::NotEq => a.zip(b).and_then(|(a, b)| truth(a != b)),
                other => panic!("{other}"),
            }
        }
        other => panic!("{other}"),
    }
}

fn matches(terms: &[&Term], row: &Row) -> bool {
    terms.iter().all(|term| match term {
        Term::Equal(a, b) => value(a, row).is_some_and(|a| Some(a) == value(b, row)),
        Term::Other(expr) => value(expr, row) == Some(1),
    })
}

fn joined(kind: Kind, left: &[Row], right: &[Row], terms: &[&Term]) -> Vec<Row> {
    let mut found = Vec::new();
    for l in left {
        let pairs = right.iter().map(|r| l.iter().zip(r).map(|(a, b)| a.or(*b)).collect::<Row>());
        let pairs: Vec<Row> = pairs.filter(|row| matches(terms, row)).collect();
        match (kind, pairs.is_empty()) {
            (Kind::Inner, _) | (Kind::Left, false) => found.extend(pairs),
            (Kind::Left | Kind::Anti, true) | (Kind::Semi, false) => found.push(l.clone()),
            (Kind::Semi, true) | (Kind::Anti, false) => {}
        }
    }
    found
}

fn stock(tree: &Tree, data: &[Vec<Row>]) -> Vec<Row> {
    match tree {
        Tree::Leaf(number) => data[*number].clone(),
        Tree::Join { kind, left, right, terms } => {
            joined(*kind, &stock(left, data), &stock(right, data), &terms.iter().collect::<Vec<_>>())
        }
    }
}

type Ways = HashMap<Set, Vec<(Pairing, Set, Set)>>;

/// All ways to every set.
fn ways(operators: &[Operator], relations: usize) -> Ways {
    let mut found = Ways::new();
    let meet = |first: Set, second: Set| match pairing(operators, first, second) {
        Some(pairing) => {
            found.entry(first | second).or_default().push((pairing, first, second));
            true
        }
        None => false,
    };
    Enumeration::new(operators, relations, meet).run().unwrap();
    found
}

fn random_order(random: &mut Random, set: Set, ways: &Ways, operators: &[Operator], data: &[Vec<Row>]) -> Vec<Row> {
    if set.count_ones() == 1 {
        return data[set.trailing_zeros() as usize].clone();
    }
    let all = &ways[&set];
    let (pairing, first, second) = &all[random.below(all.len())];
    let (left, right) = if pairing.turned { (second, first) } else { (first, second) };
    let left = random_order(random, *left, ways, operators, data);
    let right = random_order(random, *right, ways, operators, data);
    let terms: Vec<&Term> = pairing.operators.iter().flat_map(|i| &operators[*i].terms).collect();
    joined(pairing.kind, &left, &right, &terms)
}

fn random_rows(random: &mut Random, relation: usize, relations: usize) -> Vec<Row> {
    let rows = random.below(5);
    let row = |_| {
        let mut row = vec![None; relations * COLUMNS];
        for cell in &mut row[relation * COLUMNS..(relation + 1) * COLUMNS] {
            *cell = Some(random.below(4) as i64).filter(|v| *v < 3);
        }
        row
    };
    (0..rows).map(row).collect()
}

#[test]
fn every_order_has_the_rows_of_the_plan() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut other_orders, mut with_rows, mut outer) = (0, 0, 0);
    for _ in 0..3_000 {
        let relations = 3 + random.below(4);
        let (plan, _) = random_tree(&mut random, 0, relations);
        let region = Region::of(&plan).unwrap();
        let operators = operators(&region).unwrap();
        let ways = ways(&operators, relations);
        let all = (0..relations).fold(0, |all, i| all | single(i));
        assert!(ways.contains_key(&all), "no order of\n{}", plan.display_indent());
        let mixed = operators.iter().any(|o| o.kind != Kind::Inner);
        other_orders += usize::from(ways.values().any(|w| w.len() > 1));
        outer += usize::from(mixed && ways[&all].len() > 1);
        for _ in 0..12 {
            let data: Vec<Vec<Row>> = (0..relations).map(|i| random_rows(&mut random, i, relations)).collect();
            // The leaves are numbered in the order of the plan, where right joins are turned around.
            let mut wanted = stock(&region.tree, &data);
            wanted.sort();
            with_rows += usize::from(!wanted.is_empty());
            let mut found = random_order(&mut random, all, &ways, &operators, &data);
            found.sort();
            assert_eq!(found, wanted, "{}\n{operators:#?}", plan.display_indent());
        }
    }
    assert!(other_orders > 1_000 && outer > 300 && with_rows > 5_000, "{other_orders} {outer} {with_rows}");
}

/// Pairs of relations that are joined with each other.
fn pairs_of(edges: &[(usize, usize)], relations: usize) -> Result<usize, TooMany> {
    let operator = |(a, b): &(usize, usize)| {
        let plan = join(
            join(relation(*a), relation(*b), vec![(column(*a, 0), column(*b, 0))], None, JoinType::Inner),
            relation(relations),
            vec![(column(*a, 0), column(relations, 0))],
            None,
            JoinType::Inner,
        );
        let region = Region::of(&plan).unwrap();
        let mut operator = operators(&region).unwrap().remove(0);
        (operator.left, operator.right) = (single(*a), single(*b));
        operator
    };
    let operators: Vec<Operator> = edges.iter().map(operator).collect();
    let mut pairs = std::collections::HashSet::new();
    let meet = |first: Set, second: Set| {
        assert_eq!(first & second, 0);
        assert!(pairs.insert((first.min(second), first.max(second))), "{first:b} and {second:b} are met twice");
        true
    };
    Enumeration::new(&operators, relations, meet).run()?;
    Ok(pairs.len())
}

#[test]
fn all_pairs_are_met_once_and_their_number_is_bounded() {
    let chain = |n: usize| (1..n).map(|i| (i - 1, i)).collect::<Vec<_>>();
    let star = |n: usize| (1..n).map(|i| (0, i)).collect::<Vec<_>>();
    let clique = |n: usize| (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect::<Vec<_>>();
    for n in 3..=12usize {
        assert_eq!(pairs_of(&chain(n), n), Ok((n * n * n - n) / 6));
        assert_eq!(pairs_of(&star(n), n), Ok((n - 1) << (n - 2)));
    }
    assert_eq!(pairs_of(&clique(7), 7), Ok((3usize.pow(7) - (1 << 8)).div_ceil(2)));
    // A clique of 12 has 261,625 pairs: it is given up after so many steps that planning is not felt.
    assert_eq!(pairs_of(&clique(12), 12), Err(TooMany));
    assert_eq!(pairs_of(&star(40), 40), Err(TooMany));
    assert_eq!(members(0b1010_0001).collect::<Vec<_>>(), [0, 5, 7]);
}
