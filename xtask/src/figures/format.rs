//! How a figure is written in French.

use serde::Deserialize;

/// How a figure is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Format {
    decimals: usize,
    unit: String,
    /// What the value is multiplied by for the text alone: 100 for percentages.
    scale: f64,
    /// Whether what is not negative gets a `+`.
    sign: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self { decimals: 0, unit: String::new(), scale: 1.0, sign: false }
    }
}

impl Format {
    /// A narrow no-break space between thousands, a decimal comma, a no-break space before the unit.
    pub(super) fn text(&self, value: f64) -> String {
        let scaled = value * self.scale;
        let fixed = format!("{:.*}", self.decimals, scaled.abs());
        let zero = fixed.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        let (whole, decimals) = fixed.split_once('.').unwrap_or((&fixed, ""));
        let mut text = String::new();
        if scaled < 0.0 && !zero {
            text.push('\u{2212}');
        } else if self.sign {
            text.push('+');
        }
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push('\u{202f}');
            }
            text.push(digit);
        }
        if !decimals.is_empty() {
            text.push(',');
            text.push_str(decimals);
        }
        if !self.unit.is_empty() {
            text.push('\u{a0}');
            text.push_str(&self.unit);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_french_readers_write_them() {
        let format = |decimals, unit: &str| Format { decimals, unit: unit.into(), ..Format::default() };
        assert_eq!(format(2, "€").text(1_234_567.891), "1\u{202f}234\u{202f}567,89\u{a0}€");
        assert_eq!(format(1, "").text(-0.5), "\u{2212}0,5");
        assert_eq!(format(0, "").text(999.6), "1\u{202f}000");
        assert_eq!(format(1, "").text(-0.01), "0,0");
        let signed = Format { sign: true, scale: 100.0, ..format(1, "%") };
        assert_eq!(
            (signed.text(0.052), signed.text(-0.052)),
            ("+5,2\u{a0}%".into(), "\u{2212}5,2\u{a0}%".into())
        );
    }
}
