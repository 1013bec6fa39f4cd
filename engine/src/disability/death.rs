//! Death covers: capital, annuities to a spouse and to children, all by the functions of `rente`. Not claims.

use serde_json::{Value, json};

use crate::field::{Field, Kind};
use crate::life::{
    Annuity, Insurance, InsuranceKind, LIFE, Life, Lives, Timing, annuity, insurance, read_life,
};
use crate::numeric::Sum;
use crate::outcome::Working;
use crate::quantity::{AnnualRate, Duration};
use crate::rates::{self, Discount};
use crate::reader::Reader;
use crate::tables::Fraction;

/// Lives that an explanation shows.
const MOST_LINES: usize = 1000;
/// Most insured lives of a request.
const MOST_LIVES: usize = 200_000;
/// One insured life and those it leaves something to.
const MEMBER: &[Field] = &[
    LIFE[0],
    LIFE[1],
    LIFE[2],
    Field::number("capital", 0.0, 1e12).or(0.0).unit("euro"),
    Field::object("spouse", SPOUSE),
    Field::list("children", &Kind::Object(CHILD), 0, 30),
];
const SPOUSE: &[Field] =
    &[LIFE[0], LIFE[1], LIFE[2], Field::number("amount", 0.0, 1e12).required().unit("euro")];
const CHILD: &[Field] = &[
    Field::number("age", 0.0, 40.0).required().unit("year"),
    Field::number("end_age", 0.0, 40.0).required().unit("year"),
    Field::number("amount", 0.0, 1e12).required().unit("euro"),
];
pub(super) const LIVES: Field = Field::list("lives", &Kind::Object(MEMBER), 1, MOST_LIVES);

/// What covers share.
struct Cover {
    discount: Discount,
    term: Option<u32>,
    at_moment: bool,
    frequency: u32,
    growth: f64,
}

/// Present values of one life's covers.
#[derive(Default)]
struct Values {
    capital: f64,
    spouse: f64,
    children: f64,
}

/// Answers `work = death`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<(Value, Vec<Working>)> {
    let discount = rates::read(reader, "rate");
    let cover = Cover {
        term: reader.count("term").and_then(|term| u32::try_from(term).ok()),
        at_moment: reader.flag("moment_of_death"),
        frequency: u32::try_from(reader.integer("frequency")?).ok()?,
        growth: reader.number("revaluation")?,
        discount: discount?,
    };
    reader.required("lives");
    let lives = reader.objects("lives")?;
    let expenses = reader.number("expenses")?;
    let count = lives.len();
    let [mut capital, mut spouse, mut children] = [Sum::default(); 3];
    let mut lines = Vec::new();
    let (mut sums, mut years) = workings();
    for (index, line) in lines_of(lives) {
        if index % 64 == 0 {
            reader.call().watch().at(index, count)?;
        }
        let shown = reader.call().explain() && index == 0;
        let Some(values) = one(&line, &cover, shown.then_some(&mut years)) else { continue };
        if reader.call().explain() && index < MOST_LINES {
            let Values { capital, spouse, children } = values;
            sums.row(&[(index + 1) as f64, capital, spouse, children, capital + spouse + children]);
        }
        capital.add(values.capital);
        spouse.add(values.spouse);
        children.add(values.children);
        if reader.flag("details") {
            lines.push(json!({
                "capital": values.capital, "spouse": values.spouse, "children": values.children,
                "total": values.capital + values.spouse + values.children,
            }));
        }
    }
    reader.call().sound()?;
    let total = capital.value() + spouse.value() + children.value();
    let mut results = json!({
        "total": {
            "capital": capital.value(), "spouse": spouse.value(), "children": children.value(),
            "present_value": total,
        },
        "best_estimate": { "benefits": total, "expenses": expenses * total, "total": (1.0 + expenses) * total },
    });
    if reader.flag("details") {
        results["lives"] = json!(lines);
    }
    let explanation = if reader.call().explain() { vec![sums, years] } else { Vec::new() };
    Some((results, explanation))
}

