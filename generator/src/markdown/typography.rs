//! What a French typesetter does to plain text; English text only gets its quotes curled.
//!
//! It sees text alone: code, maths, addresses and HTML never pass here. Setting a text twice changes nothing.
//! Rules: Lexique des règles typographiques en usage à l'Imprimerie nationale.

use aops_manifest::Language;

const NO_BREAK: char = '\u{a0}';
const NARROW: char = '\u{202f}';

/// Sets one text.
pub(crate) fn typeset(text: &str, language: Language) -> String {
    Setting::new(language).text(text)
}

/// Sets the texts of a block one after the other: what came before decides which way a quote turns.
#[derive(Debug)]
pub(crate) struct Setting {
    language: Language,
    previous: char,
}

impl Setting {
    /// At the beginning of a block.
    pub(crate) fn new(language: Language) -> Self {
        Self { language, previous: ' ' }
    }

    /// Something that is not set stood here: code, a formula, a picture.
    pub(crate) fn skip(&mut self) {
        self.previous = 'x';
    }

    /// A line ended here.
    pub(crate) fn line_break(&mut self) {
        self.previous = ' ';
    }

    /// Sets a text that follows the ones before it in the same block.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let marked = marks(text, self.previous, self.language);
        let set = match self.language {
            Language::Fr => french_spaces(&marked, self.previous),
            Language::En => marked,
        };
        self.previous = set.chars().next_back().unwrap_or(self.previous);
        set
    }
}

/// Straight quotes and dots made typographic.
fn marks(text: &str, previous: char, language: Language) -> String {
    let (opening, closing) = match language {
        Language::Fr => ("«", "»"),
        Language::En => ("“", "”"),
    };
    let mut set = String::with_capacity(text.len() + 8);
    let mut before = previous;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let rest = &text[at..];
        let opens = before.is_whitespace() || "([{—–-".contains(before);
        match c {
            '"' if opens => set.push_str(opening),
            '"' => set.push_str(closing),
            '\'' if language == Language::En && opens && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                set.push('‘');
            }
            '\'' => set.push('’'),
            '.' if rest.starts_with("...") && !rest.starts_with("....") && before != '.' => {
                characters.next();
                characters.next();
                set.push('…');
            }
            '-' if rest.starts_with("---") && before != '-' && !rest.starts_with("----") => {
                characters.next();
                characters.next();
                set.push('—');
            }
            '-' if rest.starts_with("--") && before != '-' && !rest.starts_with("---") => {
                characters.next();
                set.push('–');
            }
            c => set.push(c),
        }
        before = set.chars().next_back().unwrap_or(c);
    }
    set
}

/// Spaces that must not break, and those that French wants before its high punctuation.
fn french_spaces(text: &str, previous: char) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| characters.get(index)).copied();
    let mut set: Vec<char> = Vec::with_capacity(characters.len() + 8);
    for (index, &c) in characters.iter().enumerate() {
        let next = at(Some(index + 1));
        let last = set.last().copied().unwrap_or(previous);
        let ends = next.is_none_or(|next| next.is_whitespace() || "»).,;:!?…".contains(next));
        match c {
            ';' | '!' | '?' if ends && sets_off(last) => space_before(&mut set, NARROW, previous),
            ':' if ends && sets_off(last) => space_before(&mut set, NO_BREAK, previous),
            '»' => space_before(&mut set, NO_BREAK, previous),
            '%' | '€' | '°' | '‰' if last == ' ' => replace_space(&mut set, NO_BREAK),
            _ => {}
        }
        let group = c == ' ' && last.is_ascii_digit() && three_digits(&characters[index + 1..]);
        let after_opening = c.is_whitespace() && last == '«';
        if after_opening {
            set.push(NO_BREAK);
            continue;
        }
        if last == '«' && c != NO_BREAK && c != NARROW && !set.is_empty() {
            set.push(NO_BREAK);
        }
        set.push(match c {
            ' ' if group => NARROW,
            ' ' if binds(&set) => NO_BREAK,
            c => c,
        });
    }
    if set.last() == Some(&'«') {
        set.push(NO_BREAK);
    }
    set.into_iter().collect()
}

