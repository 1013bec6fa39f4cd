//! Models of several states: probabilities of each state by Kolmogorov's forward equations, and what benefits are worth.
//! Not tables.

use crate::numeric::Sum;
use crate::rates::Discount;

/// The intensity of a transition by exact age, a year.
#[derive(Debug, Clone, PartialEq)]
pub enum Intensity {
    /// The rate from each age on, ages increasing; the first before its age too.
    Steps(Vec<(f64, f64)>),
    /// `a + b c^age` (Makeham).
    Makeham(f64, f64, f64),
}

/// A move from one state to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// State left.
    pub from: usize,
    /// State reached.
    pub to: usize,
    /// How often, a year.
    pub intensity: Intensity,
    /// Euros paid at the move.
    pub amount: f64,
}

/// A model with its benefits.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// Number of states.
    pub count: usize,
    /// Moves between them.
    pub transitions: Vec<Transition>,
    /// Euros a year while in each state.
    pub benefits: Vec<f64>,
}

/// Where someone starts, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// First state.
    pub start: usize,
    /// Exact age then, in years.
    pub age: f64,
    /// Whole years followed.
    pub years: usize,
}

/// Probabilities of the states at each whole year, and the present value of benefits.
#[derive(Debug, Clone, PartialEq)]
pub struct Occupied {
    /// By year, then state.
    pub probabilities: Vec<Vec<f64>>,
    /// Benefits and amounts, discounted.
    pub present_value: f64,
    /// Steps taken.
    pub steps: usize,
}

/// Lengths of the last steps, when they become too small.
#[derive(Debug, Clone, PartialEq)]
pub struct TooSteep(pub Vec<f64>);

/// Error allowed in a year, of any probability and of the present value of one euro.
const TOLERANCE: f64 = 1e-11;
const SMALLEST: f64 = 1e-9;

impl Intensity {
    fn at(&self, age: f64) -> f64 {
        match self {
            Self::Steps(steps) => {
                let after = steps.partition_point(|(from, _)| *from <= age + 1e-12);
                steps.get(after.saturating_sub(1)).map_or(0.0, |(_, rate)| *rate)
            }
            Self::Makeham(a, b, c) => a + b * c.powf(age),
        }
    }
}

impl States {
    /// `p' = p Q` by Runge and Kutta's fourth order: each step is taken whole and in halves, their difference keeping its
    /// length; steps end where an intensity jumps.
    ///
    /// # Errors
    /// When intensities are too large for steps of a billionth of a year.
    pub fn continuous(&self, span: Span, discount: &Discount) -> Result<Occupied, TooSteep> {
        let scale = self.benefits.iter().chain(self.transitions.iter().map(|one| &one.amount));
        let scale = scale.fold(1.0_f64, |most, amount| most.max(amount.abs()));
        let mut state = vec![0.0; self.count + 1];
        state[span.start] = 1.0;
        let mut found =
            Occupied { probabilities: vec![state[..self.count].to_vec()], present_value: 0.0, steps: 0 };
        let (mut step, mut lengths): (f64, Vec<f64>) = (1.0 / 16.0, Vec::new());
        for year in 0..span.years {
            let cuts = self.cuts(span.age, year as f64, year as f64 + 1.0);
            for piece in cuts.windows(2) {
                let (mut time, end) = (piece[0], piece[1]);
                while end - time > 1e-13 {
                    // Ages inside the piece: intensities of its own side of a jump.
                    let length = step.min(end - time);
                    let whole = self.step(&state, time, length, span.age, discount, (piece[0], piece[1]));
                    let half =
                        self.step(&state, time, length / 2.0, span.age, discount, (piece[0], piece[1]));
                    let middle = time + length / 2.0;
                    let twice =
                        self.step(&half, middle, length / 2.0, span.age, discount, (piece[0], piece[1]));
                    let unit = |place: usize| if place == self.count { scale } else { 1.0 };
                    let error = (0..=self.count)
                        .map(|place| (twice[place] - whole[place]).abs() / unit(place) / 15.0)
                        .fold(0.0, f64::max);
                    let allowed = TOLERANCE * length;
                    if error <= allowed || length <= SMALLEST {
                        if error > allowed || !error.is_finite() {
                            return Err(TooSteep(lengths));
                        }
                        for place in 0..=self.count {
                            state[place] = twice[place] + (twice[place] - whole[place]) / 15.0;
                        }
                        time += length;
                        found.steps += 1;
                    }
                    let factor = if error > 0.0 { 0.9 * (allowed / error).powf(0.2) } else { 4.0 };
                    step = (length * factor.clamp(0.1, 4.0)).clamp(SMALLEST, 1.0);
                    lengths.push(step);
                    if lengths.len() > 8 {
                        lengths.remove(0);
                    }
                }
            }
            found.probabilities.push(state[..self.count].to_vec());
        }
        found.present_value = state[self.count];
        Ok(found)
    }