/// What is shown of all lives, and of the years of the first.
fn workings() -> (Working, Working) {
    let value = r"V_j = C \, A_x + V^R_j + V^E_j, \quad V^R_j + V^E_j = \sum_{k \ge 0} \frac{l_{x+k} - l_{x+k+1}}{l_x} \Bigl( R \, {}_{k+1|}\ddot a_y + \sum_c E_c \, {}_{k+1|}\ddot a_{\overline{n_c}|} \Bigr)";
    let columns = ["j", r"C \, A_x", "V^R_j", "V^E_j", "V_j"];
    let year = r"\frac{l_{x+k} - l_{x+k+1}}{l_x} \cdot R \, {}_{k+1|}\ddot a_y, \qquad \frac{l_{x+k} - l_{x+k+1}}{l_x} \cdot \sum_c E_c \, {}_{k+1|}\ddot a_{\overline{n_c}|}";
    let figures = [
        "k",
        r"\frac{l_{x+k} - l_{x+k+1}}{l_x}",
        r"R \, {}_{k+1|}\ddot a_y",
        r"\sum_c E_c \, {}_{k+1|}\ddot a_{\overline{n_c}|}",
    ];
    (Working::new("total", value, &columns), Working::new("lives.1", year, &figures))
}

fn lines_of<'a>(lives: Vec<Option<Reader<'a>>>) -> impl Iterator<Item = (usize, Reader<'a>)> {
    lives.into_iter().enumerate().filter_map(|(index, line)| Some((index, line?)))
}

fn one(line: &Reader<'_>, cover: &Cover, mut shown: Option<&mut Working>) -> Option<Values> {
    let member = read_life(line);
    let amount = line.number("capital");
    let spouse = match line.value("spouse") {
        None => None,
        Some(_) => {
            let spouse = line.object("spouse")?;
            Some((read_life(&spouse)?, spouse.number("amount")?))
        }
    };
    let mut children = Vec::new();
    for child in line.objects("children").unwrap_or_default().into_iter().flatten() {
        let (age, end, amount) = (child.number("age"), child.number("end_age"), child.number("amount"));
        children.push((age?, end?, amount?));
    }
    let (member, amount) = (member?, amount?);
    let mut values = Values::default();
    if amount > 0.0 {
        let contract = Insurance {
            kind: InsuranceKind::Assurance,
            term: cover.term,
            deferral: 0,
            at_moment: cover.at_moment,
        };
        let lives = Lives::Single(member);
        values.capital = amount * insurance(&lives, &contract, &cover.discount, Fraction::Udd).present_value;
    }
    let years = cover.years(&member);
    for year in 0..years {
        let at = |time: u32| member.survival(f64::from(time), Fraction::Udd);
        let dying = at(year) - at(year + 1);
        if dying <= 0.0 {
            continue;
        }
        let mut after = [0.0; 2];
        if let Some((life, amount)) = &spouse {
            after[0] = amount * cover.to_spouse(life, year + 1);
            values.spouse += dying * after[0];
        }
        for (age, end, amount) in &children {
            let left = amount * cover.certain(f64::from(year + 1), end - age - f64::from(year + 1));
            after[1] += left;
            values.children += dying * left;
        }
        if let Some(shown) = &mut shown {
            shown.row(&[f64::from(year), dying, after[0], after[1]]);
        }
    }
    Some(values)
}

impl Cover {
    /// Years in which a death is covered.
    fn years(&self, member: &Life<'_>) -> u32 {
        let whole = member.horizon().ceil().max(0.0) as u32;
        self.term.map_or(whole, |term| term.min(whole))
    }

    /// A euro a year to the spouse from the end of the year of death on, while alive.
    fn to_spouse(&self, spouse: &Life<'_>, from: u32) -> f64 {
        let contract = Annuity {
            timing: Timing::Due,
            frequency: self.frequency,
            deferral: Duration::nearest(f64::from(from)),
            growth: AnnualRate::nearest(self.growth),
            ..Annuity::default()
        };
        annuity(&Lives::Single(*spouse), &contract, &self.discount, Fraction::Udd).present_value
    }

    /// A euro a year certain from a time on, for a number of years; nothing where none is left.
    fn certain(&self, from: f64, years: f64) -> f64 {
        let m = f64::from(self.frequency);
        let payments = (years * m - 1e-9).ceil().max(0.0) as u32;
        let mut sum = Sum::default();
        for payment in 0..payments {
            let grown = (1.0 + self.growth).powi((payment / self.frequency) as i32);
            sum.add(grown * self.discount.factor(from + f64::from(payment) / m) / m);
        }
        sum.value()
    }
}
