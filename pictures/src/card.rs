//! The picture that stands for a page where its link is shared; nothing of what a page is.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use unicode_normalization::UnicodeNormalization;

use crate::sheet::{Sheet, Tone, mixed};
use crate::{Kind, PictureError};

/// What a card says, and its colours as sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card<'a> {
    /// Title of the page, set large; it wraps on four lines at most.
    pub title: &'a str,
    /// What the page is part of, set small above the title; may be empty.
    pub eyebrow: &'a str,
    /// Name of the site, at the foot.
    pub site: &'a str,
    /// Colour behind everything.
    pub ground: [u8; 3],
    /// Colour of title and site.
    pub ink: [u8; 3],
    /// Colour of the bar and the eyebrow.
    pub accent: [u8; 3],
}

/// Changes whenever a card is drawn otherwise.
const SETTINGS: &str = "card 1";

/// The size that networks ask for (ogp.me, and their guides).
const WIDTH: u32 = 1200;
const HEIGHT: u32 = 630;

const LEFT: f32 = 96.0;
const MEASURE: f32 = 1200.0 - 2.0 * LEFT;
const BAR: (u32, u32) = (20, HEIGHT);
const EYEBROW_SIZE: f32 = 32.0;
const EYEBROW_BASELINE: f32 = 118.0;
const SITE_SIZE: f32 = 36.0;
const SITE_BASELINE: f32 = 550.0;
const RULE_Y: u32 = 488;
/// From the largest that is handsome to the smallest that is read on a telephone, in pixels.
const TITLE_SIZES: [f32; 7] = [92.0, 84.0, 76.0, 70.0, 64.0, 58.0, 54.0];
/// Height of capitals, in ems.
const CAPITALS: f32 = 0.7;
const TITLE_LINES: usize = 4;
const TITLE_LEADING: f32 = 1.14;
/// The title is centred between eyebrow and rule.
const TITLE_SPACE: (f32, f32) = (156.0, 460.0);
/// Large letters stand closer than small ones, in ems.
const TITLE_TRACKING: f32 = -0.012;

/// What a card is known by.
pub(crate) fn identity<'a>(card: &'a Card<'a>) -> [&'a [u8]; 7] {
    let Card { title, eyebrow, site, ground, ink, accent } = card;
    [SETTINGS.as_bytes(), title.as_bytes(), eyebrow.as_bytes(), site.as_bytes(), ground, ink, accent]
}

/// Draws a card as PNG.
///
/// # Errors
/// [`PictureError::Codec`] from the font or the encoder.
pub(crate) fn png(card: &Card<'_>) -> Result<Vec<u8>, PictureError> {
    let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|error| PictureError::codec(Kind::Png, error))?;
    let [rule, accent, site, ink] = [0, 1, 2, 3].map(Tone);
    let tones =
        [mixed(card.ground, card.ink, 0.16), card.accent, mixed(card.ground, card.ink, 0.8), card.ink];
    let mut sheet = Sheet::new(WIDTH, HEIGHT);
    sheet.fill((0, 0), BAR, accent);
    sheet.fill((LEFT as u32, RULE_Y), (MEASURE as u32, 2), rule);

    let eyebrow = shortened(&font, EYEBROW_SIZE, &composed(&font, card.eyebrow));
    set(&mut sheet, &font, EYEBROW_SIZE, EYEBROW_BASELINE, &eyebrow, accent);
    let name = shortened(&font, SITE_SIZE, &composed(&font, card.site));
    set(&mut sheet, &font, SITE_SIZE, SITE_BASELINE, &name, site);

    let (size, lines) = fitted(&font, &composed(&font, card.title));
    let first = f32::midpoint(TITLE_SPACE.0, TITLE_SPACE.1) - seen(size, lines.len()) / 2.0 + size * CAPITALS;
    for (number, line) in lines.iter().enumerate() {
        set(&mut sheet, &font, size, first + size * TITLE_LEADING * number as f32, line, ink);
    }
    sheet.png(card.ground, &tones)
}

/// The largest size at which the title holds on its lines, and these lines; the last is shortened if none does.
fn fitted(font: &FontRef<'_>, title: &str) -> (f32, Vec<String>) {
    let smallest = TITLE_SIZES[TITLE_SIZES.len() - 1];
    for size in TITLE_SIZES {
        let lines = wrapped(font, size, title);
        let height = seen(size, lines.len()) + size * 0.5;
        let holds = lines.iter().all(|line| width(font, size, line) <= MEASURE);
        if lines.len() <= TITLE_LINES && holds && height <= TITLE_SPACE.1 - TITLE_SPACE.0 {
            return (size, lines);
        }
    }
    let mut lines = wrapped(font, smallest, title);
    if lines.len() > TITLE_LINES {
        let rest = lines.split_off(TITLE_LINES - 1).join(" ");
        lines.push(rest);
    }
    (smallest, lines.iter().map(|line| shortened(font, smallest, line)).collect())
}

/// What the eye sees of a title: from the top of its first capitals to its last baseline, in pixels.
fn seen(size: f32, lines: usize) -> f32 {
    size * TITLE_LEADING * lines.saturating_sub(1) as f32 + size * CAPITALS
}

