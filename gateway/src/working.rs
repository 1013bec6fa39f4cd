//! A worker: a process that takes calculations from the queue that gateways share, and does nothing else. Nobody speaks
//! to it but whoever asks after its health.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::StartError;
use crate::calculations::{self, Nursery};
use crate::config::Settings;
use crate::edge::operations;
use crate::records::{Use, reading_for};
use crate::{server, supervisor};

/// Between two looks at whether anything can be computed.
const PERIOD: Duration = Duration::from_secs(1);

/// Computes until `stop` ends, then gives back what it had begun.
///
/// # Errors
/// [`StartError`]; in particular when no process can be started any more, which a new worker makes good.
pub async fn run(
    settings: Settings,
    health: TcpListener,
    nursery: Nursery,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    // Before anything is counted.
    let metrics = server::recorder();
    let mut app = server::working(settings).await?;
    app.calculations.nursery = Some(nursery);
    let app = Arc::new(app);
    let (stopping, stopped) = watch::channel(false);
    let mut beside = vec![tokio::spawn(reading_for(Use::TheirWish, calculations::follow(Arc::clone(&app))))];
    for socket in server::listeners(vec![health])? {
        beside.push(tokio::spawn(operations::serve(
            socket,
            Arc::clone(&app),
            metrics.clone(),
            stopped.clone(),
        )));
    }
    supervisor::ready();
    tracing::info!("calculations are taken from the shared queue");
    let barren = async {
        loop {
            tokio::time::sleep(PERIOD).await;
            if let Some(metrics) = &metrics {
                // Without it, figures that nobody asks for would gather in memory.
                metrics.run_upkeep();
            }
            if let Err(why) = app.calculations.alive() {
                return why;
            }
        }
    };
    let ended = tokio::select! {
        () = stop => Ok(()),
        why = barren => Err(StartError::Barren(why)),
    };
    supervisor::stopping();
    // Nobody listening any more is no fault here.
    let _ = stopping.send(true);
    for task in beside {
        task.abort();
        // What it held is let go of before it is given back.
        let _ = task.await;
    }
    calculations::leave(&app).await;
    ended
}
