//! French and English typography of running text: spaces, quotes, apostrophes, dashes, numbers, ordinals.
//!
//! It sees text alone: whoever calls it keeps code, maths, URLs and attributes away.
//! French rules follow the Imprimerie nationale's *Lexique des règles typographiques*.

use std::borrow::Cow;
use std::ops::Range;

use aops_manifest::Language;

/// Does not break, and has the width of a space: around guillemets, before a colon and a unit.
const NO_BREAK: char = '\u{A0}';
/// Does not break, and is narrow: before `; ! ?` and between groups of three digits.
const NARROW: char = '\u{202F}';

/// What stands after a number as its unit, and stays on its line.
const UNITS: [&str; 21] = [
    "%", "‰", "€", "$", "£", "k€", "M€", "Md€", "°C", "km", "cm", "mm", "m", "kg", "h", "min", "an", "ans",
    "mois", "jours", "points",
];

/// The typography of one string on its own.
pub(crate) fn typeset(text: &str, language: Language) -> Cow<'_, str> {
    if !wants_care(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    Typographer::new(language).write(text, &mut out);
    Cow::Owned(out)
}

/// Goes through the runs of text of one block, in order, and remembers what stands before.
#[derive(Debug)]
pub(crate) struct Typographer {
    language: Language,
    previous: Option<char>,
    quoting: bool,
}

impl Typographer {
    pub(crate) fn new(language: Language) -> Self {
        Self { language, previous: None, quoting: false }
    }

    /// Begins a new block.
    pub(crate) fn reset(&mut self) {
        self.previous = None;
        self.quoting = false;
    }

    /// Passes over something that is not text: code, a formula, a picture.
    pub(crate) fn pass(&mut self) {
        self.previous = Some('x');
    }

    /// Passes over a break of line.
    pub(crate) fn space(&mut self) {
        self.previous = Some(' ');
    }

