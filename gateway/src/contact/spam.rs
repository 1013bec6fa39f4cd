//! What speaks for a robot's message, rule by rule; it is told to staff and loses nothing. `docs/abuse.md` explains
//! the rules.

use serde::{Deserialize, Serialize};

/// A score and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spam {
    /// From 0; above 3 it is rather a robot's.
    pub score: u8,
    /// By rule, in words.
    pub reasons: Vec<String>,
}

/// The points of each rule, and how staff are told.
const MANY_LINKS: (u8, &str) = (2, "three links or more in the message (+2)");
const LINK_IN_NAME: (u8, &str) = (3, "a link where a name belongs (+3)");
const MARKUP: (u8, &str) = (2, "links written as HTML or BBCode (+2)");
const SAME: (u8, &str) = (2, "the same words in several fields (+2)");
const SHOUTING: (u8, &str) = (1, "nearly all in capitals (+1)");

/// Judges a message by its words; `doubts` are what the form's guard noticed of the post, a point each.
pub(super) fn judge(names: &[&str], message: &str, doubts: &[&'static str]) -> Spam {
    let lower = message.to_lowercase();
    let link = |text: &str| {
        let text = text.to_lowercase();
        text.contains("http://") || text.contains("https://") || text.contains("www.")
    };
    let links = lower.matches("http://").count() + lower.matches("https://").count();
    let same = names.iter().enumerate().any(|(place, name)| {
        name.chars().count() > 3 && names.iter().skip(place + 1).any(|other| other == name)
    });
    let letters: Vec<char> = message.chars().filter(|c| c.is_alphabetic()).collect();
    let capitals = letters.iter().filter(|c| c.is_uppercase()).count();
    let rules = [
        (links >= 3, MANY_LINKS),
        (names.iter().any(|name| link(name)), LINK_IN_NAME),
        (lower.contains("<a ") || lower.contains("[url"), MARKUP),
        (same, SAME),
        (letters.len() >= 20 && capitals * 10 > letters.len() * 8, SHOUTING),
    ];
    let hit = rules.into_iter().filter(|(holds, _)| *holds).map(|(_, rule)| rule);
    let noticed = doubts.iter().map(|doubt| (1, *doubt));
    let (mut score, mut reasons) = (0_u8, Vec::new());
    for (points, reason) in noticed.chain(hit) {
        score = score.saturating_add(points);
        reasons.push(reason.to_owned());
    }
    Spam { score, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_adds_its_points_and_tells_so() {
        let names = ["Lemoine", "Anaïs", "Essai", "1 place du Marché"];
        assert_eq!(judge(&names, "Bonjour, voir https://example.org.", &[]), Spam::default());
        let links = "http://a https://b http://c";
        assert_eq!(judge(&names, links, &[]).score, 2);
        assert_eq!(judge(&["www.a.example", "b", "c", "d"], "Bonjour", &[]).score, 3);
        assert_eq!(judge(&names, "<A href=x>", &[]).score, 2);
        assert_eq!(judge(&["Robot", "Robot", "c", "d"], "Bonjour", &[]).score, 2);
        assert_eq!(judge(&names, "ACHETEZ MAINTENANT ET SANS ATTENDRE", &[]).score, 1);
        let all = judge(&["Robot", "Robot", "c", "d"], links, &["no proof of work (+1)"]);
        assert_eq!((all.score, all.reasons.len()), (5, 3));
        assert_eq!(all.reasons[0], "no proof of work (+1)");
    }
}
