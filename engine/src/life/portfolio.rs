//! Many heads at once: each line a life or two with terms of its own where it has some. Not formulas.

use serde_json::{Value, json};

use super::contract::{Basis, Contract};
use super::lives::{LIFE, read_named};
use super::premium::woolhouse2;
use super::request::{self, Benefit, Terms};
use super::{Lives, Valuation};
use crate::field::{Field, Kind};
use crate::numeric::{Sum, sum};
use crate::outcome::{Answer, Working};
use crate::quantity::Portfolio;
use crate::rates::{self, Discount};
use crate::reader::Reader;
use crate::tables::Fraction;

/// Most heads of one request.
pub(super) const MOST: usize = 1_000_000;
/// One head: its lives, and what differs from the terms common to all.
pub(super) const HEAD: &[Field] = &[
    Field::new("id", Kind::Either(&[Kind::Text, Kind::Number { minimum: -1e15, maximum: 1e15 }])),
    LIFE[0],
    LIFE[1],
    LIFE[2],
    Field::new("table_2", Kind::Table),
    Field::number("age_2", 0.0, 130.0).unit("year"),
    Field::integer("birth_year_2", 1800, 2200).unit("year"),
    request::AMOUNT,
    rates::rate("rate"),
    request::TIMING,
    request::FREQUENCY,
    request::TERM,
    request::DEFERRAL,
    request::GUARANTEE,
    request::GROWTH,
    request::REVERSION,
    request::STATUS,
];
/// Heads whose sum an explanation shows, and those whose payments it shows one by one.
const MOST_LINES: usize = 1000;
const MOST_DETAILS: usize = 10;
/// Heads valued between two looks at the watch.
const CHUNK: usize = 1024;

struct Head<'a> {
    lives: Lives<'a>,
    contract: Contract,
    amount: f64,
    rate: Option<Discount>,
}

/// Values every head, and their sum.
pub(super) fn calculate(
    reader: &Reader<'_>,
    benefit: Benefit,
    discount: Option<&Discount>,
    fraction: Option<Fraction>,
) -> Option<Answer> {
    let lines = reader.objects("heads")?;
    let mut heads = Vec::with_capacity(lines.len());
    for line in lines.iter().flatten() {
        if let Some(head) = read_head(line, reader, benefit, fraction) {
            heads.push(head);
        }
    }
    reader.call().sound()?;
    let discount = discount?;
    let detailed = reader.flag("expected_payments");
    let portfolio = Portfolio::new(heads)?;
    let watch = reader.call().watch();
    let valued = portfolio.each(CHUNK, watch, |head| head.value(discount, fraction, detailed))?;
    let total = sum(valued.iter().map(|one| one.present_value));
    let named = lines.iter().flatten().zip(&valued).enumerate().map(|(index, (line, one))| {
        let id = line.value("id").cloned().unwrap_or_else(|| json!(index + 1));
        json!({ "id": id, "present_value": one.present_value })
    });
    let mut answer = json!({ "present_value": total, "heads": named.collect::<Vec<Value>>() });
    if detailed {
        let years = valued.iter().map(|one| one.expected.len()).max().unwrap_or(0);
        let mut sums = vec![Sum::default(); years];
        for one in &valued {
            one.expected.iter().zip(&mut sums).for_each(|(payment, sum)| sum.add(*payment));
        }
        let sums: Vec<f64> = sums.into_iter().map(Sum::value).collect();
        answer["expected_payments"] = request::expected(&sums, 1.0);
    }
    let mut explanation = Vec::new();
    if reader.call().explain() {
        let formula = r"\sum_j C_j \cdot a_j";
        let mut sums = Working::new("present_value", formula, &["j", "C_j", "a_j", r"C_j \cdot a_j"]);
        for (index, (head, one)) in portfolio.lines().iter().zip(&valued).take(MOST_LINES).enumerate() {
            let unit = if head.amount == 0.0 { 0.0 } else { one.present_value / head.amount };
            sums.row(&[(index + 1) as f64, head.amount, unit, one.present_value]);
        }
        explanation.push(sums);
        let detail = |(index, head): (usize, &Head<'_>)| {
            let basis = head.basis(discount, fraction);
            request::working(&format!("heads.{}.present_value", index + 1), &head.contract, &basis)
        };
        explanation.extend(portfolio.lines().iter().take(MOST_DETAILS).enumerate().map(detail));
    }
    Some(Answer { results: answer, explanation })
}

impl<'a> Head<'a> {
    fn basis<'b>(&'b self, common: &'b Discount, fraction: Option<Fraction>) -> Basis<'b>
    where
        'a: 'b,
    {
        let discount = self.rate.as_ref().unwrap_or(common);
        Basis { lives: self.lives, discount, fraction: fraction.unwrap_or_default() }
    }

    fn value(&self, common: &Discount, fraction: Option<Fraction>, detailed: bool) -> Valuation {
        let basis = self.basis(common, fraction);
        let mut valuation = if detailed { self.contract.value(&basis) } else { Valuation::default() };
        let unit = match (self.contract, fraction) {
            (Contract::Annuity(annuity), None) => woolhouse2(&annuity, &basis),
            _ => self.contract.present_value(&basis),
        };
        valuation.present_value = unit * self.amount;
        valuation.expected.iter_mut().for_each(|payment| *payment *= self.amount);
        valuation
    }
}

fn read_head<'a>(
    line: &Reader<'a>,
    reader: &Reader<'a>,
    benefit: Benefit,
    fraction: Option<Fraction>,
) -> Option<Head<'a>> {
    let terms = Terms::with(line, reader);
    let first = read_named(line, ["table", "age", "birth_year"]);
    let two = line.value("table_2").is_some() || line.value("age_2").is_some();
    let second = two.then(|| {
        line.required("table_2");
        line.required("age_2");
        read_named(line, ["table_2", "age_2", "birth_year_2"])
    });
    let lives = request::join(&terms, first, second, Some(benefit));
    let contract = request::read_contract(&terms, benefit);
    let rate = line.quantity("rate").map(Discount::Flat);
    let amount = terms.number("amount");
    let (lives, contract, amount) = (lives?, contract?, amount?);
    if fraction.is_none() {
        request::refuse_woolhouse(reader, &contract, &terms);
    }
    Some(Head { lives, contract, amount, rate })
}
