//! The request of module `rente`: read, checked as a whole, valued. Not formulas.

use serde_json::{Map, Value, json};

use super::contract::{Basis, Contract};
use super::premium::{Loadings, Premium, fackler, reserve, woolhouse2};
use super::{Annuity, Insurance, InsuranceKind, LIFE, Life, Lives, Status, Timing, portfolio, read_life};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::{Answer, Working};
use crate::quantity::{Duration, OutOfRange};
use crate::rates;
use crate::reader::Reader;
use crate::tables::Fraction;

/// Annuities and insurances on one or two lives.
pub(crate) const MODULE: Module = Module {
    name: "rente",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/rente.json"),
    example: include_str!("../../data/examples/rente.json"),
};

const YEARS: f64 = 130.0;
const FIELDS: &[Field] = &[
    Field::list("lives", &Kind::Object(LIFE), 1, 2),
    Field::list("heads", &Kind::Object(portfolio::HEAD), 1, portfolio::MOST).bulk(),
    Field::choice("benefit", &BENEFIT_NAMES).required(),
    rates::rate("rate"),
    rates::CURVE,
    TIMING,
    FREQUENCY,
    TERM,
    DEFERRAL,
    GUARANTEE,
    GROWTH,
    REVERSION,
    STATUS,
    AMOUNT,
    Field::choice("fraction", &FRACTION_NAMES).or_name("udd"),
    Field::flag("expected_payments", false),
    Field::object("premium", PREMIUM),
    Field::list("reserves", &Kind::Number { minimum: 0.0, maximum: YEARS }, 1, 2000).unit("year"),
];
pub(super) const TIMING: Field = Field::choice("timing", &TIMING_NAMES);
pub(super) const FREQUENCY: Field = Field::integer("frequency", 1, 12).or(1.0).unit("per_year");
pub(super) const TERM: Field = Field::number("term", 0.0, YEARS).unit("year");
pub(super) const DEFERRAL: Field = Field::number("deferral", 0.0, YEARS).or(0.0).unit("year");
pub(super) const GUARANTEE: Field = Field::number("guarantee", 0.0, YEARS).or(0.0).unit("year");
pub(super) const GROWTH: Field = Field::number("growth", -0.5, 0.5).or(0.0).unit("per_year");
pub(super) const REVERSION: Field = Field::probability("reversion");
pub(super) const STATUS: Field = Field::choice("status", &STATUS_NAMES);
pub(super) const AMOUNT: Field = Field::number("amount", 0.0, 1e12).or(1.0).unit("euro");
const PREMIUM: &[Field] = &[
    Field::choice("kind", &PREMIUM_NAMES).or_name("level"),
    Field::number("term", 1e-3, YEARS).unit("year"),
    FREQUENCY,
    Field::object("loadings", LOADINGS),
];
const LOADINGS: &[Field] = &[
    Field::number("on_premium", 0.0, 0.9).or(0.0),
    Field::number("on_benefits", 0.0, 10.0).or(0.0),
    Field::number("per_policy", 0.0, 1e9).or(0.0).unit("euro"),
];

const BENEFITS: [(&str, Benefit); 4] = [
    ("annuity", Benefit::Annuity),
    ("assurance", Benefit::Insurance(InsuranceKind::Assurance)),
    ("endowment", Benefit::Insurance(InsuranceKind::Endowment)),
    ("pure_endowment", Benefit::Insurance(InsuranceKind::PureEndowment)),
];
const BENEFIT_NAMES: [&str; 4] = names(&BENEFITS);
const TIMINGS: [(&str, When); 5] = [
    ("due", When::Annuity(Timing::Due)),
    ("immediate", When::Annuity(Timing::Immediate)),
    ("continuous", When::Annuity(Timing::Continuous)),
    ("end_of_year", When::EndOfYear),
    ("moment_of_death", When::MomentOfDeath),
];
const TIMING_NAMES: [&str; 5] = names(&TIMINGS);
const STATUSES: [(&str, Status); 2] = [("joint", Status::Joint), ("last", Status::Last)];
const STATUS_NAMES: [&str; 2] = names(&STATUSES);
/// `None` is Woolhouse's approximation, for comparison with old software.
const FRACTIONS: [(&str, Option<Fraction>); 4] = [
    ("udd", Some(Fraction::Udd)),
    ("constant_force", Some(Fraction::ConstantForce)),
    ("balducci", Some(Fraction::Balducci)),
    ("woolhouse2", None),
];
const FRACTION_NAMES: [&str; 4] = names(&FRACTIONS);
const PREMIUMS: [(&str, Kinds); 3] =
    [("level", Kinds::Level), ("single", Kinds::Single), ("limited", Kinds::Limited)];