/// Greedy lines, broken at spaces alone: what no-break spaces join stays together.
fn wrapped(font: &FontRef<'_>, size: f32, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(font, size, &format!("{line} {word}")) <= MEASURE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A line as it is if it holds, or as much of it as holds with an ellipsis, whole words if possible.
fn shortened(font: &FontRef<'_>, size: f32, line: &str) -> String {
    if width(font, size, line) <= MEASURE {
        return line.to_owned();
    }
    let holds = |start: &str| width(font, size, &format!("{start}…")) <= MEASURE;
    let starts =
        |at: usize| line[..at].trim_end_matches(|c: char| c.is_whitespace() || ",;:.—–-(«".contains(c));
    let words = line.match_indices(' ').map(|(at, _)| starts(at));
    let letters = line.char_indices().map(|(at, _)| starts(at));
    let start = words.rev().find(|start| !start.is_empty() && holds(start));
    format!("{}…", start.or_else(|| letters.rev().find(|start| holds(start))).unwrap_or_default())
}

/// Composed letters, and one kind of each space that the font has.
fn composed(font: &FontRef<'_>, text: &str) -> String {
    text.nfc()
        .map(|c| match c {
            '\u{a0}' | '\u{202f}' | '\u{2007}' => '\u{a0}',
            '\u{2011}' => '-',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .filter(|c| !c.is_control() && (c.is_whitespace() || font.glyph_id(*c).0 != 0))
        .collect::<String>()
        .trim()
        .to_owned()
}

fn width(font: &FontRef<'_>, size: f32, text: &str) -> f32 {
    placed(font, size, text).last().map_or(0.0, |(_, x, advance)| x + advance)
}

/// Each letter with its place from the left and its advance, in pixels, kerning applied.
fn placed(font: &FontRef<'_>, size: f32, text: &str) -> Vec<(char, f32, f32)> {
    let scaled = font.as_scaled(scale(font, size));
    let smallest = TITLE_SIZES[TITLE_SIZES.len() - 1];
    let tracking = if size < smallest { 0.0 } else { size * TITLE_TRACKING };
    let mut x = 0.0;
    let mut before = None;
    let mut letters = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let glyph = scaled.glyph_id(letter);
        x += before.map_or(0.0, |before| scaled.kern(before, glyph) + tracking);
        let advance = scaled.h_advance(glyph);
        letters.push((letter, x, advance));
        x += advance;
        before = Some(glyph);
    }
    letters
}

/// Sets one line from the left margin.
fn set(sheet: &mut Sheet, font: &FontRef<'_>, size: f32, baseline: f32, line: &str, tone: Tone) {
    let scale = scale(font, size);
    for (letter, x, _) in placed(font, size, line) {
        let glyph = font.glyph_id(letter).with_scale_and_position(scale, point(LEFT + x, baseline));
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|across, down, coverage| {
            let (x, y) = (corner.x as i64 + i64::from(across), corner.y as i64 + i64::from(down));
            sheet.touch(x, y, tone, coverage);
        });
    }
}

/// The scale at which the em of the font is `size` pixels, as in CSS.
fn scale(font: &FontRef<'_>, size: f32) -> PxScale {
    let em = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(size * font.height_unscaled() / em)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Card<'_> = Card {
        title: "Rentes viagères",
        eyebrow: "Prévoyance",
        site: "AOPS Conseil",
        ground: [251, 251, 248],
        ink: [22, 35, 42],
        accent: [11, 83, 97],
    };
    const LONG: &str = "Réassurance, provisions et capital économique : ce que l’entrée en vigueur des nouvelles \
        exigences change, dès l’exercice prochain, pour les mutuelles, les institutions de prévoyance et leurs conseils";

    fn font() -> FontRef<'static> {
        FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).unwrap()
    }

    #[test]
    fn a_card_has_the_size_that_networks_ask_for_and_is_light() {
        let long = [LONG, LONG].concat();
        for title in [CARD.title, LONG, &long, ""] {
            let card = png(&Card { title, ..CARD }).unwrap();
            let image = image::load_from_memory(&card).unwrap();
            assert_eq!((image.width(), image.height()), (1200, 630));
            assert!(card.len() <= 60_000, "{} bytes for {title}", card.len());
        }
    }

    #[test]
    fn a_title_shrinks_to_hold_on_four_lines_and_ends_in_an_ellipsis_past_them() {
        let (size, lines) = fitted(&font(), "Rentes viagères");
        assert_eq!((size, lines.len()), (TITLE_SIZES[0], 1));
        let (size, lines) = fitted(&font(), &[LONG, " ", LONG].concat());
        assert_eq!((size, lines.len()), (TITLE_SIZES[6], TITLE_LINES));
        assert!(lines[3].ends_with('…') && !lines[2].ends_with('…'), "{lines:?}");
        for line in lines.iter().chain(&fitted(&font(), &"anticonstitutionnellement".repeat(9)).1) {
            assert!(width(&font(), size, line) <= MEASURE, "{line}");
        }
    }

    #[test]
    fn accents_are_the_same_however_they_are_typed() {
        let composed_title = Card { title: "Été à Évreux", ..CARD };
        let decomposed_title = Card { title: "E\u{301}te\u{301} a\u{300} E\u{301}vreux", ..CARD };
        assert_eq!(png(&composed_title), png(&decomposed_title));
        assert_ne!(png(&composed_title), png(&Card { title: "Ete a Evreux", ..CARD }));
    }

    #[test]
    fn every_letter_of_french_is_in_the_font() {
        let letters = "ÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸŒÆàâäçéèêëîïôöùûüÿœæ«»’“”–—…€§°²³№·×−";
        let font = font();
        let missing: String = letters.chars().filter(|letter| font.glyph_id(*letter).0 == 0).collect();
        assert_eq!(missing, "");
    }

    #[test]
    fn no_break_spaces_hold_words_together() {
        let lines = wrapped(
            &font(),
            90.0,
            &composed(&font(), "Une question de provisions techniques\u{202f}: laquelle\u{a0}?"),
        );
        assert!(lines.iter().all(|line| !line.starts_with([':', '?'])), "{lines:?}");
    }
}
