//! A request: what is asked, by whom, how they proved who they are, and where it stands. Requests of one address stand
//! in one partition, each sealed under a key of its own: it outlives the erasure that it asked for, as its proof.

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directives::{self, CarriedOut};
use crate::accounts::random;
use crate::app::App;
use crate::email::Email;
use crate::records::{self, KEYS, Open, Place, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan, StoreError};

pub(super) const REQUESTS: &str = "rights_requests";
/// So much of a hash names a partition.
const DIGITS: usize = 24;
const ID_CHARACTERS: usize = 16;
const PAGE: usize = 500;
const TRIES: usize = 5;

/// What is kept of requests.
pub const SHAPES: &[Shape] = &[Shape::sealed::<Request>(REQUESTS)];

/// A request, as the proof that it was answered (GDPR art. 5.2), for as long as one may be sued over it (Code civil,
/// art. 2224).
pub const HANDLED: Retention = Retention {
    what: "rights request",
    term: Term::Years(5),
    from: "last event",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};
/// One whose address was never proved.
pub const UNPROVED: Retention = Retention {
    what: "unproved rights request",
    term: Term::Days(2),
    from: "last request",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// A copy of everything (art. 15).
    Access,
    /// What is wrong is put right (art. 16).
    Rectification,
    /// What is kept is not used (art. 18).
    Restriction,
    /// A copy that other programs read (art. 20).
    Portability,
    /// What rests on our interest ends (art. 21).
    Objection,
    /// What is kept goes (art. 17).
    Erasure,
    /// What is to become of the data after death (Loi Informatique et Libertés, art. 85).
    Directives,
    /// Something about personal data was not right.
    Complaint,
}

impl Right {
    /// Every right, by the word of the form.
    pub(super) const WORDS: [(&'static str, Self); 8] = [
        ("acces", Self::Access),
        ("rectification", Self::Rectification),
        ("limitation", Self::Restriction),
        ("portabilite", Self::Portability),
        ("opposition", Self::Objection),
        ("effacement", Self::Erasure),
        ("directives", Self::Directives),
        ("reclamation", Self::Complaint),
    ];

    pub(super) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, right)| *right)
    }

    /// Its word in the form, by which the theme's words are found too.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, right)| *right == self).map_or("reclamation", |(word, _)| word)
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The form.
    Form,
    /// The client area.
    Account,
    /// A letter on paper.
    Post,
    /// The telephone.
    Phone,
    /// A mail to the officer.
    Mail,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has proved that the address is theirs.
    Unproved,
    /// To be answered.
    Open,
    /// An erasure is under way; it ends by itself.
    Erasing,
    /// Done.
    Fulfilled,
    /// Refused, with a reason.
    Refused,
    /// It is about data of a client, who has it now.
    Forwarded,
}

/// An instant and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) why: String,
}

/// To which client a request went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forwarded {
    pub(super) organisation: String,
    pub(super) at: Timestamp,
    /// What our help in answering costs the client, as agreed before any work (`p-rights-help`).
    pub(super) price_cents: Option<u32>,
}

/// A request, sealed at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) right: Right,
    /// Whose data it is about.
    pub(super) email: String,
    pub(super) language: Language,
    pub(super) channel: Channel,
    /// What they wrote, on several lines.
    pub(super) said: String,
    /// The client whose data it is about, as they named it.
    pub(super) client: Option<String>,
    pub(super) created: Timestamp,
    /// How they proved who they are; a document that was looked at is named, never kept.
    pub(super) proved: Option<Told>,
    pub(super) state: State,
    pub(super) extended: Option<Told>,
    pub(super) forwarded: Option<Forwarded>,
    /// When it was answered, and what staff said of it.
    pub(super) closed: Option<Told>,
    /// How often the officer was reminded.
    pub(super) reminded: u8,
    /// Steps of an erasure that are done.
    pub(super) erased: u8,
    /// The account of the address when its erasure began: its organisation and id. The address leads to it no more once its
    /// closing has begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) account: Option<(String, String)>,
    /// What was done for directives, once their author was dead.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) carried_out: Vec<CarriedOut>,
}

impl records::Document for Request {}

impl Request {
    pub(super) fn new(
        right: Right,
        email: &Email,
        language: Language,
        channel: Channel,
        at: Timestamp,
    ) -> Self {
        Self {
            right,
            email: email.as_str().to_owned(),
            language,
            channel,
            said: String::new(),
            client: None,
            created: at,
            proved: None,
            state: State::Unproved,
            extended: None,
            forwarded: None,
            closed: None,
            reminded: 0,
            erased: 0,
            account: None,
            carried_out: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Erasing)
    }

    /// Whose it is; what is kept was an address when it came in.
    pub(super) fn email(&self) -> Result<Email, RecordError> {
        Email::parse(&self.email)
            .map_err(|error| RecordError::Shape { at: REQUESTS.into(), why: error.to_string() })
    }
}

/// A request and where it stands in the store.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) address: Address,
    pub(super) request: Request,
    version: u64,
}

