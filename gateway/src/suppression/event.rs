//! What SendGrid tells of a letter, as far as it matters here (“Event Webhook Reference”).

use jiff::Timestamp;
use serde::Deserialize;

use super::Reason;
use crate::newsletter::Happened;
use crate::sealing;

/// One event. Members that are not named here are not looked at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    event: String,
    /// Seconds.
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    sg_event_id: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    /// Our own argument: the issue of the newsletter that the letter was.
    #[serde(default)]
    pub(super) issue: Option<String>,
}

/// Why a dropped letter was not the address's fault.
const NOT_THE_ADDRESS: [&str; 3] = ["spam content", "package quota", "invalid smtpapi header"];

impl Event {
    /// What it means for its address, if it means anything.
    pub(super) fn reason(&self) -> Option<Reason> {
        let told = self.reason.as_deref().unwrap_or_default().to_lowercase();
        match self.event.as_str() {
            // `blocked` is said of what may pass another time.
            "bounce" if self.kind.as_deref() != Some("blocked") => Some(Reason::Bounce),
            "dropped" if told.contains("unsubscribed address") => Some(Reason::Unsubscribe),
            "dropped" if told.contains("spam reporting address") => Some(Reason::SpamReport),
            "dropped" if NOT_THE_ADDRESS.iter().any(|fault| told.contains(fault)) => None,
            "dropped" => Some(Reason::Drop),
            "spamreport" => Some(Reason::SpamReport),
            "unsubscribe" | "group_unsubscribe" => Some(Reason::Unsubscribe),
            _ => None,
        }
    }

    /// What it tells of the issue that the letter was.
    pub(super) fn happened(&self) -> Option<Happened> {
        match self.event.as_str() {
            "delivered" => Some(Happened::Delivered),
            "bounce" => Some(Happened::Bounced),
            "dropped" => Some(Happened::Dropped),
            "spamreport" => Some(Happened::SpamReported),
            "unsubscribe" | "group_unsubscribe" => Some(Happened::Unsubscribed),
            _ => None,
        }
    }

    /// When it happened.
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_second(self.timestamp).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// A name that its repetition bears too, and that says nothing of anybody.
    pub(super) fn name(&self, key: &[u8; 32]) -> String {
        let id = self.sg_event_id.as_deref().unwrap_or_default();
        let at = self.timestamp.to_be_bytes();
        let parts = [id.as_bytes(), self.event.as_bytes(), self.email.as_bytes(), &at];
        // With an id of SendGrid's own, that alone is its name.
        let parts = if id.is_empty() { &parts[..] } else { &parts[..1] };
        sealing::hex(&sealing::authenticated(key, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_for_what_they_mean_of_the_address() {
        use Reason::{Bounce, Drop, SpamReport, Unsubscribe};
        for (text, expected) in [
            (r#"{"event":"bounce","type":"bounce"}"#, Some(Bounce)),
            (r#"{"event":"bounce"}"#, Some(Bounce)),
            (r#"{"event":"bounce","type":"blocked"}"#, None),
            (r#"{"event":"dropped","reason":"Bounced Address"}"#, Some(Drop)),
            (r#"{"event":"dropped"}"#, Some(Drop)),
            (r#"{"event":"dropped","reason":"Unsubscribed Address"}"#, Some(Unsubscribe)),
            (r#"{"event":"dropped","reason":"Spam Reporting Address"}"#, Some(SpamReport)),
            (r#"{"event":"dropped","reason":"Spam Content (if spam checker app enabled)"}"#, None),
            (r#"{"event":"dropped","reason":"Recipient List over Package Quota"}"#, None),
            (r#"{"event":"spamreport"}"#, Some(SpamReport)),
            (r#"{"event":"unsubscribe"}"#, Some(Unsubscribe)),
            (r#"{"event":"group_unsubscribe","asm_group_id":10}"#, Some(Unsubscribe)),
            (r#"{"event":"group_resubscribe"}"#, None),
            (r#"{"event":"delivered","tls":1}"#, None),
            (r#"{"event":"open","useragent":"x","ip":"192.0.2.1"}"#, None),
            (r#"{}"#, None),
        ] {
            assert_eq!(serde_json::from_str::<Event>(text).unwrap().reason(), expected, "{text}");
        }
    }

    #[test]
    fn a_repetition_has_the_same_name_and_another_event_another() {
        let name = |text: &str| serde_json::from_str::<Event>(text).unwrap().name(&[1; 32]);
        let one = r#"{"event":"bounce","email":"a@b.fr","timestamp":1}"#;
        assert_eq!(name(one), name(one));
        assert_ne!(name(one), name(&one.replace('1', "2")));
        let with_id = r#"{"event":"bounce","sg_event_id":"x"}"#;
        assert_eq!(name(with_id), name(&with_id.replace("bounce", "dropped")));
        assert!(!name(one).contains("a@b.fr"));
    }
}