    /// Times of a year where an intensity jumps, and its ends.
    fn cuts(&self, age: f64, from: f64, to: f64) -> Vec<f64> {
        let mut cuts = vec![from, to];
        for transition in &self.transitions {
            if let Intensity::Steps(steps) = &transition.intensity {
                cuts.extend(steps.iter().map(|(at, _)| at - age).filter(|at| *at > from && *at < to));
            }
        }
        cuts.sort_by(f64::total_cmp);
        cuts.dedup_by(|later, earlier| *later - *earlier < 1e-12);
        cuts
    }

    fn step(
        &self,
        state: &[f64],
        time: f64,
        length: f64,
        age: f64,
        discount: &Discount,
        piece: (f64, f64),
    ) -> Vec<f64> {
        let slope = |at: f64, state: &[f64]| {
            // The value just before the piece's end stands for its end.
            let inside = at.clamp(piece.0, piece.1 - 1e-9 * (piece.1 - piece.0));
            self.slope(state, age + inside, discount.factor(at))
        };
        let moved = |by: &[f64], part: f64| -> Vec<f64> {
            state.iter().zip(by).map(|(value, slope)| value + part * length * slope).collect()
        };
        let one = slope(time, state);
        let two = slope(time + length / 2.0, &moved(&one, 0.5));
        let three = slope(time + length / 2.0, &moved(&two, 0.5));
        let four = slope(time + length, &moved(&three, 1.0));
        let mean = |place: usize| (one[place] + 2.0 * (two[place] + three[place]) + four[place]) / 6.0;
        (0..state.len()).map(|place| state[place] + length * mean(place)).collect()
    }

    fn slope(&self, state: &[f64], age: f64, factor: f64) -> Vec<f64> {
        let mut slope = vec![0.0; self.count + 1];
        for (place, benefit) in self.benefits.iter().enumerate() {
            slope[self.count] += state[place] * benefit * factor;
        }
        for Transition { from, to, intensity, amount } in &self.transitions {
            let flow = state[*from] * intensity.at(age);
            slope[*from] -= flow;
            slope[*to] += flow;
            slope[self.count] += flow * amount * factor;
        }
        slope
    }

    /// Steps of a year or a month by products of matrices `exp(Q h)`, intensities as in the middle of the step; benefits are
    /// paid at its beginning, amounts of moves at its end.
    pub fn discrete(&self, span: Span, a_year: usize, discount: &Discount) -> Occupied {
        let length = 1.0 / a_year as f64;
        let matrix = |step: usize| self.transition((step as f64 + 0.5) * length + span.age, length);
        self.product(span, a_year, discount, &matrix)
    }

    /// The same with matrices given, one a step; the last stays.
    pub fn given(
        &self,
        span: Span,
        a_year: usize,
        discount: &Discount,
        matrices: &[Vec<Vec<f64>>],
    ) -> Occupied {
        self.product(span, a_year, discount, &|step| matrices[step.min(matrices.len() - 1)].clone())
    }

