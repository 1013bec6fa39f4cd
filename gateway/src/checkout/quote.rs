//! What a calculation would count and cost if it were asked for now, told before it is: the same choice as when it is
//! counted (`usage`), and nothing written.

use jiff::Timestamp;

use super::order::Plan;
use super::usage;
use crate::app::App;
use crate::records::RecordError;

/// What asking for one more calculation of a module comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The offer under which it would be done; none where nothing opens the module.
    pub offer: Option<String>,
    /// How many the period holds, where calculations are counted.
    pub holding: Option<Holding>,
    /// What it costs.
    pub charge: Charge,
}

/// Calculations of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Done so far.
    pub used: u32,
    /// In the price.
    pub included: u32,
    /// The end of what was paid for.
    pub until: Option<Timestamp>,
}

/// What a calculation costs beside the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// It is not counted.
    Uncounted,
    /// It is counted, and in the price.
    Included,
    /// It is counted, past what is in the price, and billed: in hundredths of the currency, without tax. No price where
    /// the offer is sold no more.
    Billed(Option<Price>),
    /// Everything that may be had was had, or nothing opens the module.
    Refused,
}

/// A price without tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// In hundredths of the currency.
    pub cents: u32,
    /// ISO 4217, three letters.
    pub currency: [u8; 3],
}

impl Price {
    /// The currency's letters.
    pub fn currency(&self) -> &str {
        std::str::from_utf8(&self.currency).unwrap_or_default()
    }
}

impl Holding {
    /// How many stay in the price after one more.
    pub fn left_after(&self) -> u32 {
        self.included.saturating_sub(self.used.saturating_add(1))
    }
}

/// What one more calculation of a module would come to, by the plans that whoever asks may use.
///
/// # Errors
/// [`RecordError`].
pub async fn quote(
    app: &App,
    organisation: &str,
    plans: &[Plan],
    module: &str,
) -> Result<Quote, RecordError> {
    let now = app.clock.now();
    let open: Vec<&Plan> = plans.iter().filter(|plan| plan.opens(module, now)).collect();
    if let Some(free) = open.iter().find(|plan| plan.counted.is_none()) {
        return Ok(Quote { offer: Some(free.offer.clone()), holding: None, charge: Charge::Uncounted });
    }
    let mut counted = Vec::new();
    for plan in open {
        let Some(held) = &plan.counted else { continue };
        let used = usage::used(app, organisation, held).await?;
        counted.push((plan, held.beyond, Holding { used, included: held.included, until: plan.until }));
    }
    // What is included anywhere comes before what is billed, as when it is counted.
    let included = counted.iter().find(|(_, _, holding)| holding.used < holding.included);
    let billed = || counted.iter().find(|(_, beyond, _)| *beyond);
    let (found, charge) = match included {
        Some(one) => (Some(one), Charge::Included),
        None => match billed() {
            Some(one) => (Some(one), Charge::Billed(price(app, &one.0.offer))),
            None => (counted.first(), Charge::Refused),
        },
    };
    let offer = found.map(|(plan, _, _)| plan.offer.clone());
    Ok(Quote { offer, holding: found.map(|(_, _, holding)| *holding), charge })
}

/// What each calculation past the price costs, by the catalogue.
fn price(app: &App, offer: &str) -> Option<Price> {
    let offer = app.settings.offers.iter().find(|known| known.id == offer)?;
    let cents = offer.metered?.price_cents?;
    Some(Price { cents, currency: offer.currency.as_bytes().try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::order::{Counted, PlanSource};
    use super::super::usage::meter;
    use super::*;
    use crate::config::{Metered, Period};
    use crate::testing;

    fn counted(counter: &str, included: u32, beyond: bool) -> Plan {
        let mut plan = Plan::of("ifc", "ifc", Period::Once, Timestamp::UNIX_EPOCH, PlanSource::Order);
        plan.counted = Some(Counted { counter: counter.into(), included, beyond });
        plan
    }

    #[tokio::test]
    async fn what_is_told_before_is_what_is_counted_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        drop(testing::app(folder.path(), SignedDuration::ZERO).await);
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        settings.offers[1].metered = Some(Metered { included: 1, price_cents: Some(50) });
        let app = crate::server::open(settings, None).await.unwrap();
        let told = async |plans: &[Plan]| quote(&app, "org_1", plans, "ifc").await.unwrap();
        let both = [counted("sub_1-0", 1, true), counted("sub_2-0", 2, false)];
        for (used, left) in [(0, 0), (0, 1), (1, 0)] {
            let quote = told(&both).await;
            let holding = quote.holding.unwrap();
            assert_eq!((quote.charge, holding.used, holding.left_after()), (Charge::Included, used, left));
            meter(&app, "org_1", &both, "ifc").await.map(drop).unwrap();
        }
        let price = Price { cents: 50, currency: *b"EUR" };
        assert_eq!(told(&both).await.charge, Charge::Billed(Some(price)));
        assert_eq!(told(&both[1..]).await.charge, Charge::Refused);
        assert!(meter(&app, "org_1", &both[1..], "ifc").await.is_err());
        let free = Plan { counted: None, ..counted("sub_3-0", 0, false) };
        let quote = told(&[both[1].clone(), free]).await;
        assert_eq!((quote.charge, quote.holding), (Charge::Uncounted, None));
        let nothing = told(&[]).await;
        assert_eq!((nothing.charge, nothing.offer), (Charge::Refused, None));
    }
}
