//! Taking what is free, around what stands there.

use uuid::Uuid;

use super::edit::{Edit, Origin, Owner};
use super::error::Error;
use super::instant;
use super::rules::{self, BEGINNING_OF_TIME, END_OF_TIME, Purpose, Rect, Units, Window};
use crate::kernel::{PoolId, Timestamp, ids};

impl Edit {
    /// Gives what is free of `units` until then (`None`: for ever) to a use that stands fixed. What
    /// stands there stays: bookings that rely on units which come late keep their place.
    ///
    /// # Errors
    /// [`Error::NoPlane`].
    pub fn occupy_around(
        &mut self,
        pool: PoolId,
        owner: Uuid,
        purpose: Purpose,
        units: (u32, u32),
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let units = Units::new(units.0, units.1);
        let window = Window::new(BEGINNING_OF_TIME, until.map_or(END_OF_TIME, instant));
        let free = self.plan(pool, |plane| Ok(rules::uncovered(plane, units, window)))?;
        for (units, window) in free {
            let id = ids::fresh_uuid(now);
            let rect = Rect { id, units, window, pinned_at: instant(now), within: units, purpose };
            let owner = Owner { id: owner, subject: owner, organization: None };
            self.put(pool, rect, Origin::New(owner));
        }
        Ok(())
    }
}
