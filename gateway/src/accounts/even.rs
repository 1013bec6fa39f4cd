//! Answers that must not tell by their time whether an address has an account: they come when a whole number of steps
//! has passed since the request came, whatever was done meanwhile. Doing the same work for both is not enough: an
//! account that is there is opened and a letter to it sealed, which ranks of a few answers tell.

use std::time::Duration;

use tokio::time::Instant;

/// More than the work takes, hash and write and all, on a machine that is not overwhelmed.
const STEP: Duration = Duration::from_millis(100);

/// Waits until the next step since a request came.
pub(super) async fn step(since: Instant) {
    let steps = since.elapsed().as_nanos() / STEP.as_nanos() + 1;
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    tokio::time::sleep_until(since + STEP.saturating_mul(steps)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_at_the_next_whole_step() {
        for (work, answer) in [(0, 100), (1, 100), (99, 100), (100, 200), (250, 300)] {
            let since = Instant::now();
            tokio::time::advance(Duration::from_millis(work)).await;
            step(since).await;
            assert_eq!(since.elapsed(), Duration::from_millis(answer), "{work}");
        }
    }
}