/// Whether high punctuation after this character is set off by a space.
fn sets_off(last: char) -> bool {
    last.is_alphanumeric() || last == ' ' || ")]»%€’”".contains(last)
}

/// Puts a space before what follows, in place of any that stands there.
fn space_before(set: &mut Vec<char>, space: char, previous: char) {
    match set.last() {
        Some(&(' ' | NO_BREAK | NARROW)) => replace_space(set, space),
        Some(_) => set.push(space),
        // The text before this one ended the word: the space goes between them.
        None if previous.is_alphanumeric() => set.push(space),
        None => {}
    }
}

fn replace_space(set: &mut [char], space: char) {
    if let Some(last) = set.last_mut() {
        *last = space;
    }
}

/// Whether a group of exactly three digits follows.
fn three_digits(rest: &[char]) -> bool {
    rest.len() >= 3
        && rest[..3].iter().all(char::is_ascii_digit)
        && !rest.get(3).is_some_and(char::is_ascii_digit)
}

/// Whether what stands before a space holds on to what follows: n°, art., M., Mme, p.
fn binds(set: &[char]) -> bool {
    const BINDING: [&str; 7] = ["n°", "nº", "art.", "Mme", "MM.", "M.", "p."];
    BINDING.iter().any(|word| {
        let word: Vec<char> = word.chars().collect();
        let Some(start) = set.len().checked_sub(word.len()) else {
            return false;
        };
        set[start..] == word[..] && (start == 0 || !set[start - 1].is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn french_text_is_set_as_a_french_typesetter_would() {
        let cases = [
            ("Quoi ? Oui !", "Quoi\u{202f}? Oui\u{202f}!"),
            ("Quoi? Oui!", "Quoi\u{202f}? Oui\u{202f}!"),
            ("Ainsi : un ; deux", "Ainsi\u{a0}: un\u{202f}; deux"),
            ("Ainsi: un", "Ainsi\u{a0}: un"),
            ("il dit \"oui\".", "il dit «\u{a0}oui\u{a0}»."),
            ("« oui »", "«\u{a0}oui\u{a0}»"),
            ("«oui»", "«\u{a0}oui\u{a0}»"),
            ("l'article d'un", "l’article d’un"),
            ("Et...", "Et…"),
            ("1 234 567 euros", "1\u{202f}234\u{202f}567 euros"),
            ("en 2023 100 personnes", "en 2023\u{202f}100 personnes"),
            ("12 %, 300 €", "12\u{a0}%, 300\u{a0}€"),
            ("n° 3, art. 4, M. X", "n°\u{a0}3, art.\u{a0}4, M.\u{a0}X"),
            ("12:30 et https://a.fr?b=c", "12:30 et https://a.fr?b=c"),
            ("a -- b --- c", "a – b — c"),
            ("Vraiment ?!", "Vraiment\u{202f}?!"),
        ];
        for (typed, set) in cases {
            assert_eq!(typeset(typed, Language::Fr), set, "{typed}");
        }
    }

    #[test]
    fn english_text_gets_its_quotes_and_nothing_else() {
        let cases = [
            ("Really? \"Yes!\"", "Really? “Yes!”"),
            ("it's the '90s: 'so'", "it’s the ’90s: ‘so’"),
            ("1 000 %", "1 000 %"),
            ("one -- two...", "one – two…"),
        ];
        for (typed, set) in cases {
            assert_eq!(typeset(typed, Language::En), set, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn setting_twice_changes_nothing(text in "[a-zé0-9 \"'.:;!?«»%€()-]{0,40}") {
            for language in Language::ALL {
                let once = typeset(&text, language);
                prop_assert_eq!(typeset(&once, language), once);
            }
        }

        #[test]
        fn letters_and_digits_are_never_touched(text in "\\PC{0,40}") {
            let kept = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            for language in Language::ALL {
                prop_assert_eq!(kept(&typeset(&text, language)), kept(&text));
            }
        }
    }
}