/// The partition of an address's requests.
pub(super) fn partition(app: &App, email: &Email) -> String {
    let hash = app.sealer.lookup("rights request", &email.folded());
    format!("rights-{}", hash.get(..DIGITS).unwrap_or_default())
}

/// A name that nobody guesses.
pub(super) fn new_id() -> Result<String, RecordError> {
    Ok(format!("dem_{}", random::base62(ID_CHARACTERS)?))
}

/// Where requests of an address stand, each under a key of its own.
///
/// # Errors
/// [`RecordError`].
pub async fn place(app: &App, email: &Email) -> Result<Place, RecordError> {
    let partition = partition(app, email);
    let subjects = addresses(app, Some(&partition)).await?.into_iter().map(|address| address.key).collect();
    // What stands open there are letters on their way, which the sealed requests tell better.
    Ok(Place { partition: partition.clone(), subjects, open: Open::Naming(partition) })
}

/// Every request of an address, or of all, the oldest first.
pub(super) async fn all(app: &App, email: Option<&Email>) -> Result<Vec<Found>, RecordError> {
    let partition = email.map(|email| partition(app, email));
    let mut all = Vec::new();
    for address in addresses(app, partition.as_deref()).await? {
        all.extend(records::sound(read(app, &address).await)?.flatten());
    }
    all.sort_by_key(|found: &Found| found.request.created);
    Ok(all)
}

/// The request of this name, wherever it stands.
pub(super) async fn find(app: &App, id: &str) -> Result<Option<Found>, RecordError> {
    let address = addresses(app, None).await?.into_iter().find(|address| address.key == id);
    match address {
        Some(address) => read(app, &address).await,
        None => Ok(None),
    }
}

pub(super) async fn read(app: &App, address: &Address) -> Result<Option<Found>, RecordError> {
    let found = records::read_sealed::<Request>(app, address, &address.key).await?;
    Ok(found.map(|(request, version)| Found { address: address.clone(), request, version }))
}

/// Keeps a new request, with what else its batch is to hold.
pub(super) async fn keep(
    app: &App,
    id: &str,
    request: &Request,
    more: impl Fn(&mut Batch, &SubjectKey) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let mut batch = Batch::new(partition(app, &request.email()?));
    let key = put(app, &mut batch, id, request, Expect::Absent).await?;
    more(&mut batch, &key)?;
    app.store.commit(batch).await?;
    app.outbox.wake();
    Ok(())
}

/// One step of a request; none when `change` finds nothing to do.
pub(super) async fn step(
    app: &App,
    address: &Address,
    change: impl Fn(&Request) -> Option<Request>,
    more: impl Fn(&mut Batch, &SubjectKey, &Request) -> Result<(), RecordError>,
) -> Result<Option<Request>, RecordError> {
    let mut tries = 0;
    loop {
        let Some(found) = read(app, address).await? else { return Ok(None) };
        let Some(after) = change(&found.request) else { return Ok(None) };
        let mut batch = Batch::new(&address.partition);
        let expect = Expect::Version(found.version);
        let key = put(app, &mut batch, &address.key, &after, expect).await?;
        more(&mut batch, &key, &after)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(Some(after));
            }
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The request and its key, which end together.
async fn put(
    app: &App,
    batch: &mut Batch,
    id: &str,
    request: &Request,
    expect: Expect,
) -> Result<SubjectKey, RecordError> {
    let terms = &app.settings.retention;
    let last = request.closed.as_ref().map_or_else(|| app.clock.now(), |closed| closed.at);
    let ends = match request.state {
        State::Unproved => Some(terms.end(&UNPROVED, request.created)),
        // Until it is answered, nothing ends; directives wait for as long as their author lives.
        State::Open | State::Erasing => None,
        State::Fulfilled if request.right == Right::Directives && !directives::erased(request) => None,
        State::Fulfilled | State::Refused | State::Forwarded => Some(terms.end(&HANDLED, last)),
    };
    let stored = app.store.read(&Address::new(KEYS, &batch.partition, id)).await?;
    let (key, wrapped) = match stored {
        Some(stored) => (app.sealer.unwrap(id, &stored.body)?, stored.body),
        None => app.sealer.new_subject_key(id)?,
    };
    let change = crate::store::Change::Put { body: wrapped, expires: ends };
    let write =
        crate::store::Write { collection: KEYS, key: id.to_owned(), expect: Expect::Anything, change };
    batch.writes.push(write);
    records::put_sealed(batch, &key, REQUESTS, id, expect, request, ends)?;
    Ok(key)
}

async fn addresses(app: &App, partition: Option<&str>) -> Result<Vec<Address>, RecordError> {
    let (mut addresses, mut after) = (Vec::new(), None);
    loop {
        let partition = partition.map(str::to_owned);
        let scan = Scan { collection: REQUESTS, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        addresses.extend(page.documents.into_iter().map(|(address, _)| address));
        after = page.next;
        if after.is_none() {
            return Ok(addresses);
        }
    }
}
