//! What to say when a wish cannot be met: how much can be freed then, and when it could be met.

use std::time::Duration;

use super::most::{MOST_TIME, at_most, most};
use super::{Free, Menu};
use crate::kernel::Timestamp;

/// How far things reach when they do not reach far enough. All of it can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The most that can be free from the day of the wish on, by what the wish counts.
    pub most: Free,
    /// Later days on which more can be free, each with how much; the most comes last.
    pub later: Vec<(Timestamp, Free)>,
    /// The first day looked at on which the wish can be met.
    pub next: Option<Timestamp>,
}

/// Most days named on which more can be free.
const MAX_LATER: usize = 10;

/// Time for each later day on which leases have to be arranged.
const TIME_FOR_A_DAY: Duration = Duration::from_millis(20);

/// Looks at `days` in their order until the wish can be met; `at` gives the menu of a day, the same
/// period later. More becomes free only when a notice could have run or something ends, so these are
/// the days to look at.
pub fn reach(
    menu: &Menu,
    days: impl IntoIterator<Item = Timestamp>,
    at: impl Fn(Timestamp) -> Menu,
) -> Reach {
    let wanted = menu.amount.number();
    let most_then = most(menu, MOST_TIME);
    let (mut later, mut next, mut best) = (Vec::new(), None, most_then.counted(menu.amount));
    for day in days {
        let menu = at(day);
        if at_most(&menu) <= best {
            continue;
        }
        let can = most(&menu, TIME_FOR_A_DAY);
        let counted = can.counted(menu.amount);
        if counted > best {
            best = counted;
            later.push((day, can));
        }
        if counted >= wanted {
            next = Some(day);
            break;
        }
    }
    if later.len() > MAX_LATER {
        let last = later.split_off(later.len() - 1);
        later.truncate(MAX_LATER - 1);
        later.extend(last);
    }
    Reach { most: most_then, later, next }
}
