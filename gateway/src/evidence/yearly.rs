//! The officer's report of a year: what was asked, what happened, what was deleted, who has access, to whom data went, and
//! what comes next. Counts and dates; nobody's name.

use std::collections::BTreeMap;

use aops_manifest::Language;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::log::Extract;
use super::registers::{feature, of_days, text};
use super::{Days, EvidenceError, access, promises};
use crate::app::App;
use crate::leaflet::{Leaflet, Section};
use crate::register::{self, ACTIVITIES, Writing};
use crate::{accounts, breach, client_audit, consent, processors, retention, rights, working_days};

/// How long before its end a training or an agreement is told as to be renewed.
const SOON_DAYS: i32 = 90;

/// The report of a year, in French; of the year that runs, until today.
///
/// # Errors
/// [`EvidenceError`]; [`EvidenceError::Year`] for one that has not begun.
pub async fn yearly(app: &App, year: i16) -> Result<Leaflet, EvidenceError> {
    let today = working_days::today(app.clock.now());
    let days = days(year, today).ok_or(EvidenceError::Year(year))?;
    let site = register::site(app)?;
    let writing = Writing::new(app, &site, Language::Fr).await?;
    let word = |key: &str| writing.word(&format!("annual.{key}"));
    let log = Extract::of(app, days).await?;
    let mut sections = vec![
        house(&writing, days, &log),
        requests(app, &writing, days).await?,
        breaches(app, &writing, days).await?,
        deletions(app, &writing, days).await?,
        choices(app, &writing, days).await?,
        writing.processors(),
        announced(app, &writing, days).await?,
        audits(app, &writing, days).await?,
    ];
    sections.extend(access::sections(app, &writing).await?.into_iter().take(1));
    sections.push(promised(&writing)?);
    sections.push(next(app, &writing, today).await?);
    Ok(Leaflet {
        title: writing.told("annual.title", &[("year", &year.to_string())]),
        lead: word("lead"),
        sections,
        beside: Vec::new(),
    })
}

fn days(year: i16, today: Date) -> Option<Days> {
    let from = Date::new(year, 1, 1).ok().filter(|from| *from <= today)?;
    let to = from.last_of_year().min(today);
    Some(Days { from, to })
}

fn house(writing: &Writing<'_>, days: Days, log: &Extract) -> Section {
    let word = |key: &str| writing.word(&format!("annual.{key}"));
    let company = |key: &str| writing.app.settings.company.get(key).cloned().unwrap_or_default();
    let day = |day: Date| writing.site.texts.day(Language::Fr, day);
    let chain = writing.word(if log.whole { "dossier.chain_whole" } else { "dossier.chain_damaged" });
    Section::lines(
        word("house"),
        vec![
            (writing.word("register.holder"), format!("{}, {}", company("name"), company("rcs"))),
            (writing.word("register.officer"), company("dpo_email")),
            (writing.word("dossier.from"), day(days.from)),
            (writing.word("dossier.to"), day(days.to)),
            (word("activities"), ACTIVITIES.len().to_string()),
            (writing.word("dossier.entries"), log.entries.len().to_string()),
            (writing.word("dossier.chain"), chain),
        ],
    )
}

/// By right: how many came, what became of them, how many days an answer took, and how many were answered late.
async fn requests(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = rights::act(app, rights::Act::List).await.map_err(feature)?;
    let mut by_right: BTreeMap<String, Tally> = BTreeMap::new();
    for line in of_days(&listed, "created", days) {
        let tally = by_right.entry(text(line, "word")).or_default();
        tally.came += 1;
        match line["state"].as_str().unwrap_or_default() {
            "fulfilled" | "forwarded" => tally.done += 1,
            "refused" => tally.refused += 1,
            _ => tally.open += 1,
        }
        let instant = |name: &str| text(line, name).parse::<Timestamp>().ok();
        if let (Some(created), Some(closed)) = (instant("created"), instant("closed")) {
            tally.days.push(closed.duration_since(created).as_hours() / 24);
        }
        let late = instant("due").is_some_and(|due| due < instant("closed").unwrap_or(app.clock.now()));
        tally.late += u32::from(late);
    }
    let rows = by_right.into_iter().map(|(right, tally)| {
        let median = tally.median().map_or_else(|| "–".to_owned(), |days| days.to_string());
        let counts = [tally.came, tally.done, tally.refused, tally.open].map(|count| count.to_string());
        let mut row = vec![writing.word(&format!("right_short.{right}"))];
        row.extend(counts);
        row.extend([median, tally.late.to_string()]);
        row
    });
    let columns = ["right", "came", "done", "refused", "open", "median", "late"];
    Ok(table(writing, "requests", &columns, rows.collect()))
}

