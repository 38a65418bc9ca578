//! Why something cannot be done with a case.

use std::collections::BTreeMap;

use crate::kernel::time::said;
use crate::kernel::{ReclaimCaseId, Timestamp, TrancheId};
use crate::supply::{Action, ApproverRole, Ground, Party};

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseRefusal {
    #[error("the lease was signed without a clause {0}; its terms list what there is")]
    ClauseNotOnLease(String),
    #[error("the clause on {0} is not for you to invoke; it names who may")]
    RoleMayNotInvoke(Ground),
    #[error("the clause on {ground} does not go as far as {asked}; it allows {allowed} at most")]
    ActionBeyondClause { ground: Ground, asked: Action, allowed: Action },
    #[error("cases are for people to act on, an API key stands for nobody; log in")]
    PersonRequired,
    #[error("only the side that opened the case does this: the {0}'s managers and owners")]
    NotInitiatingSide(Party),
    #[error("only the side that the case is against does this: the {0}'s managers and owners")]
    NotRespondingSide(Party),
    #[error("{0} needs evidence before a case can be submitted; add some")]
    EvidenceMissing(Ground),
    #[error("it has not been submitted; submit it first")]
    NotSubmitted,
    #[error("approvals are missing: {}", list(.0))]
    ApprovalsMissing(BTreeMap<ApproverRole, u8>),
    #[error("whoever opened a case does not approve or refuse it; ask somebody else")]
    SelfApproval,
    #[error("you have approved it already; somebody else must")]
    ApprovedAlready,
    #[error("it is not for you to approve; it waits for: {}", list(.0))]
    RoleMayNotApprove(BTreeMap<ApproverRole, u8>),
    #[error("the notice has not been served; serve it, and the window begins")]
    NoticeNotServed,
    #[error("the notice runs until {}; the server executes then", said(.deadline))]
    WindowNotElapsed { deadline: Timestamp },
    #[error("nothing happens before {}: a plan to put it right is open; answer it", said(.until))]
    CureOpen { until: Timestamp },
    #[error("an appeal holds it up until it is decided, at {} at the latest", said(.decide_by))]
    AppealStays { decide_by: Timestamp },
    #[error("the lease is suspended until {}", said(.until))]
    SuspensionRuns { until: Timestamp },
    #[error(
        "the notice would run until {}, and the lease ends at {}; let it end", said(.deadline), said(.ends_at)
    )]
    NoticeOutlastsLease { deadline: Timestamp, ends_at: Timestamp },
    #[error("{0} is no ground to suspend at once; submit the case for approval")]
    NoEmergency(Ground),
    #[error("the clause on {0} leaves no time to put it right")]
    NoCure(Ground),
    #[error("a plan could be filed until {}", said(.until))]
    CureWindowOver { until: Timestamp },
    #[error("a plan is open already; it is for the other side to answer")]
    PlanOpen,
    #[error("there is no plan that waits for an answer")]
    NoOpenPlan,
    #[error("the plan is to be done by {} at the latest, and not in the past", said(.latest))]
    PlanTooLong { latest: Timestamp },
    #[error("the clause on {0} knows no appeal")]
    NoAppeal(Ground),
    #[error("an appeal could be filed until {}", said(.until))]
    AppealWindowOver { until: Timestamp },
    #[error("there has been an appeal; there is one to a case")]
    AppealedAlready,
    #[error("there is no appeal that waits for a decision")]
    NoOpenAppeal,
    #[error("appeals are decided by staff of the roles admin, legal or independent")]
    RoleMayNotDecide,
    #[error("you have taken part in this case; somebody who has not decides the appeal")]
    TookPart,
    #[error("its time has not come")]
    TooEarly,
    #[error("the time for it was over at {}; the server ends what waits for it", said(.until))]
    OutOfTime { until: Timestamp },
    #[error("the case is not to take effect before {}; wait until then, or open one without that", said(.at))]
    NotBefore { at: Timestamp },
    #[error(
        "the lease was suspended at once before, by case {0}, and nobody ratified it; submit this case, and \
         suspend once it is approved"
    )]
    ApprovalFirst(ReclaimCaseId),
    #[error("it is {0} and this is not possible any more")]
    MovedOn(&'static str),
    #[error("the lease has no tranche {0} that still runs at the deadline")]
    TrancheNotThere(TrancheId),
    #[error(
        "{asked} units are more than the {has} that can be taken in part; to take all, ask for full"
    )]
    MoreUnitsThanThere { asked: u32, has: u32 },
    #[error("units are taken back in multiples of {step}, and {asked} is none")]
    NotInSteps { asked: u32, step: u32 },
    #[error("it would end at {}, which is not after {}, when it begins at the latest", said(.until), said(.from))]
    OverBeforeItBegins { from: Timestamp, until: Timestamp },
}

/// `2 admin, 1 legal`
fn list(approvals: &BTreeMap<ApproverRole, u8>) -> String {
    let parts: Vec<_> = approvals.iter().map(|(role, count)| format!("{count} {role}")).collect();
    if parts.is_empty() { "nobody".to_owned() } else { parts.join(", ") }
}
