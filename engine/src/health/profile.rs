//! Confidence intervals by profile likelihood: the coefficients at which, the others fitted again, the deviance rises by the
//! squared normal quantile times the dispersion (Venables and Ripley, 2002, section 8.4; `confint` of R's `glm`, which
//! interpolates where this searches). Not Wald's intervals.

use super::fit::{Failure, Fit, Model, fit};
use crate::watch::Watch;

/// Refits for one bound; the search for it ends within seven or so.
const MOST_STEPS: usize = 40;
/// Wald deviations beyond which the profile is taken not to rise any more.
const FARTHEST: f64 = 50.0;
/// Distance of the root of the deviance's rise from the quantile at which a bound is found.
const TOLERANCE: f64 = 1e-9;

/// The lower and the upper bound of each column kept; `None` where the deviance never rises so far, or where no fit is found
/// on the way.
///
/// # Errors
/// When a stop was asked for.
pub(super) fn intervals(
    model: &Model<'_>,
    found: &Fit,
    dispersion: f64,
    quantile: f64,
    watch: &Watch,
) -> Result<Vec<[Option<f64>; 2]>, Failure> {
    let kept: Vec<usize> = (0..model.columns.len()).filter(|at| found.coefficients[*at].is_some()).collect();
    let mut bounds = Vec::with_capacity(kept.len());
    for (rank, column) in kept.iter().enumerate() {
        let rest: Vec<Vec<f64>> =
            kept.iter().filter(|other| *other != column).map(|other| model.columns[*other].clone()).collect();
        let estimate = found.coefficients[*column].unwrap_or(0.0);
        let error = (found.inverse[rank * kept.len() + rank] * dispersion).sqrt();
        let profile = Profile { model, rest: &rest, column: *column, best: found.deviance(), dispersion };
        let bound = |side: f64| profile.bound(estimate, side * error, quantile, watch);
        bounds.push([bound(-1.0)?, bound(1.0)?]);
    }
    Ok(bounds)
}

/// One column held, the others free.
struct Profile<'m, 'a> {
    model: &'m Model<'a>,
    rest: &'m [Vec<f64>],
    column: usize,
    best: f64,
    dispersion: f64,
}

impl Profile<'_, '_> {
    /// The root of the deviance's rise over the dispersion where the coefficient is `value`; `None` where nothing is fitted.
    fn root(&self, value: f64, watch: &Watch) -> Result<Option<f64>, Failure> {
        let held = self.model.columns[self.column].iter().enumerate();
        let offset: Vec<f64> =
            held.map(|(line, cell)| self.model.offset.get(line).unwrap_or(&0.0) + value * cell).collect();
        let deviance = if self.rest.is_empty() {
            self.model.deviance_at(&offset)
        } else {
            match fit(&Model { columns: self.rest, offset: &offset, ..*self.model }, watch) {
                Ok(fit) => fit.deviance(),
                Err(Failure::Stopped) => return Err(Failure::Stopped),
                Err(_) => return Ok(None),
            }
        };
        let rise = ((deviance - self.best) / self.dispersion).max(0.0).sqrt();
        Ok(rise.is_finite().then_some(rise))
    }

    /// The bound on the side of `error`. The root is nearly a line in the coefficient, so that secants are quick; they are kept
    /// between a value below the quantile and one above.
    fn bound(&self, estimate: f64, error: f64, quantile: f64, watch: &Watch) -> Result<Option<f64>, Failure> {
        let (mut low, mut high) = ((0.0, 0.0), None::<(f64, f64)>);
        let mut step = quantile;
        for _ in 0..MOST_STEPS {
            let at = self.root(estimate + step * error, watch)?;
            match at {
                Some(root) if (root - quantile).abs() <= TOLERANCE => {
                    return Ok(Some(estimate + step * error));
                }
                Some(root) if root < quantile => low = (step, root),
                Some(root) => high = Some((step, root)),
                // Too far for a fit: half the way back.
                None => high = Some((step, f64::INFINITY)),
            }
            step = match high {
                None if low.1 > 0.0 => (low.0 * quantile / low.1).min(2.0 * low.0),
                None => 2.0 * low.0,
                Some((far, root)) if root.is_finite() => {
                    let part = ((quantile - low.1) / (root - low.1)).clamp(0.02, 0.98);
                    low.0 + part * (far - low.0)
                }
                Some((far, _)) => f64::midpoint(low.0, far),
            };
            if step > FARTHEST || high.is_some_and(|(far, _)| far - low.0 <= 1e-12 * far) {
                return Ok(None);
            }
        }
        Ok(None)
    }
}