    fn product(
        &self,
        span: Span,
        a_year: usize,
        discount: &Discount,
        matrix: &dyn Fn(usize) -> Vec<Vec<f64>>,
    ) -> Occupied {
        let length = 1.0 / a_year as f64;
        let mut state = vec![0.0; self.count];
        state[span.start] = 1.0;
        let mut value = Sum::default();
        let mut probabilities = vec![state.clone()];
        for step in 0..span.years * a_year {
            let time = step as f64 * length;
            let (now, later) = (discount.factor(time), discount.factor(time + length));
            let moves = matrix(step);
            for (place, benefit) in self.benefits.iter().enumerate() {
                value.add(state[place] * benefit * length * now);
            }
            for Transition { from, to, amount, .. } in &self.transitions {
                value.add(state[*from] * moves[*from][*to] * amount * later);
            }
            let next = |to: usize| (0..self.count).map(|from| state[from] * moves[from][to]).sum::<f64>();
            state = (0..self.count).map(next).collect();
            if (step + 1) % a_year == 0 {
                probabilities.push(state.clone());
            }
        }
        Occupied { probabilities, present_value: value.value(), steps: span.years * a_year }
    }

    /// `exp(Q h)` by its series on a small part of the step, squared back.
    fn transition(&self, age: f64, length: f64) -> Vec<Vec<f64>> {
        let mut rates = vec![vec![0.0; self.count]; self.count];
        for Transition { from, to, intensity, .. } in &self.transitions {
            let rate = intensity.at(age) * length;
            rates[*from][*to] += rate;
            rates[*from][*from] -= rate;
        }
        let largest = rates.iter().flatten().fold(0.0_f64, |most, rate| most.max(rate.abs()));
        let halvings = (largest * 4.0).log2().ceil().clamp(0.0, 60.0) as i32;
        let part = 0.5_f64.powi(halvings);
        rates.iter_mut().flatten().for_each(|rate| *rate *= part);
        let identity = |row: usize, column: usize| f64::from(u8::from(row == column));
        let mut sum: Vec<Vec<f64>> = (0..self.count)
            .map(|row| (0..self.count).map(|column| identity(row, column)).collect())
            .collect();
        let mut term = sum.clone();
        for order in 1..=14 {
            term = multiply(&term, &rates);
            term.iter_mut().flatten().for_each(|cell| *cell /= f64::from(order));
            sum.iter_mut()
                .zip(&term)
                .for_each(|(row, more)| row.iter_mut().zip(more).for_each(|(a, b)| *a += b));
        }
        (0..halvings).fold(sum, |matrix, _| multiply(&matrix, &matrix))
    }
}