#[derive(Default)]
struct Tally {
    came: u32,
    done: u32,
    refused: u32,
    open: u32,
    late: u32,
    days: Vec<i64>,
}

impl Tally {
    /// The days that half of the answers took at most.
    fn median(&self) -> Option<i64> {
        let mut days = self.days.clone();
        days.sort_unstable();
        days.get(days.len().checked_sub(1)? / 2).copied()
    }
}

async fn breaches(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = breach::act(app, breach::Act::List).await.map_err(feature)?;
    let rows = of_days(&listed, "known", days).filter(|line| line["rehearsal"] != true).map(|line| {
        let filed = day_of(writing, line["filed"]["at"].as_str().unwrap_or_default());
        let level = writing.word(&format!("breach_level.{}", text(line, "level")));
        vec![
            text(line, "id"),
            day_of(writing, &text(line, "known")),
            level,
            filed,
            (line["clients"].as_u64().unwrap_or_default() + line["persons"].as_u64().unwrap_or_default())
                .to_string(),
        ]
    });
    Ok(table(writing, "breaches", &["reference", "known", "level", "filed", "concerned"], rows.collect()))
}

async fn deletions(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for proof in retention::proofs(app).await?.into_iter().filter(|proof| days.hold(proof.at)) {
        *counts.entry(proof.done.what).or_default() += proof.done.count;
    }
    let rows = counts.into_iter().map(|(what, count)| {
        let what = match what.as_str() {
            "warned" => writing.word("dossier.warned"),
            what => writing.word(&format!("retention.what.{what}")),
        };
        vec![what, count.to_string()]
    });
    Ok(table(writing, "deletions", &["what", "count"], rows.collect()))
}

async fn choices(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let mut counts: BTreeMap<(bool, bool), u64> = BTreeMap::new();
    for proof in consent::list(app).await?.into_iter().filter(|proof| days.hold(proof.created)) {
        *counts.entry((proof.audience, proof.social)).or_default() += 1;
    }
    let yes = |yes: bool| writing.word(if yes { "dossier.yes" } else { "dossier.no" });
    let rows =
        counts.into_iter().map(|((audience, social), n)| vec![yes(audience), yes(social), n.to_string()]);
    Ok(table(writing, "choices", &["audience", "social", "count"], rows.collect()))
}

/// Changes of the list of processors that were announced.
async fn announced(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let today = working_days::today(app.clock.now());
    let names = |some: &[processors::Processor]| {
        let names: Vec<&str> = some.iter().map(|one| one.name.as_str()).collect();
        if names.is_empty() { "–".to_owned() } else { names.join(", ") }
    };
    let history = processors::history(app, today).await?;
    let rows = history.iter().filter(|one| days.hold(one.announced) && !one.change.is_none()).map(|one| {
        let change = &one.change;
        let (added, removed) = (names(&change.added), names(&change.removed));
        vec![writing.site.texts.day(Language::Fr, one.applies), added, removed, names(&change.changed)]
    });
    Ok(table(writing, "announced", &["applies", "added", "removed", "changed"], rows.collect()))
}

async fn audits(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = client_audit::act(app, client_audit::Act::List).await.map_err(feature)?;
    let rows = of_days(&listed, "asked", days).map(|line| {
        let state = writing.word(&format!("audit.state.{}", text(line, "state")));
        let civil = |name: &str| {
            let day = text(line, name).parse::<Date>();
            day.map_or_else(|_| "–".to_owned(), |day| writing.site.texts.day(Language::Fr, day))
        };
        vec![text(line, "id"), day_of(writing, &text(line, "asked")), civil("first"), civil("last"), state]
    });
    Ok(table(writing, "audits", &["reference", "asked", "first", "last", "state"], rows.collect()))
}

fn promised(writing: &Writing<'_>) -> Result<Section, EvidenceError> {
    let word = |key: &str| writing.word(&format!("annual.{key}"));
    let all = promises::all()?;
    let people = all.iter().filter(|promise| promise.organisational).count();
    let missing: Vec<&str> =
        all.iter().filter(|promise| promise.missing.is_some()).map(|promise| promise.id.as_str()).collect();
    let missing = if missing.is_empty() { writing.word("dossier.none") } else { missing.join(", ") };
    Ok(Section::lines(
        word("promises"),
        vec![
            (word("promises_all"), all.len().to_string()),
            (word("promises_people"), people.to_string()),
            (word("promises_missing"), missing),
        ],
    ))
}

