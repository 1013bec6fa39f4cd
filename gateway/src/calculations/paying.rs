//! What a request of the API spends: of its key's limit and of its account's. Not what it asks for.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};

use crate::accounts::api_keys::ApiClient;
use crate::app::App;
use crate::checkout::{self, Plan};
use crate::edge::limits::{Left, Limit, Refused};
use crate::web::WebError;
use crate::web::error::Violated;

/// What a request spends of its key's limit and of its account's.
pub(super) struct Paying<'a> {
    app: &'a App,
    /// Who asks.
    pub(super) client: ApiClient,
    limits: [Arc<Limit>; 2],
    cost: u32,
    left: [Option<Left>; 2],
    /// Which limit is too low, and until when.
    refused: Option<(usize, Refused)>,
}

impl<'a> Paying<'a> {
    /// Who asks by a key, with what they may use.
    ///
    /// # Errors
    /// What the store cannot tell.
    pub(super) async fn enter(app: &'a App, client: ApiClient) -> Result<(Self, Vec<Plan>), WebError> {
        let plans = checkout::plans_for(app, &client.organisation, &client.account).await?;
        Ok((Self::new(app, client, &plans), plans))
    }

    fn new(app: &'a App, client: ApiClient, plans: &[Plan]) -> Self {
        let now = app.clock.now();
        let open = plans.iter().filter(|plan| plan.opens(&plan.module, now));
        let account = app.limits.account(open.map(|plan| plan.offer.as_str()));
        Self { app, client, limits: [app.limits.key(), account], cost: 0, left: [None; 2], refused: None }
    }

    /// Spends so many units more, of both.
    pub(super) fn spend(&mut self, cost: u32) -> Result<(), WebError> {
        if cost == 0 {
            return Ok(());
        }
        self.cost = self.cost.saturating_add(cost);
        for (index, name) in [&self.client.key, &self.client.organisation].into_iter().enumerate() {
            match self.app.limits.spend(&self.limits[index], name, cost) {
                Ok(left) => self.left[index] = Some(left),
                Err(refused) => {
                    self.refused = Some((index, refused));
                    return Err(match refused {
                        Refused::Wait(wait, _) => WebError::TooMany(Duration::from_secs(wait.seconds())),
                        Refused::TooDear(most) => WebError::TooDear { cost: self.cost, most },
                    });
                }
            }
        }
        Ok(())
    }

    /// What a calculation of this cost takes of both limits when it is computed later: the queue shares processors
    /// between organisations, so that no portfolio is too large to be asked for.
    pub(super) fn later(&self, cost: u32) -> u32 {
        self.limits.iter().map(|limit| limit.half()).fold(cost, u32::min)
    }

    /// The answer, with both limits.
    pub(super) fn told(self, answer: Result<Response, WebError>) -> Response {
        let mut response = answer.unwrap_or_else(WebError::into_response);
        for (index, limit) in self.limits.into_iter().enumerate() {
            match (self.refused, self.left[index]) {
                (Some((at, Refused::Wait(wait, left))), _) if at == index => {
                    response.extensions_mut().insert(Violated(limit.name().to_owned()));
                    limit.tell_wait(left, wait, response.headers_mut());
                }
                (_, Some(left)) => limit.tell(left, self.cost, response.headers_mut()),
                _ => {}
            }
        }
        response
    }
}