    /// Adds a run of text.
    pub(crate) fn write(&mut self, text: &str, out: &mut String) {
        if !wants_care(text) && self.previous != Some('«') {
            out.push_str(text);
            self.previous = text.chars().next_back().or(self.previous);
            return;
        }
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            if (at == 0 || chars[at - 1].is_whitespace()) && !chars[at].is_whitespace() {
                let end = chars[at..].iter().position(|c| c.is_whitespace()).map_or(chars.len(), |n| at + n);
                if is_address(&chars[at..end]) {
                    chars[at..end].iter().for_each(|c| self.push(*c, out));
                    at = end;
                    continue;
                }
            }
            at = self.step(&chars, at, out);
        }
    }

    /// Writes what stands at `at`, and returns where to go on.
    fn step(&mut self, chars: &[char], at: usize, out: &mut String) -> usize {
        let current = chars[at];
        let french = self.language == Language::Fr;
        let run = chars[at..].iter().take_while(|c| **c == current).count();
        let next = chars.get(at + run).copied();
        match current {
            ' ' | NO_BREAK | NARROW => return self.spaces(chars, at, out),
            '.' if run == 3 => self.push('…', out),
            '.' => (0..run).for_each(|_| self.push('.', out)),
            '-' if (run == 2 || run == 3) && self.is_dash(next) => {
                self.push(if run == 2 { '–' } else { '—' }, out);
            }
            '-' => (0..run).for_each(|_| self.push('-', out)),
            '\'' => {
                self.apostrophe(chars.get(at + 1).copied(), out);
                return at + 1;
            }
            '"' => {
                self.quote(chars.get(at + 1).copied(), out);
                return at + 1;
            }
            ';' | '!' | '?' if french => {
                let after = chars.get(at + 1).copied();
                if self.previous.is_some_and(ends_word) && after.is_none_or(closes) {
                    self.push(NARROW, out);
                }
                self.push(current, out);
                return at + 1;
            }
            ':' if french => {
                if self.previous.is_some_and(ends_word) && chars.get(at + 1).is_none_or(|c| c.is_whitespace())
                {
                    self.push(NO_BREAK, out);
                }
                self.push(':', out);
                return at + 1;
            }
            '»' if french => {
                if self.previous.is_some_and(|p| !p.is_whitespace()) {
                    self.push(NO_BREAK, out);
                }
                self.push('»', out);
                return at + 1;
            }
            _ => {
                self.push(current, out);
                return at + 1;
            }
        }
        at + run
    }

    /// A run of spaces: some of them must not break, or must be narrow.
    fn spaces(&mut self, chars: &[char], at: usize, out: &mut String) -> usize {
        let is_space = |c: &char| matches!(*c, ' ' | NO_BREAK | NARROW);
        let end = at + chars[at..].iter().take_while(|c| is_space(c)).count();
        let next = chars.get(end).copied();
        let wanted = if self.language == Language::Fr { self.french_space(chars, at, end) } else { None };
        match wanted {
            Some(space) if self.previous.is_some_and(|p| !p.is_whitespace()) => self.push(space, out),
            _ if self.previous == Some('«') && next.is_some() && self.language == Language::Fr => {
                self.push(NO_BREAK, out);
            }
            _ => {
                for space in &chars[at..end] {
                    out.push(*space);
                    self.previous = Some(*space);
                }
            }
        }
        end
    }

    fn french_space(&self, chars: &[char], at: usize, end: usize) -> Option<char> {
        let next = chars.get(end).copied()?;
        let after_next = chars.get(end + 1).copied();
        match next {
            ';' | '!' | '?' if after_next.is_none_or(closes) => return Some(NARROW),
            ':' if after_next.is_none_or(char::is_whitespace) => return Some(NO_BREAK),
            '»' => return Some(NO_BREAK),
            _ => {}
        }
        match self.previous? {
            '«' => Some(NO_BREAK),
            '°' if next.is_ascii_digit() => Some(NO_BREAK),
            p if p.is_ascii_digit() && next.is_ascii_digit() => groups(chars, at, end).then_some(NARROW),
            p if p.is_ascii_digit() => is_unit(&chars[end..]).then_some(NO_BREAK),
            _ => None,
        }
    }

    fn apostrophe(&mut self, next: Option<char>, out: &mut String) {
        let before = self.previous.filter(|c| c.is_alphanumeric());
        let mark = match (before, next.is_some_and(char::is_alphanumeric)) {
            (Some(digit), false) if digit.is_ascii_digit() => '\'',
            (None, true) => '‘',
            _ => '’',
        };
        self.push(mark, out);
    }

    fn quote(&mut self, next: Option<char>, out: &mut String) {
        let (open, close) = if self.language == Language::Fr { ('«', '»') } else { ('“', '”') };
        let may_open = self
            .previous
            .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '’' | '‘' | '–' | '—' | '/'));
        if self.quoting {
            self.quoting = false;
            if close == '»' && self.previous.is_some_and(|p| !p.is_whitespace()) {
                self.push(NO_BREAK, out);
            }
            self.push(close, out);
        } else if may_open && next.is_none_or(|c| !c.is_whitespace()) {
            self.quoting = true;
            self.push(open, out);
        } else {
            self.push('"', out);
        }
    }

    fn is_dash(&self, next: Option<char>) -> bool {
        match next {
            None => true,
            Some(next) if next.is_whitespace() => true,
            Some(next) => next.is_alphanumeric() && self.previous.is_some_and(char::is_alphanumeric),
        }
    }

    fn push(&mut self, character: char, out: &mut String) {
        if self.language == Language::Fr && self.previous == Some('«') && !character.is_whitespace() {
            out.push(NO_BREAK);
        }
        out.push(character);
        self.previous = Some(character);
    }
}

/// Where the endings of ordinals stand in a French text (`1er`, `2e`, `XXe`), to be raised.
pub(crate) fn ordinal_endings(text: &str) -> Vec<Range<usize>> {
    let mut endings = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        if character.is_alphanumeric() {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            let word = &text[from..at];
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            let romans = word.bytes().take_while(|b| b"IVXLC".contains(b)).count();
            let raised = match (digits, romans) {
                (1.., _) => {
                    let ending = &word[digits..];
                    matches!(ending, "e" | "es")
                        || (&word[..digits] == "1" && matches!(ending, "er" | "re" | "ers" | "res"))
                        || (&word[..digits] == "2" && matches!(ending, "nd" | "nde" | "d"))
                }
                (0, 2..) => &word[romans..] == "e",
                (0, 1) => matches!(word, "Ier" | "Ire"),
                _ => false,
            };
            if raised {
                endings.push(from + digits.max(romans)..at);
            }
        }
    }
    endings
}

/// Whether any rule can apply.
fn wants_care(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'\'' | b'"' | b';' | b':' | b'!' | b'?' | b'0'..=b'9'))
        || text.contains(['«', '»'])
        || text.contains("...")
        || text.contains("--")
}

/// URLs, addresses and paths are copied as they are.
fn is_address(word: &[char]) -> bool {
    let starts =
        |with: &str| word.iter().zip(with.chars()).filter(|(a, b)| **a == *b).count() == with.chars().count();
    if starts("www.")
        || word.contains(&'@')
        || (word.len() > 1 && word[0] == '/' && word[1].is_alphanumeric())
    {
        return true;
    }
    word.windows(3).any(|w| w == [':', '/', '/'])
}

