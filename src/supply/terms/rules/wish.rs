//! What somebody who searches wants of the reclaim terms.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Action, Clause, Ground};
use crate::kernel::Span;

/// What the terms are to say on one ground. They have at least one clause on it, and every clause on it
/// keeps to the bounds; or, with `absent`, they have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClauseWish {
    pub ground: Ground,
    /// The notice is at least so long.
    pub notice_min: Option<Span>,
    /// The notice is at most so long.
    pub notice_max: Option<Span>,
    /// Nothing harder than this can be done.
    pub action_max: Option<Action>,
    /// The terms have no clause on this ground; goes with none of the bounds.
    #[serde(default)]
    pub absent: bool,
}

impl ClauseWish {
    /// What makes no sense about it, with the field.
    pub fn flaw(&self) -> Option<(&'static str, &'static str)> {
        let is_bounded = self.notice_min.is_some() || self.notice_max.is_some();
        if self.absent && (is_bounded || self.action_max.is_some()) {
            return Some(("absent", "a clause that is absent has no notice and no action"));
        }
        match (self.notice_min, self.notice_max) {
            (Some(least), Some(most)) if least > most => {
                Some(("notice_max", "it is shorter than notice_min"))
            }
            _ => None,
        }
    }

    /// Whether terms that consist of `clauses` say so.
    pub fn is_met_by(&self, clauses: &[Clause]) -> bool {
        let mut on_ground = clauses.iter().filter(|clause| clause.ground == self.ground).peekable();
        if self.absent {
            return on_ground.peek().is_none();
        }
        on_ground.peek().is_some()
            && on_ground.all(|clause| {
                self.notice_min.is_none_or(|least| clause.notice >= least)
                    && self.notice_max.is_none_or(|most| clause.notice <= most)
                    && self.action_max.is_none_or(|most| clause.action_max <= most)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recall(notice: &str) -> Clause {
        serde_json::from_value(json!({
            "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
            "notice": notice, "approvals": { "admin": 1 },
            "compensation": { "prorata_refund": true },
        }))
        .unwrap()
    }

    fn wish(mut bounds: serde_json::Value) -> ClauseWish {
        bounds["ground"] = json!("recall.callable");
        serde_json::from_value(bounds).unwrap()
    }

    #[test]
    fn terms_meet_a_wish_if_every_clause_on_the_ground_keeps_to_it() {
        let (week, both) = ([recall("P7D")], [recall("P7D"), recall("P1D")]);
        for (bounds, by_week, by_both) in [
            (json!({}), true, true),
            (json!({ "notice_max": "P7D" }), true, true),
            (json!({ "notice_max": "P6D" }), false, false),
            (json!({ "notice_min": "P7D" }), true, false),
            (json!({ "action_max": "partial" }), false, false),
            (json!({ "absent": true }), false, false),
        ] {
            let wish = wish(bounds);
            assert_eq!(
                (wish.is_met_by(&week), wish.is_met_by(&both)),
                (by_week, by_both),
                "{wish:?}"
            );
            assert_eq!(wish.is_met_by(&[]), wish.absent, "{wish:?}");
        }
    }

    #[test]
    fn a_wish_that_makes_no_sense_is_named() {
        assert!(wish(json!({ "absent": true, "notice_min": "P1D" })).flaw().is_some());
        assert!(wish(json!({ "notice_min": "P2D", "notice_max": "P1D" })).flaw().is_some());
        assert_eq!(wish(json!({ "notice_min": "P1D", "notice_max": "P1D" })).flaw(), None);
    }
}