fn multiply(left: &[Vec<f64>], right: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let cell = |row: &Vec<f64>, column: usize| {
        row.iter().zip(right).map(|(value, other)| value * other[column]).sum()
    };
    left.iter().map(|row| (0..right.len()).map(|column| cell(row, column)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnnualRate;

    fn constant(from: usize, to: usize, rate: f64) -> Transition {
        Transition { from, to, intensity: Intensity::Steps(vec![(0.0, rate)]), amount: 0.0 }
    }

    fn span(years: usize) -> Span {
        Span { start: 0, age: 40.0, years }
    }

    #[test]
    fn constant_intensities_meet_their_closed_forms() {
        // Healthy, ill, dead without recovery: the probability of being ill is
        // σ (e^{−νt} − e^{−(σ+μ)t}) / (σ + μ − ν).
        let (sick, dies, dies_ill) = (0.1, 0.02, 0.25);
        let transitions = vec![constant(0, 1, sick), constant(0, 2, dies), constant(1, 2, dies_ill)];
        let model = States { count: 3, transitions, benefits: vec![0.0, 12_000.0, 0.0] };
        let rate = 0.03_f64;
        let found = model.continuous(span(20), &Discount::Flat(AnnualRate::new(rate).unwrap())).unwrap();
        let out: f64 = sick + dies;
        for (year, state) in found.probabilities.iter().enumerate() {
            let t = year as f64;
            let ill = sick * ((-dies_ill * t).exp() - (-out * t).exp()) / (out - dies_ill);
            assert!((state[0] - (-out * t).exp()).abs() < 1e-10 && (state[1] - ill).abs() < 1e-10);
            assert!((state.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        // ∫ e^{−δt} p_ill dt by the same closed form.
        let force = rate.ln_1p();
        let part = |mu: f64| (1.0 - (-(mu + force) * 20.0).exp()) / (mu + force);
        let value = 12_000.0 * sick * (part(dies_ill) - part(out)) / (out - dies_ill);
        assert!((found.present_value / value - 1.0).abs() < 1e-9, "{} {value}", found.present_value);
        for a_year in [1, 12] {
            let steps = model.discrete(span(20), a_year, &Discount::Flat(AnnualRate::new(rate).unwrap()));
            for (one, two) in steps.probabilities.iter().flatten().zip(found.probabilities.iter().flatten()) {
                assert!((one - two).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn recovery_tends_to_its_balance() {
        // Two states without death: p₁(t) = a/(a+b) (1 − e^{−(a+b)t}).
        let model = States {
            count: 2,
            transitions: vec![constant(0, 1, 0.3), constant(1, 0, 0.7)],
            benefits: vec![0.0; 2],
        };
        let found = model.continuous(span(5), &Discount::Flat(AnnualRate::ZERO)).unwrap();
        for (year, state) in found.probabilities.iter().enumerate() {
            assert!((state[1] - 0.3 * (1.0 - (-(year as f64)).exp())).abs() < 1e-10);
        }
    }

    #[test]
    fn a_law_of_makeham_and_a_jump_are_integrated_exactly() {
        // −ln p = a t + b c^x (c^t − 1)/ln c.
        let law = Intensity::Makeham(1e-4, 1e-5, 1.1);
        let dying = Transition { from: 0, to: 1, intensity: law, amount: 1.0 };
        let model = States { count: 2, transitions: vec![dying], benefits: vec![0.0; 2] };
        let found = model.continuous(span(30), &Discount::Flat(AnnualRate::ZERO)).unwrap();
        let exponent = 1e-4 * 30.0 + 1e-5 * 1.1_f64.powi(40) * (1.1_f64.powi(30) - 1.0) / 1.1_f64.ln();
        assert!((found.probabilities[30][0] - (-exponent).exp()).abs() < 1e-10);
        // One euro at death, not discounted, is worth the probability of death.
        assert!((found.present_value - found.probabilities[30][1]).abs() < 1e-10);
        let jump =
            Transition { intensity: Intensity::Steps(vec![(0.0, 0.1), (41.5, 0.5)]), ..constant(0, 1, 0.0) };
        let model = States { count: 2, transitions: vec![jump], benefits: vec![0.0; 2] };
        let found = model.continuous(span(3), &Discount::Flat(AnnualRate::ZERO)).unwrap();
        assert!((found.probabilities[3][0] - (-0.1 * 1.5_f64 - 0.5 * 1.5).exp()).abs() < 1e-9);
    }

    #[test]
    fn matrices_given_are_multiplied() {
        let model = States { count: 2, transitions: vec![constant(0, 1, 0.0)], benefits: vec![100.0, 0.0] };
        let matrix = vec![vec![0.9, 0.1], vec![0.0, 1.0]];
        let found = model.given(span(3), 1, &Discount::Flat(AnnualRate::ZERO), &[matrix]);
        assert!((found.probabilities[3][0] - 0.729).abs() < 1e-15);
        assert!((found.present_value - 271.0).abs() < 1e-12);
    }
}
