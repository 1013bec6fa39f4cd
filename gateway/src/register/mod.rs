//! The register of processing (GDPR art. 30), made from the declarations that the programs carry out: activities, what
//! is kept for how long, and the processors in force. Like the inventory, it knows the features and nothing else of
//! them.

mod activities;
mod desk;

use aops_manifest::Language;
use serde_json::{Value, json};

use crate::app::App;
use crate::leaflet::{Leaflet, Section};
use crate::processors::{self, Processor};
use crate::records::RecordError;
use crate::retention::Retention;
use crate::web::Site;
use crate::working_days;

pub use self::activities::{ACTIVITIES, Activity, CALCULATIONS, Side};
pub(crate) use self::desk::site;
pub use self::desk::{Form, RegisterError, written};

/// The words and the processors that a register is written with.
pub struct Writing<'a> {
    /// The application.
    pub app: &'a App,
    /// The theme's words.
    pub site: &'a Site,
    /// The language.
    pub language: Language,
    /// Those in force.
    pub processors: Vec<Processor>,
}

impl<'a> Writing<'a> {
    /// With what is in force today; what is declared, where nothing was announced yet.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn new(app: &'a App, site: &'a Site, language: Language) -> Result<Self, RecordError> {
        let today = working_days::today(app.clock.now());
        let processors = processors::in_force(app, today).await?;
        Ok(Self { app, site, language, processors })
    }

    /// Words of the theme.
    pub fn word(&self, key: &str) -> String {
        self.site.texts.text(self.language, key, &[])
    }

    /// The same, with something put in.
    pub fn told(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        self.site.texts.text(self.language, key, arguments)
    }

    /// What is kept, and for how long, in words.
    pub fn term(&self, retention: &Retention) -> String {
        let told: Value = json!(retention.told(&self.app.settings.retention));
        let field = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let (unit, count) = (field("unit"), told["count"].to_string());
        let length = match (unit.as_str(), count.as_str()) {
            ("years", "1") => self.word("retention.one_year"),
            _ => self.told(&format!("retention.{unit}"), &[("n", &count)]),
        };
        let event = self.word(&format!("retention.event.{}", field("from")));
        let from = self.told("retention.from", &[("from", &event)]);
        let what = self.word(&format!("retention.what.{}", field("what")));
        format!("{what}{} {length} {from}", self.word("error.colon"))
    }

    /// Recipients of an activity that are in force, each with its country and safeguard.
    pub fn recipients(&self, activity: &Activity) -> String {
        let named = self.processors.iter().filter(|one| activity.recipients.contains(&one.name.as_str()));
        let told =
            |one: &Processor| format!("{} ({}, {}, {})", one.name, one.role, one.country, one.safeguard);
        let told: Vec<String> = named.map(told).collect();
        if told.is_empty() { self.word("register.nobody") } else { told.join(" ; ") }
    }

    /// An activity, as a name and what is said of it a line.
    pub fn lines(&self, activity: &Activity) -> Vec<(String, String)> {
        let said = |part: &str| self.word(&format!("register.activity.{}.{part}", activity.id));
        let side = match activity.side {
            Side::Controller => "controller",
            Side::Processor => "processor",
        };
        let ground = json!(activity.ground);
        let ground = self.word(&format!("retention.basis.{}", ground.as_str().unwrap_or_default()));
        let terms: Vec<String> = activity.kept.iter().map(|kept| self.term(kept)).collect();
        let head = |part: &str| self.word(&format!("register.{part}"));
        vec![
            (head("side"), self.word(&format!("register.{side}"))),
            (head("purpose"), said("purpose")),
            (head("persons"), said("persons")),
            (head("data"), said("data")),
            (head("ground"), ground),
            (head("recipients"), self.recipients(activity)),
            (head("terms"), terms.join(" ; ")),
            (head("security"), self.word("register.security_told")),
        ]
    }

    /// The name of an activity.
    pub fn name(&self, activity: &Activity) -> String {
        self.word(&format!("register.activity.{}.name", activity.id))
    }

    /// The whole register.
    pub fn register(&self) -> Leaflet {
        let company = |key: &str| self.app.settings.company.get(key).cloned().unwrap_or_default();
        let house = vec![
            (self.word("register.holder"), format!("{}, {}", company("name"), company("rcs"))),
            (self.word("register.officer"), company("dpo_email")),
        ];
        let mut sections = vec![Section::lines(self.word("register.house"), house)];
        sections.extend(
            ACTIVITIES.iter().map(|activity| Section::lines(self.name(activity), self.lines(activity))),
        );
        Leaflet {
            title: self.word("register.title"),
            lead: self.word("register.lead"),
            sections,
            beside: Vec::new(),
        }
    }

    /// The processors in force, as a table.
    pub fn processors(&self) -> Section {
        let head = ["name", "role", "country", "safeguard"];
        let head = head.map(|part| self.word(&format!("confidentialite.{part}"))).to_vec();
        let row = |one: &Processor| {
            vec![one.name.clone(), one.role.clone(), one.country.clone(), one.safeguard.clone()]
        };
        Section::table(
            self.word("confidentialite.processors"),
            head,
            self.processors.iter().map(row).collect(),
        )
    }
}