const PREMIUM_NAMES: [&str; 3] = names(&PREMIUMS);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Benefit {
    Annuity,
    Insurance(InsuranceKind),
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Annuity(Timing),
    EndOfYear,
    MomentOfDeath,
}

#[derive(Clone, Copy)]
enum Kinds {
    Level,
    Single,
    Limited,
}

/// Answers a request of module `rente`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let benefit = reader.choice("benefit", &BENEFITS);
    reader.exclude("lives", "heads");
    if reader.value("heads").is_some() {
        for name in ["premium", "reserves"] {
            reader.refuse(name, "heads");
        }
        let discount = rates::read(reader, "rate");
        return portfolio::calculate(
            reader,
            benefit?,
            discount.as_ref(),
            reader.choice("fraction", &FRACTIONS)?,
        );
    }
    let lives = read_lives(reader, benefit);
    let discount = rates::read(reader, "rate");
    let fraction = reader.choice("fraction", &FRACTIONS);
    let amount = reader.number("amount");
    let contract = read_contract(&Terms::of(reader), benefit?);
    let (lives, discount, fraction, contract, amount) = (lives?, discount?, fraction?, contract?, amount?);
    if fraction.is_none() {
        refuse_woolhouse(reader, &contract, &Terms::of(reader));
    }
    let premium =
        if reader.value("premium").is_some() { Some(read_premium(reader, &contract, &lives)) } else { None };
    let durations = read_durations(reader, &lives);
    reader.call().sound()?;
    let basis = Basis { lives, discount: &discount, fraction: fraction.unwrap_or_default() };
    let valuation = contract.value(&basis);
    let unit = match (contract, fraction) {
        (Contract::Annuity(annuity), None) => woolhouse2(&annuity, &basis),
        _ => valuation.present_value,
    };
    let mut answer = json!({ "present_value": unit * amount });
    if reader.flag("expected_payments") {
        answer["expected_payments"] = expected(&valuation.expected, amount);
    }
    let premium = match premium {
        None => None,
        Some(premium) => {
            let premium = premium?;
            let found = premium.of(&basis, unit * amount);
            answer["premium"] =
                json!({ "net": found.net, "gross": found.gross, "annuity_factor": found.annuity });
            Some((premium, found.net))
        }
    };
    if let Some(durations) = durations {
        let premium = premium.as_ref().map(|(premium, net)| (premium, *net));
        answer["reserves"] = reserves(&contract, amount, premium, &basis, &durations);
    }
    let explanation =
        if reader.call().explain() { vec![working("present_value", &contract, &basis)] } else { Vec::new() };
    Some(Answer { results: answer, explanation })
}

/// Expected payments of each policy year.
pub(super) fn expected(payments: &[f64], amount: f64) -> Value {
    let years = payments.iter().enumerate();
    years.map(|(year, payment)| json!({ "year": year + 1, "amount": payment * amount })).collect()
}

fn reserves(
    contract: &Contract,
    amount: f64,
    premium: Option<(&Premium, f64)>,
    basis: &Basis<'_>,
    durations: &[f64],
) -> Value {
    let last = durations.iter().copied().fold(0.0, f64::max) as u32;
    let by_fackler = fackler(contract, amount, premium, basis, last);
    let line = |duration: &f64| {
        let mut line = Map::from_iter([
            ("duration".to_owned(), json!(duration)),
            ("reserve".to_owned(), json!(reserve(contract, amount, premium, basis, *duration))),
        ]);
        let check = by_fackler.as_ref().filter(|_| duration.fract() == 0.0);
        if let Some(check) = check.and_then(|check| check.get(*duration as usize)) {
            line.insert("fackler".to_owned(), json!(check));
        }
        Value::Object(line)
    };
    durations.iter().map(line).collect()
}

