//! Seconds for 100,000 mixed monthly annuities through the typed function.

use std::hint::black_box;
use std::time::Instant;

use aops_engine::life::{Annuity, Life, Lives, Status, Timing, annuity};
use aops_engine::rates::Discount;
use aops_engine::tables::{Fraction, Survivors, Table, find};

const COUNT: u32 = 100_000;

fn main() {
    let columns: Vec<&Survivors> = ["TGH05", "TGF05"].into_iter().filter_map(generation).collect();
    let [men, women] = columns[..] else { return };
    let start = Instant::now();
    let mut total = 0.0;
    for index in 0..COUNT {
        let first = Life { survivors: men, age: 56.0 + f64::from(index % 300) / 10.0 };
        let second = Life { survivors: women, age: 56.0 + f64::from(index % 270) / 10.0 };
        let lives = match index % 3 {
            0 => Lives::Single(first),
            1 => Lives::Single(second),
            _ => Lives::Pair(first, second, Status::Reversion(0.6)),
        };
        let timing = if index % 2 == 0 { Timing::Due } else { Timing::Immediate };
        let contract = Annuity { timing, frequency: 12, growth: 0.01, ..Annuity::default() };
        let discount = Discount::Flat(0.01 + f64::from(index % 7) / 400.0);
        total += annuity(&lives, &contract, &discount, Fraction::Udd).present_value;
    }
    black_box(total);
    println!("{COUNT} monthly annuities: {:.3} s", start.elapsed().as_secs_f64());
}

/// The generation of 1950.
fn generation(name: &str) -> Option<&'static Survivors> {
    match find(name)? {
        Table::Generational { first_year, columns } => columns.get((1950 - first_year) as usize),
        Table::Period(survivors) => Some(survivors),
    }
}
