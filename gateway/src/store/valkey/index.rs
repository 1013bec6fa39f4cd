//! The index of partitions: which there are, and which hold a collection. It lives on one node and is never ahead of
//! nor behind what a reader must know: a partition is listed before its first document is written.

use super::fault::lost;
use super::layout::{index, listed};
use super::link::Link;
use super::partition::texts;
use super::script::{Answer, Call, INDEX};
use crate::store::StoreError;

/// What begins the identity of a store that is being restored.
const RESTORING: &str = "restoring-";

/// The index of one store.
pub(super) struct Index {
    /// The store's: a server that bears another holds other documents, one that bears none has lost them.
    identity: String,
}

impl Index {
    /// The index of the store that was `known` here before, or of a new one.
    pub(super) async fn open(link: &Link, known: Option<&str>, new: &str) -> Result<Self, StoreError> {
        let known = known.unwrap_or_default();
        let found = ask(link, known, "open", &[], &[new]).await?.text()?;
        if found.starts_with(RESTORING) {
            return Err(StoreError::Away(
                "a backup was restored half-way into the server; restore it again".into(),
            ));
        }
        if !known.is_empty() && found != known {
            return Err(lost());
        }
        Ok(Self { identity: found })
    }

    /// The index of a store that is taken for known.
    pub(super) fn at(identity: String) -> Self {
        Self { identity }
    }

    /// The index of an empty server, or of one where a restore was left half-way.
    pub(super) async fn restoring(link: &Link, new: &str) -> Result<Self, StoreError> {
        let identity = format!("{RESTORING}{new}");
        match asked(link, "", "restoring", &[], &[&identity]).await? {
            Some(_) => Ok(Self { identity }),
            None => Err(StoreError::Away("a store stands in the server".into())),
        }
    }

    /// The restore has ended.
    pub(super) async fn restored(&self, link: &Link) -> Result<Self, StoreError> {
        let identity = self.identity.strip_prefix(RESTORING).unwrap_or(&self.identity).to_owned();
        ask(link, &self.identity, "restored", &[], &[&identity]).await?;
        Ok(Self { identity })
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Lists a partition, for collections as well; answers its identity, and whether it is known to be there.
    pub(super) async fn register(
        &self,
        link: &Link,
        partition: &str,
        identity: &str,
        collections: &[&str],
    ) -> Result<(String, bool), StoreError> {
        let lists: Vec<_> = collections.iter().map(|collection| listed(collection)).collect();
        let mut answer = ask(link, &self.identity, "register", &lists, &[partition, identity]).await?;
        Ok((answer.text()?, answer.flag()?))
    }

    /// Notes that a partition was written.
    pub(super) async fn confirm(&self, link: &Link, partition: &str) -> Result<(), StoreError> {
        ask(link, &self.identity, "confirm", &[], &[partition]).await.map(drop)
    }

    /// Whether a partition was ever written.
    pub(super) async fn knows(&self, link: &Link, partition: &str) -> Result<bool, StoreError> {
        ask(link, &self.identity, "look", &[], &[partition]).await?.flag()
    }

    /// Partitions of a collection, in order, from one on or after it.
    pub(super) async fn holding(
        &self,
        link: &Link,
        collection: &str,
        from: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let (from, limit) = (format!("[{from}"), limit.to_string());
        let lists = [listed(collection)];
        texts(ask(link, &self.identity, "holding", &lists, &[&from, &limit]).await?.list()?)
    }

    /// Every partition, some perhaps twice, by pages: begin with "0", end where that comes back.
    pub(super) async fn all(&self, link: &Link, cursor: &str) -> Result<(String, Vec<String>), StoreError> {
        let mut answer = ask(link, &self.identity, "all", &[], &[cursor]).await?;
        let next = answer.text()?;
        let pairs = texts(answer.list()?)?;
        Ok((next, pairs.into_iter().step_by(2).collect()))
    }

    /// Fails where nothing can be written.
    pub(super) async fn ready(&self, link: &Link) -> Result<(), StoreError> {
        ask(link, &self.identity, "ready", &[], &[]).await.map(drop)
    }
}

async fn ask(
    link: &Link,
    identity: &str,
    act: &str,
    lists: &[String],
    arguments: &[&str],
) -> Result<Answer, StoreError> {
    asked(link, identity, act, lists, arguments).await?.ok_or_else(lost)
}

/// What the index answers; nothing where the store is another, or lost.
async fn asked(
    link: &Link,
    identity: &str,
    act: &str,
    lists: &[String],
    arguments: &[&str],
) -> Result<Option<Answer>, StoreError> {
    let keys = [index("identity"), index("partitions"), index("confirmed")];
    let mut call = Call::on(keys).with(identity).with(act);
    lists.iter().for_each(|list| call.key(list.clone()));
    arguments.iter().for_each(|argument| call.push(argument));
    let mut answer = link.run(&INDEX, &call).await?;
    Ok(answer.bytes()?.map(|_| answer))
}
