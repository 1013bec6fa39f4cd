//! Seconds for reserving, generalised linear models and mortality, each the median of several runs, with what bounds it.
//! `statistics_peers.py` beside this file does the same by chainladder, statsmodels and numpy.

mod measure;

use aops_engine::Watch;
use aops_engine::experience::{Criterion, Estimation, Grid, Surface, Target, choose, lee_carter};
use aops_engine::health::{Family, Link, Model, fit};
use aops_engine::reserving::{Selection, Triangle, bootstrap, mack};
use measure::{report, section};

fn main() {
    println!("{} threads", rayon::current_num_threads());
    section("reserving", reserving);
    section("models", models);
    section("mortality", mortality);
}

/// The triangle of Taylor and Ashe, as the reference has it.
fn genins() -> Triangle {
    let mut rows: Vec<Vec<f64>> = include_str!("../data/triangles/genins.csv")
        .lines()
        .skip(1)
        .map(|line| line.split(',').skip(1).filter_map(|cell| cell.parse().ok()).collect())
        .collect();
    rows.retain(|row| !row.is_empty());
    Triangle { rows, width: 10 }
}

fn reserving() {
    let triangle = genins();
    const MANY: u32 = 1000;
    report("Mack on GenIns, 1000 times", 0.030, "45 ratios, nine columns of weights", || {
        (0..MANY)
            .map(|_| {
                let development = Selection::default().develop(std::hint::black_box(&triangle));
                mack(&triangle, &development).total
            })
            .sum()
    });
    report(
        "bootstrap of GenIns, 10,000 simulations",
        0.04,
        "55 draws and 45 gamma amounts each, then eleven sorts",
        || bootstrap(&triangle, 10_000, 1, &Watch::default()).map_or(0.0, |found| found.mean[10]),
    );
}

fn models() {
    const LINES: usize = 1_000_000;
    const COLUMNS: usize = 20;
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let columns: Vec<Vec<f64>> = (0..COLUMNS)
        .map(|column| (0..LINES).map(|_| if column == 0 { 1.0 } else { uniform() - 0.5 }).collect())
        .collect();
    let response: Vec<f64> = (0..LINES)
        .map(|line| {
            let sum: f64 =
                columns.iter().enumerate().map(|(at, column)| column[line] * (at as f64 - 9.5) / 20.0).sum();
            // One Poisson draw by inversion.
            let (mut left, mut count) = (uniform(), 0.0);
            let mean = sum.exp();
            let mut probability = (-mean).exp();
            while left > probability && count < 60.0 {
                left -= probability;
                count += 1.0;
                probability *= mean / count;
            }
            count
        })
        .collect();
    let model = Model {
        columns: &columns,
        response: &response,
        offset: &[],
        weights: &[],
        family: Family::Poisson,
        link: Link::Log,
    };
    report(
        "Poisson model, 1,000,000 lines × 20 columns",
        0.0,
        "2 n p² multiply-adds an iteration by Householder, a block of 172 kB at a time",
        || fit(&model, &Watch::default()).map_or(0.0, |found| found.deviance()),
    );
}

fn surface() -> Surface {
    let (ages, years) = (100, 60);
    let (mut deaths, mut state) = (Vec::new(), 1_u32);
    for age in 0..ages {
        for year in 0..years {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tremble = 0.8 + 0.4 * f64::from(state) / f64::from(u32::MAX);
            // Falling faster at young ages, with good and bad years.
            let fall = (0.02 - 0.00018 * f64::from(age)) * (f64::from(year) + 3.0 * f64::from(year % 7));
            deaths.push((1e5 * (-8.0 + 0.075 * f64::from(age) - fall).exp() * tremble).round().max(1.0));
        }
    }
    Surface {
        first_age: 0,
        first_year: 1960,
        ages: ages as usize,
        years: years as usize,
        exposures: vec![1e5; deaths.len()],
        deaths,
    }
}

/// A smooth surface with deaths drawn around it as a Poisson law would, by its normal limit.
fn drawn(like: &Surface) -> Surface {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let mut deaths = Vec::new();
    for age in 0..like.ages {
        for year in 0..like.years {
            let (age, year) = (age as f64, year as f64);
            let force = (-8.0 + 0.075 * age + 0.6 * (-(age - 20.0).powi(2) / 50.0).exp()
                - (0.02 - 0.00018 * age) * year
                + 0.1 * (year / 9.0).sin())
            .exp();
            let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            deaths.push((1e5 * force + (1e5 * force).sqrt() * normal).round().max(0.0));
        }
    }
    Surface { deaths, ..like.clone() }
}

fn mortality() {
    let surface = surface();
    report("Lee-Carter, 100 ages × 60 years", 0.05, "three exponentials a cell a round", || {
        lee_carter(&surface, Estimation::Poisson, &|| true).map_or(0.0, |found| found.deviance)
    });
    let grid = Grid::new(100, 60, [2, 2]);
    let crude: Vec<f64> = surface.deaths.iter().zip(&surface.exposures).map(|(d, e)| d / e).collect();
    let values = Target::Values { values: &crude, weights: &surface.exposures };
    report(
        "Whittaker in two dimensions, λ given",
        0.1,
        "a band of 120 over 6000: 43 million multiply-adds",
        || grid.smooth(values, [1e5, 1e5], None).map_or(0.0, |found| found.deviance),
    );
    let hazard = Target::Hazard { deaths: &surface.deaths, exposures: &surface.exposures };
    report("the same by penalised likelihood, λ given", 0.0, "a system a step", || {
        grid.smooth(hazard, [100.0, 100.0], None).map_or(0.0, |found| found.deviance)
    });
    let drawn = drawn(&surface);
    let searched = |name: &str, of: &Surface, by: Criterion| {
        let target = Target::Hazard { deaths: &of.deaths, exposures: &of.exposures };
        report(
            &format!("Whittaker in two dimensions by penalised likelihood, λ searched, {name}"),
            0.1,
            "some forty criteria on few eigenvectors of one direction, then the whole band and its inverse",
            || {
                let grid = Grid::new(100, 60, [2, 2]);
                let found = choose(&grid, target, by, &|| true);
                found.map_or(0.0, |(lambda, smoothed)| lambda[0] + grid.uncertainty(&smoothed).1)
            },
        );
    };
    searched("REML, deaths of a Poisson law", &drawn, Criterion::Reml);
    let mut few = drawn.clone();
    few.deaths.iter_mut().for_each(|deaths| *deaths = (*deaths / 300.0).round());
    few.exposures.iter_mut().for_each(|exposure| *exposure /= 300.0);
    searched("REML, a small portfolio", &few, Criterion::Reml);
    searched("GCV, deaths of a Poisson law", &drawn, Criterion::Gcv);
    searched("REML, deaths far rougher than a Poisson law", &surface, Criterion::Reml);
    let ages = Grid::new(100, 1, [2, 0]);
    let of_age = |list: &[f64]| -> Vec<f64> { list.chunks(60).map(|row| row.iter().sum()).collect() };
    let (deaths, exposures) = (of_age(&surface.deaths), of_age(&surface.exposures));
    let one = Target::Hazard { deaths: &deaths, exposures: &exposures };
    report("Whittaker on 100 ages, λ by REML", 0.0, "forty searches of a band of two", || {
        choose(&ages, one, Criterion::Reml, &|| true).map_or(0.0, |found| found.0[0])
    });
}
