//! What a fitted model tells: coefficients with their errors, deviances, predictions. Not the fit.

use serde_json::{Value, json};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::design::{Column, Data, Unknown, Variable};
use super::fit::Fit;
use super::model::{Fitted, lines};
use super::{Family, Link};
use crate::reader::{Reader, shorten};

impl Fitted {
    /// The fit as an answer tells it.
    pub(super) fn tell(&self) -> Value {
        let mut told = json!({
            "coefficients": self.coefficients(),
            "deviance": self.fit.deviance(),
            "residual_degrees": self.fit.freedom(),
            "pearson": self.fit.pearson,
            "dispersion": self.dispersion,
            "lines": self.fit.lines,
            "rank": self.fit.rank(),
            "iterations": self.fit.path.len(),
        });
        if let Some(constant) = self.null {
            told["null_deviance"] = json!(constant);
            told["null_degrees"] = json!(self.fit.lines as f64 - 1.0);
        }
        if let Some(aic) = self.aic {
            told["aic"] = json!(aic);
        }
        if let (Family::NegativeBinomial(theta), error) = (self.family, self.theta_error) {
            told["theta"] = json!(theta);
            if let Some(error) = error {
                told["theta_standard_error"] = json!(error);
            }
        }
        if !self.sequence.is_empty() {
            told["deviance_table"] = self.table();
        }
        told
    }

    fn coefficients(&self) -> Value {
        let quantile = normal_quantile(self.confidence);
        let count = self.fit.rank();
        let mut kept = 0;
        let line = |(column, coefficient): (&Column, &Option<f64>)| {
            let Some(estimate) = coefficient else {
                return json!({ "name": column.name(), "aliased": true });
            };
            let error = (self.fit.inverse[kept * count + kept] * self.dispersion).sqrt();
            let wald = [Some(estimate - quantile * error), Some(estimate + quantile * error)];
            let bounds = self.profile.as_ref().and_then(|bounds| bounds.get(kept)).unwrap_or(&wald);
            kept += 1;
            let statistic = estimate / error;
            let mut line = json!({ "name": column.name(), "estimate": estimate, "standard_error": error });
            // A profile that never rises so far has no bound.
            for (name, bound) in ["lower", "upper"].into_iter().zip(bounds) {
                if let Some(bound) = bound {
                    line[name] = json!(bound);
                }
            }
            // A perfect fit leaves no error to compare with.
            if statistic.is_finite() {
                line["statistic"] = json!(statistic);
                line["p_value"] = json!(self.p_value(statistic));
            }
            if self.link == Link::Log {
                line["relativity"] = json!(estimate.exp());
            }
            line
        };
        self.columns.iter().zip(&self.fit.coefficients).map(line).collect()
    }

    /// Two-sided: Student's law where the dispersion is estimated, the normal law otherwise, as R does.
    fn p_value(&self, statistic: f64) -> f64 {
        let tail = if self.estimated {
            StudentsT::new(0.0, 1.0, self.fit.freedom().max(1.0)).map(|law| law.sf(statistic.abs())).ok()
        } else {
            Some(normal().sf(statistic.abs()))
        };
        2.0 * tail.unwrap_or(0.5)
    }

    /// Terms added one by one, with the deviance that each takes away.
    fn table(&self) -> Value {
        let line = |(index, (name, fit)): (usize, &(String, Fit))| {
            let mut line = json!({
                "term": name, "residual_degrees": fit.freedom(), "residual_deviance": fit.deviance(),
            });
            if let Some((_, before)) = index.checked_sub(1).and_then(|before| self.sequence.get(before)) {
                line["degrees"] = json!(before.freedom() - fit.freedom());
                line["deviance"] = json!(before.deviance() - fit.deviance());
            }
            line
        };
        self.sequence.iter().enumerate().map(line).collect()
    }

    /// Means of new lines, with the standard error of their predictor and the bounds of the mean.
    pub(super) fn predict(&self, reader: &Reader<'_>, field: &str, data: &Data) -> Option<Vec<[f64; 4]>> {
        let lines = lines(data);
        let mut values = Vec::new();
        for (column, coefficient) in self.columns.iter().zip(&self.fit.coefficients) {
            for part in &column.parts {
                if let (Some(Variable::Levels(names, _)), Some(_)) = (data.get(&part.variable), &part.level) {
                    self.check_levels(reader, field, &part.variable, names)?;
                }
            }
            match column.values(data, lines) {
                Ok(found) => values.push((coefficient, found)),
                Err(Unknown::Variable(name)) => {
                    reader.fault(field, "no_variable", &[("found", shorten(&name))]);
                    return None;
                }
                Err(Unknown::Level(name, level)) => {
                    let parameters = [("name", shorten(&name)), ("found", shorten(&level))];
                    reader.fault(field, "no_level", &parameters);
                    return None;
                }
            }
        }
        let offset = |name: &Option<String>, line: usize, of: fn(f64) -> f64| match data.get(name.as_deref()?)
        {
            Some(Variable::Numbers(numbers)) => numbers.get(line).map(|number| of(*number)),
            _ => None,
        };
        let quantile = normal_quantile(self.confidence);
        let count = self.fit.rank();
        let of_line = |line: usize| {
            // Exposure absent from new lines is one.
            let mut predictor = offset(&self.exposure, line, f64::ln).unwrap_or(0.0)
                + offset(&self.offset, line, |number| number).unwrap_or(0.0);
            let mut kept = Vec::with_capacity(count);
            for (coefficient, values) in &values {
                if let Some(coefficient) = coefficient {
                    predictor += coefficient * values[line];
                    kept.push(values[line]);
                }
            }
            let mut square = 0.0;
            for (row, left) in kept.iter().enumerate() {
                for (column, right) in kept.iter().enumerate() {
                    square += left * right * self.fit.inverse[row * count + column];
                }
            }
            let error = (square.max(0.0) * self.dispersion).sqrt();
            let bounds = [predictor - quantile * error, predictor + quantile * error]
                .map(|at| self.link.inverse(at).0);
            [self.link.inverse(predictor).0, error, bounds[0].min(bounds[1]), bounds[0].max(bounds[1])]
        };
        Some((0..lines).map(of_line).collect())
    }

    /// New lines may have the levels of the fit alone.
    fn check_levels(&self, reader: &Reader<'_>, field: &str, variable: &str, names: &[String]) -> Option<()> {
        let known = self.levels.get(variable);
        match names.iter().find(|name| known.is_none_or(|known| !known.contains(name))) {
            None => Some(()),
            Some(level) => {
                let parameters = [("name", shorten(variable)), ("found", shorten(level))];
                reader.fault(field, "no_level", &parameters);
                None
            }
        }
    }
}

/// The normal quantile of a two-sided interval.
pub(super) fn normal_quantile(confidence: f64) -> f64 {
    normal().inverse_cdf(0.5 + confidence / 2.0)
}

fn normal() -> Normal {
    Normal::standard()
}
