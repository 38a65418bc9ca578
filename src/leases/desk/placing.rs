//! Placing drafts on the planes and admitting them by the quotas, without holding up whoever else runs on
//! the same thread.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use super::draft::Draft;
use crate::api::{Problem, Reply};
use crate::app::App;
use crate::capacity::Edit;
use crate::kernel::{PoolId, Timestamp};
use crate::leases::error::Error;
use crate::leases::rules::Lease;
use crate::leases::views::LeaseView;
use crate::quotas::Guard;

/// How long one batch may think on the thread that serves requests. A batch of eight on a plane of 40,000
/// rectangles takes half of it.
const AT_ONCE: Duration = Duration::from_millis(3);
/// A draft of more lines is not begun there.
const LINES_AT_ONCE: usize = 20;
/// A pool on which a batch thinks longer is slow: it is better answered apart from others.
const SLOW: Duration = Duration::from_millis(20);

/// How long it takes to place orders.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Probably not long: it is done on this thread, and what takes longer goes on on one for such work.
    Quick,
    /// Probably long: it is done on a thread for such work.
    Slow,
}

/// The problem of an order that nobody answered.
pub fn lost() -> Problem {
    Problem::unavailable(
        "booking_interrupted",
        "the server is stopping; send the same request with the same key again",
    )
}

/// A lease with what its tenant is told, or why there is none.
pub type Placed = Result<(Lease, Reply), Error>;

/// Drafts that are being placed one after the other, each seeing the ones before it.
pub struct Placing {
    pub app: App,
    pub guard: Guard,
    pub edit: Edit,
    pub drafts: std::vec::IntoIter<Result<Draft, Error>>,
    pub now: Timestamp,
    /// What became of the drafts that had their turn.
    pub placed: Vec<Placed>,
    /// How long was thought about bookings of which pools.
    pub taken: HashMap<PoolId, Duration>,
}

impl Placing {
    /// Places all drafts. What takes long goes on on a thread for such work.
    ///
    /// # Errors
    /// Returns [`lost`] if the server stops meanwhile.
    pub async fn all(mut self, pace: Pace) -> Result<Placing, Problem> {
        let at_once = match pace {
            Pace::Quick => AT_ONCE,
            Pace::Slow => Duration::ZERO,
        };
        if self.go_on(Some(at_once)) {
            return Ok(self);
        }
        let placing = tokio::task::spawn_blocking(move || {
            self.go_on(None);
            self
        });
        placing.await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => lost(),
        })
    }

    /// Places one draft after the other, for `most` if it is given; says whether all of them are done.
    fn go_on(&mut self, most: Option<Duration>) -> bool {
        let begun = Instant::now();
        let mut before = begun;
        loop {
            let next = self.drafts.as_slice().first();
            let Some(next) = next else { return true };
            let lines = next.as_ref().map_or(0, |draft| draft.bookings.len());
            if most.is_some_and(|most| before - begun >= most || lines > LINES_AT_ONCE) {
                return false;
            }
            let Some(draft) = self.drafts.next() else { return true };
            let pools: Vec<PoolId> = draft.iter().flat_map(Draft::pools).collect();
            let placed = draft.and_then(|draft| self.place(draft));
            self.placed.push(placed);
            let after = Instant::now();
            for pool in pools {
                *self.taken.entry(pool).or_default() += after - before;
            }
            before = after;
        }
    }

    /// The plane is asked first and the quota last, so that nothing has to be taken back from a book. A
    /// tenant that may not have it anyway is told so, and not where there would be room.
    fn place(&mut self, draft: Draft) -> Placed {
        let (tenant, lease) = (draft.lease.tenant_id, draft.lease.id.0);
        let view = LeaseView::new(&draft.lease, &self.app, self.now);
        // A reply that cannot be shown is refused before anything is placed.
        let reply = Reply::created(&view).revision(draft.lease.revision).checked()?;
        let mark = self.edit.mark();
        let mut bookings = draft.bookings.iter();
        let booked = bookings.try_for_each(|booking| self.edit.book(booking, self.now).map(drop));
        let holding = || draft.holding(None);
        let refused = match booked {
            Ok(()) => self.guard.admit(tenant, lease, holding, self.now).err().map(Error::from),
            Err(error) => {
                let allowed = self.guard.check_new(tenant, holding, self.now);
                Some(allowed.err().map_or(error.into(), Error::from))
            }
        };
        if let Some(error) = refused {
            self.edit.back_to(mark);
            return Err(error);
        }
        Ok((draft.lease, reply))
    }

    /// The pools on which was thought for long.
    pub fn slow(&self) -> Vec<PoolId> {
        let slow = self.taken.iter().filter(|(_, taken)| **taken > SLOW);
        slow.map(|(pool, _)| *pool).collect()
    }
}
