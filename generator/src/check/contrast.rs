//! Contrast of the theme's colours: the pairs that `theme.toml` names, on light ground and on dark (WCAG 2.2 § 1.4.3).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::files;

/// A text colour and the ground it stands on, by the names of their custom properties.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    text: String,
    ground: String,
    /// 4.5 for text, 3 for large text and signs.
    ratio: f64,
}

/// The pairs whose contrast is too weak in light or in dark.
pub(super) fn faults(root: &Path, theme: &Path, pairs: &[Pair]) -> Vec<Diagnostic> {
    let mut light = BTreeMap::new();
    let mut dark = BTreeMap::new();
    let mut unreadable = Diagnostics::default();
    for path in files::walk(root, &theme.join("styles"), &mut unreadable) {
        if let Ok(source) = files::text(root, &path) {
            read(&source.text, &mut light, &mut dark);
        }
    }
    let mut faults = Vec::new();
    let file = files::relative(root, &theme.join("theme.toml"));
    for (mode, colours) in [("light", &light), ("dark", &dark)] {
        for Pair { text, ground, ratio } in pairs {
            let colour = |name: &str| colours.get(name).or_else(|| light.get(name)).copied();
            let (Some(on), Some(under)) = (colour(text), colour(ground)) else {
                let missing = if colour(text).is_none() { text } else { ground };
                faults.push(Diagnostic::error("colour-unknown", &[("name", missing)]).in_file(&file));
                continue;
            };
            let found = contrast(on, under);
            if found < *ratio {
                let (found, ratio) = (format!("{found:.2}"), ratio.to_string());
                let values = [
                    ("text", text.as_str()),
                    ("ground", ground),
                    ("mode", mode),
                    ("found", &found),
                    ("ratio", &ratio),
                ];
                faults.push(Diagnostic::error("contrast", &values).in_file(&file));
            }
        }
    }
    faults
}

type Colours = BTreeMap<String, [u8; 3]>;

/// Reads `--name: #hex;`, those after `prefers-color-scheme: dark` as dark ones.
fn read(css: &str, light: &mut Colours, dark: &mut Colours) {
    let mut in_dark = false;
    for line in css.lines() {
        if line.contains("@media") {
            in_dark = line.contains("prefers-color-scheme: dark");
        }
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        if let (true, Some(colour)) = (name.starts_with("--"), hex(value.trim().trim_end_matches(';'))) {
            if in_dark { &mut *dark } else { &mut *light }.entry(name.to_owned()).or_insert(colour);
        }
    }
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#')?;
    let whole: String = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        6 => digits.to_owned(),
        _ => return None,
    };
    let [_, red, green, blue] = u32::from_str_radix(&whole, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

/// The contrast ratio of two colours, from 1 to 21 (WCAG 2.2, definition of *contrast ratio*).
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// WCAG 2.2, definition of *relative luminance*.
fn luminance([red, green, blue]: [u8; 3]) -> f64 {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast([0, 0, 0], [255, 255, 255]) - 21.0).abs() < 1e-9);
        // W3C, Understanding 1.4.3: #767676 on white is the lightest grey that passes.
        assert!(contrast([0x76; 3], [255; 3]) >= 4.5 && contrast([0x77; 3], [255; 3]) < 4.5);
    }

    #[test]
    fn light_and_dark_colours_are_told_apart() {
        let (mut light, mut dark) = (Colours::new(), Colours::new());
        read(
            ":root {\n--a: #fff;\n}\n@media (prefers-color-scheme: dark) {\n--a: #000;\n}\n",
            &mut light,
            &mut dark,
        );
        assert_eq!((light["--a"], dark["--a"]), ([255; 3], [0; 3]));
    }
}