/// Every payment of one euro of a contract.
pub(super) fn working(name: &str, contract: &Contract, basis: &Basis<'_>) -> Working {
    let (formula, columns): (_, [&'static str; 5]) = match contract {
        Contract::Annuity(annuity) if annuity.timing == Timing::Continuous => (
            r"\bar a = \int v^t \, P(t) \, (1+g)^{\lfloor t-d \rfloor} \, \mathrm dt",
            ["t", "P(t)", r"(1+g)^{\lfloor t-d \rfloor}\,\Delta t", "v^t", r"\text{product}"],
        ),
        Contract::Annuity(_) => (
            r"\sum_t v^t \, P(t) \, \frac{(1+g)^{\lfloor t-d \rfloor}}{m}",
            ["t", "P(t)", r"\frac{(1+g)^{k}}{m}", "v^t", r"\text{product}"],
        ),
        Contract::Insurance(_) => (
            r"\sum_k v^{k+1} \, \frac{l_{x+k} - l_{x+k+1}}{l_x} + v^{d+n} \, \frac{l_{x+d+n}}{l_x}",
            ["t", "q", "S", "v", r"\text{product}"],
        ),
    };
    let mut working = Working::new(name, formula, &columns);
    contract.payments(basis).iter().for_each(|row| working.row(row));
    working
}

/// The terms of a contract: those of a head where it has its own, the request's otherwise.
#[derive(Clone, Copy)]
pub(super) struct Terms<'r, 'a> {
    own: Option<&'r Reader<'a>>,
    common: &'r Reader<'a>,
}

impl<'r, 'a> Terms<'r, 'a> {
    pub(super) fn of(common: &'r Reader<'a>) -> Self {
        Self { own: None, common }
    }

    pub(super) fn with(own: &'r Reader<'a>, common: &'r Reader<'a>) -> Self {
        Self { own: Some(own), common }
    }

    /// The reader that tells `name`.
    pub(super) fn teller(&self, name: &str) -> &'r Reader<'a> {
        self.own.filter(|own| own.value(name).is_some()).unwrap_or(self.common)
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.teller(name).number(name)
    }

    fn quantity<Q: TryFrom<f64, Error = OutOfRange>>(&self, name: &str) -> Option<Q> {
        self.teller(name).quantity(name)
    }

    fn given(&self, name: &str) -> bool {
        self.teller(name).value(name).is_some()
    }

    fn refuse(&self, name: &str, context: &str) {
        self.teller(name).refuse(name, context);
    }
}

pub(super) fn read_contract(terms: &Terms<'_, '_>, benefit: Benefit) -> Option<Contract> {
    let when = terms.teller("timing").choice("timing", &TIMINGS);
    match benefit {
        Benefit::Annuity => {
            let timing = match when {
                None => Timing::default(),
                Some(When::Annuity(timing)) => timing,
                Some(When::EndOfYear | When::MomentOfDeath) => {
                    terms.refuse("timing", "benefit = annuity");
                    return None;
                }
            };
            Some(Contract::Annuity(Annuity {
                timing,
                frequency: read_frequency(terms.teller("frequency"))?,
                term: terms.quantity("term"),
                deferral: terms.quantity("deferral")?,
                guarantee: terms.quantity("guarantee")?,
                growth: terms.quantity("growth")?,
            }))
        }
        Benefit::Insurance(kind) => {
            // One payment a year, no guarantee and no growth are what an insurance has anyway.
            for (name, plain) in [("frequency", 1.0), ("guarantee", 0.0), ("growth", 0.0)] {
                if terms.given(name) && terms.number(name) != Some(plain) {
                    terms.refuse(name, "benefit ≠ annuity");
                }
            }
            terms.refuse("reversion", "benefit ≠ annuity");
            if matches!(when, Some(When::Annuity(_))) {
                terms.refuse("timing", "benefit ≠ annuity");
            }
            if kind != InsuranceKind::Assurance && !terms.given("term") {
                terms.common.required("term");
            }
            let years = |name: &str| terms.teller(name).count(name).map(|years| years as u32);
            Some(Contract::Insurance(Insurance {
                kind,
                term: years("term"),
                deferral: years("deferral")?,
                at_moment: when == Some(When::MomentOfDeath),
            }))
        }
    }
}

/// Payments a year: 1, 2, 4 or 12.
fn read_frequency(reader: &Reader<'_>) -> Option<u32> {
    let frequency = reader.count("frequency")?;
    if ![1, 2, 4, 12].contains(&frequency) {
        let known = ("known", "1, 2, 4, 12".to_owned());
        reader.fault("frequency", "unknown_value", &[("found", frequency.to_string()), known]);
    }
    u32::try_from(frequency).ok()
}

/// Woolhouse's formula is for level annuities.
pub(super) fn refuse_woolhouse(reader: &Reader<'_>, contract: &Contract, terms: &Terms<'_, '_>) {
    match contract {
        Contract::Insurance(_) => reader.refuse("fraction", "benefit ≠ annuity"),
        Contract::Annuity(annuity) => {
            for (name, value) in
                [("guarantee", annuity.guarantee.value()), ("growth", annuity.growth.value())]
            {
                if value != 0.0 {
                    terms.refuse(name, "fraction = woolhouse2");
                }
            }
        }
    }
}

fn read_lives<'a>(reader: &Reader<'a>, benefit: Option<Benefit>) -> Option<Lives<'a>> {
    reader.required("lives")?;
    let lives: Vec<Option<Life<'a>>> =
        reader.objects("lives")?.iter().map(|life| read_life(life.as_ref()?)).collect();
    let terms = Terms::of(reader);
    match lives.as_slice() {
        [first] => join(&terms, *first, None, benefit),
        [first, second] => join(&terms, *first, Some(*second), benefit),
        _ => None,
    }
}

