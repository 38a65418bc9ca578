//! `quote` and `book`: what is wanted, as one line of flags or as a ramp of steps.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::lease::{print_lease, print_tranches};
use super::show::{self, at, moment, money};
use super::units::{self, Step};
use super::{Client, Remote};
use crate::kernel::{Span, Timestamp};

/// What is wanted.
#[derive(Debug, Args)]
pub struct Wish {
    /// Offer to book
    #[arg(long, value_name = "ID")]
    offer: Option<String>,
    /// How many GPUs
    #[arg(long)]
    gpus: Option<u32>,
    /// Start: `2027-01-01T00:00Z`
    #[arg(long = "from", value_name = "MOMENT", value_parser = units::moment)]
    starts_at: Option<Timestamp>,
    /// For how long: `30d`, `12h`
    #[arg(long = "for", value_name = "TIME", value_parser = units::span, conflicts_with = "ends_at")]
    duration: Option<Span>,
    /// End, instead of a length
    #[arg(long = "to", value_name = "MOMENT", value_parser = units::moment)]
    ends_at: Option<Timestamp>,
    /// A step of a ramp, `GPUS@FROM/TO`; instead of --gpus, --from and --for, as often as needed
    #[arg(long = "step", value_name = "STEP", conflicts_with_all = ["gpus", "starts_at", "duration", "ends_at"])]
    steps: Vec<Step>,
    /// Where units may lie: `any`, or all in one fabric `island`
    #[arg(long, default_value = "any", value_parser = ["any", "island"])]
    placement: String,
    /// Project to book for
    #[arg(long, value_name = "ID")]
    project: Option<String>,
}

impl Wish {
    /// The body of a quote or a direct booking.
    fn body(&self) -> Result<Value, Failure> {
        let offer = self.offer.as_deref().ok_or_else(|| missing("--offer"))?;
        let steps =
            if self.steps.is_empty() { vec![self.single_step()?] } else { self.steps.clone() };
        let tranches: Vec<Value> = steps
            .iter()
            .map(|step| {
                json!({
                    "offer_id": offer,
                    "gpus": step.gpus,
                    "starts_at": units::written(step.starts_at),
                    "ends_at": units::written(step.ends_at),
                })
            })
            .collect();
        let mut body = json!({ "tranches": tranches, "placement": self.placement });
        if let Some(project) = &self.project {
            body["project_id"] = json!(project);
        }
        Ok(body)
    }

    fn single_step(&self) -> Result<Step, Failure> {
        let starts_at = self.starts_at.ok_or_else(|| missing("--from"))?;
        let after = |span: Span| starts_at.checked_add_signed(span.delta());
        Ok(Step {
            gpus: self.gpus.ok_or_else(|| missing("--gpus"))?,
            starts_at,
            ends_at: self
                .ends_at
                .or_else(|| self.duration.and_then(after))
                .ok_or_else(|| missing("--for or --to"))?,
        })
    }
}

fn missing(flag: &str) -> Failure {
    Failure::Usage(format!("say what you want: {flag} is missing"))
}

/// Flags of `quote`.
#[derive(Debug, Args)]
pub struct Quote {
    #[command(flatten)]
    wish: Wish,
    /// Hold the capacity until the quote expires
    #[arg(long)]
    hold: bool,
}

impl Quote {
    /// Prints the price and the id to book by.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let mut body = self.wish.body()?;
        body["hold"] = json!(self.hold);
        let reply = Client::new(remote)?.post("/v1/quotes", &body).await?;
        show::reply(remote, &reply.body, |quote| {
            show::print_facts(&[
                ("quote", at(quote, "id")),
                ("price", money(quote, "price")),
                ("expires", moment(quote, "expires_at")),
                ("holds", show::in_words(&quote["holds"])),
            ]);
            print_tranches(quote);
        });
        Ok(())
    }
}

/// Flags of `book`.
#[derive(Debug, Args)]
pub struct Book {
    /// Quote to book by; without it, say what you want
    #[arg(conflicts_with_all = ["offer", "gpus", "starts_at", "duration", "ends_at", "steps"])]
    quote: Option<String>,
    #[command(flatten)]
    wish: Wish,
}

impl Book {
    /// Books and prints the lease.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let body = match &self.quote {
            Some(quote) => json!({ "quote_id": quote }),
            None => self.wish.body()?,
        };
        let reply = Client::new(remote)?.post("/v1/leases", &body).await?;
        show::reply(remote, &reply.body, print_lease);
        Ok(())
    }
}