/// Whether the spaces at `at..end` part two groups of one number: up to three digits, then exactly three.
fn groups(chars: &[char], at: usize, end: usize) -> bool {
    let before = chars[..at].iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let after = chars[end..].iter().take_while(|c| c.is_ascii_digit()).count();
    let left = at.checked_sub(before + 1).map(|left| chars[left]);
    (1..=3).contains(&before)
        && after == 3
        && left.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | ',' | '-' | '/' | '_'))
}

fn is_unit(rest: &[char]) -> bool {
    UNITS.iter().any(|unit| {
        let length = unit.chars().count();
        rest.len() >= length
            && unit.chars().zip(rest).all(|(a, b)| a == *b)
            && rest.get(length).is_none_or(|c| !c.is_alphanumeric())
    })
}

fn ends_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, ')' | ']' | '»' | '’' | '%' | '€')
}

fn closes(character: char) -> bool {
    character.is_whitespace() || matches!(character, ')' | ']' | '»' | '"' | '!' | '?' | '…' | '.' | ',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn french_follows_its_table_of_cases() {
        for (typed, wanted) in [
            ("Bonjour !", "Bonjour\u{202F}!"),
            ("Bonjour!", "Bonjour\u{202F}!"),
            ("Qui ? Moi ; toi : nous.", "Qui\u{202F}? Moi\u{202F}; toi\u{A0}: nous."),
            ("Vraiment ?!", "Vraiment\u{202F}?!"),
            ("« mot »", "«\u{A0}mot\u{A0}»"),
            ("«mot»", "«\u{A0}mot\u{A0}»"),
            ("il dit \"oui\" et part", "il dit «\u{A0}oui\u{A0}» et part"),
            ("l'âge d'entrée", "l’âge d’entrée"),
            ("attendre...", "attendre…"),
            ("un -- deux --- trois", "un – deux — trois"),
            ("l'option --plain", "l’option --plain"),
            ("12 000 000 euros", "12\u{202F}000\u{202F}000 euros"),
            ("1 200,50 €", "1\u{202F}200,50\u{A0}€"),
            ("5 % en 3 ans", "5\u{A0}% en 3\u{A0}ans"),
            ("en 2023 120 personnes", "en 2023 120 personnes"),
            ("à 10:30, voir https://a.fr/x?y=1 ; fin", "à 10:30, voir https://a.fr/x?y=1\u{202F}; fin"),
            ("écrire à a@b.fr !", "écrire à a@b.fr\u{202F}!"),
            ("recommandation 2013-02", "recommandation 2013-02"),
            ("art. n° 5", "art. n°\u{A0}5"),
            ("un écran de 12\"", "un écran de 12\""),
        ] {
            assert_eq!(typeset(typed, Language::Fr), wanted, "{typed}");
        }
    }

    #[test]
    fn english_follows_its_table_of_cases() {
        for (typed, wanted) in [
            ("Really? Yes; no: maybe!", "Really? Yes; no: maybe!"),
            ("it's \"fine\"", "it’s “fine”"),
            ("'quoted'", "‘quoted’"),
            ("wait... -- then", "wait… – then"),
            ("1 200 items at 5 %", "1 200 items at 5 %"),
        ] {
            assert_eq!(typeset(typed, Language::En), wanted, "{typed}");
        }
    }

    #[test]
    fn what_stands_before_is_remembered_between_runs() {
        let mut typographer = Typographer::new(Language::Fr);
        let mut out = String::new();
        for run in ["« ", "fort", " » est gras ", "!"] {
            typographer.write(run, &mut out);
        }
        assert_eq!(out, "« fort\u{A0}» est gras !");
    }

    #[test]
    fn endings_of_ordinals_are_found_and_nothing_else() {
        let found =
            |text: &str| ordinal_endings(text).into_iter().map(|r| text[r].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("le 1er, la 1re, le 2e, le XXe siècle, la 2nde"), ["er", "re", "e", "e", "nde"]);
        assert!(found("3 ans, 1e5, Xe, le vice, 12h, 4d").is_empty());
    }

    proptest! {
        #[test]
        fn a_second_pass_changes_nothing(text in "[a-zé0-9 \u{A0}\u{202F}'\";:!?«».,()%€/-]{0,40}") {
            for language in Language::ALL {
                let once = typeset(&text, language).into_owned();
                prop_assert_eq!(typeset(&once, language), once.as_str());
            }
        }

        #[test]
        fn words_and_figures_are_never_changed(text in "\\PC{0,60}") {
            let kept = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            prop_assert_eq!(kept(&typeset(&text, Language::Fr)), kept(&text));
        }
    }
}