/// What waits now, whatever the year: requests that are open, breaches that are not filed, duties that end soon, audits to
/// come.
async fn next(app: &App, writing: &Writing<'_>, today: Date) -> Result<Section, EvidenceError> {
    let word = |key: &str| writing.word(&format!("annual.{key}"));
    let lines = |listed: Value| listed.as_array().cloned().unwrap_or_default();
    let requests = lines(rights::act(app, rights::Act::List).await.map_err(feature)?);
    let open = requests.iter().filter(|line| matches!(line["state"].as_str(), Some("open" | "erasing")));
    let breaches = lines(breach::act(app, breach::Act::List).await.map_err(feature)?);
    let unfiled = breaches.iter().filter(|line| line["authority"] == true && line["filed"].is_null());
    let unfiled = unfiled.filter(|line| line["rehearsal"] != true);
    let audits = lines(client_audit::act(app, client_audit::Act::List).await.map_err(feature)?);
    let waiting = audits.iter().filter(|line| line["state"] == "asked");
    let soon = today.checked_add(SOON_DAYS.days()).unwrap_or(today);
    let staff = accounts::review(app).await?;
    let ends = staff.iter().filter(|one| {
        let end = |date: Option<Date>, years: i32| date.and_then(|date| date.checked_add(years.years()).ok());
        [end(one.trained, 1), end(one.secrecy, 3)].iter().flatten().any(|end| *end <= soon)
    });
    Ok(Section::lines(
        word("next"),
        vec![
            (word("next_requests"), open.count().to_string()),
            (word("next_breaches"), unfiled.count().to_string()),
            (word("next_audits"), waiting.count().to_string()),
            (word("next_staff"), ends.count().to_string()),
        ],
    ))
}

/// A table; where it has no line, its title says so.
fn table(writing: &Writing<'_>, part: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Section {
    let title = writing.word(&format!("annual.{part}"));
    if rows.is_empty() {
        return Section::words(title, vec![writing.word("annual.none")]);
    }
    let head = columns.iter().map(|column| writing.word(&format!("annual.column.{column}")));
    Section::table(title, head.collect(), rows)
}

/// The day of an instant in words, in Greenwich.
fn day_of(writing: &Writing<'_>, instant: &str) -> String {
    match instant.parse::<Timestamp>() {
        Ok(at) => writing.site.texts.day(Language::Fr, at.to_zoned_datetime(TimeZone::UTC).date()),
        Err(_) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::testing;

    #[test]
    fn a_year_is_told_to_its_end_or_to_today_and_none_that_has_not_begun() {
        let told = |year, today: &str| {
            let days = days(year, today.parse().unwrap())?;
            Some((days.from.to_string(), days.to.to_string()))
        };
        let some = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
        assert_eq!(told(2026, "2027-03-01"), some("2026-01-01", "2026-12-31"));
        assert_eq!(told(2027, "2027-03-01"), some("2027-01-01", "2027-03-01"));
        assert_eq!(told(2028, "2027-12-31"), None);
        assert_eq!(told(-30_000, "2027-12-31"), None);
    }

    #[test]
    fn half_of_the_answers_took_the_median_at_most() {
        let of = |days: &[i64]| Tally { days: days.to_vec(), ..Tally::default() }.median();
        assert_eq!((of(&[]), of(&[3]), of(&[9, 1, 4]), of(&[9, 1])), (None, Some(3), Some(4), Some(1)));
    }

    #[tokio::test]
    async fn the_report_counts_what_was_asked_and_names_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "plantee@example.com").await;
        let form = "droit=rectification&email=demandeuse%40example.org&demande=Nom+Planté";
        testing::post(&app, "/donnees-personnelles", &HeaderMap::new(), form).await;
        let year = working_days::today(app.clock.now()).year();
        let report = yearly(&app, year).await.unwrap();
        let asked = report.sections.iter().find(|section| section.title == "annual.requests").unwrap();
        assert_eq!(asked.rows, [["right_short.rectification", "1", "0", "0", "1", "–", "0"]]);
        let text = report.markdown();
        for planted in ["plantee", "demandeuse", "Planté"] {
            assert!(!text.contains(planted), "{planted} in {text}");
        }
        assert!(matches!(yearly(&app, year + 1).await, Err(EvidenceError::Year(_))));
    }
}
