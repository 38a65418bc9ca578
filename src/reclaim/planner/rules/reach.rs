//! What to say when a wish cannot be met: how much can be freed then, and when it could be met.

use super::{Problem, solve};
use crate::kernel::Timestamp;

/// How far things reach when they do not reach far enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The most that can be free from the day of the wish on, counted as the wish counts.
    pub most: u64,
    /// Later days on which more can be free, each with how much; the most comes last.
    pub later: Vec<(Timestamp, u64)>,
    /// The first day looked at on which the wish can be met.
    pub next: Option<Timestamp>,
}

/// Most days named on which more can be free.
const MAX_LATER: usize = 10;

/// Looks at `days` in their order until the wish can be met; `at` gives the problem of a day, the same
/// period later. More becomes free only when a notice could have run or something ends, so these are
/// the days to look at.
pub fn reach(
    problem: &Problem,
    days: impl IntoIterator<Item = Timestamp>,
    at: impl Fn(Timestamp) -> Problem,
) -> Reach {
    let most = solve::most(problem);
    let (mut later, mut next, mut best) = (Vec::new(), None, most);
    for day in days {
        let can = solve::most(&at(day));
        if can > best {
            best = can;
            later.push((day, can));
        }
        if can >= problem.amount.number() {
            next = Some(day);
            break;
        }
    }
    if later.len() > MAX_LATER {
        let last = later.split_off(later.len() - 1);
        later.truncate(MAX_LATER - 1);
        later.extend(last);
    }
    Reach { most, later, next }
}
