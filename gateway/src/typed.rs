//! What visitors typed, where it is shown outside a page: invisible characters must not reorder the text around.

/// Whether a character is an invisible one that reorders what follows it (UAX #9, explicit directional
/// formatting): with it, a name could make a line say something else than its letters do.
pub fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without these characters; letters that run from right to left keep their direction.
pub fn in_order(text: &str) -> String {
    text.chars().filter(|&c| !reorders(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reorders_goes() {
        assert_eq!(in_order("a\u{202e}gpj.exe\u{2066}\u{2069}"), "agpj.exe");
        assert_eq!(in_order("שלום 👩‍🔬 مرحبا"), "שלום 👩‍🔬 مرحبا");
    }
}
