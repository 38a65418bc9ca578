//! Taking what is free, around what stands there.

use uuid::Uuid;

use super::booking::Owner;
use super::edit::{OnPlane, Origin};
use super::error::Error;
use super::instants::instant;
use super::rules::{self, END_OF_TIME, Purpose, Rect, Units, Window};
use crate::kernel::{Timestamp, ids};

impl OnPlane<'_> {
    /// Gives what is free of `units` from now until then (`None`: for ever) to a use that stands fixed. What
    /// stands there stays, and is not moved any more: bookings that rely on units which come late keep
    /// their place, and leave none of it to others.
    ///
    /// # Errors
    /// None but those of a bug in the rules.
    pub fn occupy_around(
        &mut self,
        owner: Uuid,
        purpose: Purpose,
        units: (u32, u32),
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let units = Units::new(units.0, units.1);
        let window = Window::new(instant(now), until.map_or(END_OF_TIME, instant));
        self.pin(units, window, now)?;
        let free = self.plan(|plane| Ok(rules::uncovered(plane, units, window)))?;
        for (units, window) in free {
            let id = ids::fresh_uuid(now);
            let rect = Rect { id, units, window, pinned_at: instant(now), within: units, purpose };
            let owner = Owner { id: owner, subject: owner, organization: None };
            self.put(rect, Origin::New(owner));
        }
        Ok(())
    }
}
