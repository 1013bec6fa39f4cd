//! Turns: of writers in one partition who each look at many documents and then add one, none decides on what another has
//! changed meanwhile. A batch guards the documents that it writes, not those that were only counted; the turn is what all
//! of them write.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Document, RecordError, Shape, put_plain, read_plain};
use crate::app::App;
use crate::store::{Address, Batch, Expect};

/// The collection of turns, each in its partition under the name of what is taken in turn.
const TURNS: &str = "turns";
/// A turn that nobody takes any more goes by itself; without it the next one begins anew.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How they are read.
pub const SHAPES: &[Shape] = &[Shape::plain::<Taken>(TURNS)];

/// How often a turn was taken since there was one.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Taken(u64);

impl Document for Taken {}

/// A turn, as it was before anything was looked at.
#[derive(Debug)]
#[must_use = "without `take` the batch is decided on nothing"]
pub struct Turn {
    name: &'static str,
    taken: u64,
    expect: Expect,
    until: Option<jiff::Timestamp>,
}

impl Turn {
    /// The turn of a name in a partition: asked for before the look.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn of(app: &App, partition: &str, name: &'static str) -> Result<Self, RecordError> {
        let found = read_plain::<Taken>(app, &Address::new(TURNS, partition, name)).await?;
        let (taken, expect) =
            found.map_or((0, Expect::Absent), |(Taken(taken), version)| (taken, Expect::Version(version)));
        let until = app.clock.now().saturating_add(KEPT).ok();
        Ok(Self { name, taken, expect, until })
    }

    /// Takes it in the batch that was decided on the look: of two who looked at once, one meets a conflict and looks again.
    ///
    /// # Errors
    /// [`RecordError::Shape`].
    pub fn take(self, batch: &mut Batch) -> Result<(), RecordError> {
        put_plain(batch, TURNS, self.name, self.expect, &Taken(self.taken.wrapping_add(1)), self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use crate::testing;

    #[tokio::test]
    async fn of_two_who_looked_at_once_one_looks_again() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        for _ in 0..2 {
            let (one, other) =
                (Turn::of(&app, "org_a", "x").await.unwrap(), Turn::of(&app, "org_a", "x").await.unwrap());
            let apart = Turn::of(&app, "org_b", "x").await.unwrap();
            for (turn, partition, good) in
                [(one, "org_a", true), (other, "org_a", false), (apart, "org_b", true)]
            {
                let mut batch = Batch::new(partition);
                turn.take(&mut batch).unwrap();
                let came = app.store.commit(batch).await;
                assert_eq!(came.is_ok(), good, "{came:?}");
                assert!(good || matches!(came, Err(StoreError::Conflict(_))), "{came:?}");
            }
        }
    }
}