/// One life, or two with how they are joined. Without a word on it, an annuity on two lives lasts as long as one lives
/// only where a reversion says so; a status is asked for.
pub(super) fn join<'a>(
    terms: &Terms<'_, 'a>,
    first: Option<Life<'a>>,
    second: Option<Option<Life<'a>>>,
    benefit: Option<Benefit>,
) -> Option<Lives<'a>> {
    let status = terms.teller("status").choice("status", &STATUSES);
    let reversion = terms.number("reversion");
    let Some(second) = second else {
        for name in ["status", "reversion"] {
            if reversion != Some(0.0) {
                terms.refuse(name, "one life");
            }
        }
        return first.map(Lives::Single);
    };
    let reverts = terms.given("reversion");
    if terms.given("status") && reverts {
        let names = [("name", "reversion".to_owned()), ("other", "status".to_owned())];
        terms.teller("status").fault("status", "conflict", &names);
    }
    if !terms.given("status") && (!reverts || benefit.is_some_and(|benefit| benefit != Benefit::Annuity)) {
        terms.common.required("status");
    }
    Some(Lives::Pair(first?, second?, status.or(reversion.map(Status::Reversion))?))
}

fn read_premium(reader: &Reader<'_>, contract: &Contract, lives: &Lives<'_>) -> Option<Premium> {
    let given = reader.object("premium")?;
    let kind = given.choice("kind", &PREMIUMS)?;
    let own = given.section("loadings")?;
    let loadings = Loadings {
        on_premium: own.number("on_premium")?,
        on_benefits: own.number("on_benefits")?,
        per_policy: own.number("per_policy")?,
    };
    let years = match kind {
        Kinds::Single => {
            given.refuse("term", "kind = single");
            0.0
        }
        Kinds::Level => given.number("term").unwrap_or_else(|| contract.premium_years(lives)),
        Kinds::Limited => {
            given.required("term");
            given.number("term")?
        }
    };
    if years == 0.0 && !matches!(kind, Kinds::Single) {
        let context = ("context", "deferral = 0".to_owned());
        given.fault("kind", "not_applicable", &[("name", "level".to_owned()), context]);
        return None;
    }
    Some(Premium { years: Duration::nearest(years), frequency: read_frequency(&given)?, loadings })
}

/// Durations at which all lives can still be alive.
fn read_durations(reader: &Reader<'_>, lives: &Lives<'_>) -> Option<Vec<f64>> {
    reader.value("reserves")?;
    let durations = reader.numbers("reserves")?;
    let last = lives.shortest();
    for (index, duration) in durations.iter().enumerate().filter(|(_, duration)| **duration >= last) {
        let parameters =
            [("found", duration.to_string()), ("minimum", "0".to_owned()), ("maximum", format!("< {last}"))];
        let place = format!("{}/{index}", reader.place("reserves"));
        reader.call().faults().push(&place, "out_of_range", &parameters);
    }
    Some(durations)
}
