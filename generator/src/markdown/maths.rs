//! Formulas in LaTeX to MathML, at build time: no script, no picture. It knows no page.

use std::ops::Range;
use std::sync::OnceLock;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

/// Bytes of a formula, at most.
const LONGEST: usize = 8 * 1024;
/// From so many bytes on, a formula might nest deeper than a thread's usual stack can bear: the library goes one
/// call down for each level.
const LONG: usize = 256;
const DEEP_STACK: usize = 512 * 1024 * 1024;

/// What is wrong with a formula, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FormulaFault {
    pub(super) reason: String,
    pub(super) at: Range<usize>,
}

/// The MathML of a formula.
pub(super) fn mathml(latex: &str, display: bool) -> Result<String, FormulaFault> {
    let whole = |reason: String| FormulaFault { reason, at: 0..latex.len() };
    if latex.len() > LONGEST {
        return Err(whole(format!("longer than {LONGEST} bytes")));
    }
    if latex.len() < LONG {
        return convert(latex, display);
    }
    std::thread::scope(|scope| {
        let deep = std::thread::Builder::new().stack_size(DEEP_STACK);
        let converted = deep.spawn_scoped(scope, || convert(latex, display));
        converted.map_err(|error| whole(error.to_string()))?.join().map_err(|_| whole("too deep".into()))?
    })
}

fn convert(latex: &str, display: bool) -> Result<String, FormulaFault> {
    let refused = |reason: String, at: Range<usize>| FormulaFault { reason, at };
    let Some(converter) = converter() else { return Err(refused("no converter".into(), 0..latex.len())) };
    let display = if display { MathDisplay::Block } else { MathDisplay::Inline };
    let converted = converter.convert_with_local_state(latex, display);
    converted
        .map(|converted| without_styles(&converted.mathml))
        .map_err(|error| refused(error.error_message(), error.0.clone()))
}

/// Alignment by class instead of by style: the policy of the pages forbids inline styles.
fn without_styles(mathml: &str) -> String {
    const MARK: &str = " style=\"";
    let mut out = String::with_capacity(mathml.len());
    let mut rest = mathml;
    while let Some((before, after)) = rest.split_once(MARK) {
        let (style, after) = after.split_once('"').unwrap_or((after, ""));
        out.push_str(before);
        for side in ["left", "right"] {
            if style.contains(&format!("text-align: {side}")) {
                out.push_str(&format!(" class=\"math-{side}\""));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn converter() -> Option<&'static LatexToMathML> {
    static CONVERTER: OnceLock<Option<LatexToMathML>> = OnceLock::new();
    let new = || {
        let config = MathCoreConfig { annotation: true, ..MathCoreConfig::default() };
        LatexToMathML::new(config).ok()
    };
    CONVERTER.get_or_init(new).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_of_the_trade_become_mathml_with_their_source_beside() {
        for latex in [
            r"\ddot{a}_{x} = \sum_{k=0}^{\infty} v^k\,{}_kp_x",
            r"\ddot{a}_{\overline{n}|} = \frac{1 - v^n}{d}",
            r"\hat{f}_j = \frac{\sum_{i} C_{i,j+1}}{\sum_{i} C_{i,j}}",
            r"\text{DBO} = \sum_t \frac{{}_tp_x \, P_t}{(1+i)^t}",
            r"\begin{cases} 0 & x < 1 \\ 1 & x \ge 1 \end{cases}",
            r"\sqrt[3]{x}\quad \mathbb{E}\left[X \mid Y\right] \approx \int_0^1 f(u)\,\mathrm{d}u",
        ] {
            let html = mathml(latex, true).unwrap();
            assert!(html.starts_with("<math") && html.contains("display=\"block\""), "{html}");
            assert!(html.contains("<annotation") && !html.contains(" style="), "{html}");
        }
    }

    #[test]
    fn signs_of_html_are_escaped() {
        let html = mathml("a < b \\& c", false).unwrap();
        assert!(!html.contains("<mo><") && html.contains("&lt;") && html.contains("&amp;"), "{html}");
    }

    #[test]
    fn a_broken_formula_is_told_with_its_place() {
        assert!(mathml(r"\frac{1}{", false).is_err());
        let fault = mathml(r"a + \farc{1}{2}", false).unwrap_err();
        assert_eq!(fault.at.start, 4, "{fault:?}");
    }

    #[test]
    fn a_formula_of_braces_overflows_nothing() {
        for opening in ["{", "\\left(", "^{", "\\sqrt{", "\\sqrt", "\\hat", "\\begin{matrix}", "\\frac1"] {
            for times in [50_000, LONGEST / opening.len()] {
                assert!(mathml(&opening.repeat(times), false).is_err(), "{opening}");
            }
        }
    }
}
