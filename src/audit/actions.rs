//! Sealing what is final, proving what was sealed, reading a thing's history.

use std::collections::HashMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::rules::{Batch, Record, Seal};
use super::store;
use super::view::EntryView;
use crate::api::Problem;
use crate::app::App;
use crate::kernel::{Caller, Sha256};

/// Most records under one seal; one transaction is never split, so a seal can hold more.
const SEAL_RECORDS: i64 = 10_000;
/// Records read at a time.
const PAGE: i64 = 2_000;
/// Most findings in a report.
const MAX_FINDINGS: usize = 100;
/// Most entries in a history.
const MAX_HISTORY: i64 = 1_000;

/// Seals the records that are final and not sealed yet; says how many, up to a batch. None when
/// another server is at it.
///
/// # Errors
/// Those of the database.
pub async fn seal(app: &App) -> Result<i64, Problem> {
    let mut transaction = app.db.begin().await?;
    if !store::lock_chain(&mut transaction).await? {
        return Ok(0);
    }
    let previous = store::last_seal(&mut transaction).await?;
    let from = previous.as_ref().map_or(0, |seal| seal.until);
    let mut until = store::final_until(&mut transaction).await?;
    let mut batch = Batch::default();
    let mut walk = Walk::over(from, until);
    while let Some(record) = walk.next(&mut transaction).await? {
        if batch.records >= SEAL_RECORDS && record.transaction != walk.last_transaction {
            until = record.transaction;
            break;
        }
        walk.last_transaction = record.transaction;
        batch.push(&record);
    }
    let sealed = batch.records;
    if sealed > 0 {
        let seal = Seal::new(previous.as_ref(), until, batch, app.now());
        store::insert_seal(&mut transaction, &seal).await?;
        transaction.commit().await?;
    }
    Ok(sealed)
}

/// Whether a call of [`seal`] that sealed so many records left some behind.
pub fn is_full(sealed: i64) -> bool {
    sealed >= SEAL_RECORDS
}

/// The records of a range of transactions, read page by page in the order of sealing.
struct Walk {
    after: (i64, i64),
    until: i64,
    page: std::vec::IntoIter<Record>,
    is_last_page: bool,
    last_transaction: i64,
}

impl Walk {
    fn over(from: i64, until: i64) -> Walk {
        Walk {
            after: (from.saturating_sub(1), i64::MAX),
            until,
            page: Vec::new().into_iter(),
            is_last_page: false,
            last_transaction: from,
        }
    }

    async fn next(&mut self, connection: &mut PgConnection) -> sqlx::Result<Option<Record>> {
        if self.page.len() == 0 && !self.is_last_page {
            let page = store::records(connection, self.after, self.until, PAGE).await?;
            self.is_last_page = page.is_empty();
            if let Some(last) = page.last() {
                self.after = (last.transaction, last.seq);
            }
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }
}

/// A seal as it was published outside of the database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownSeal {
    /// Its number, from 1.
    pub number: i64,
    /// Its root.
    pub root: Sha256,
}

/// Text that names no seal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a seal is named by its number and root, such as 7:e3b0…, 64 hexadecimal digits")]
pub struct NotASeal;

impl FromStr for KnownSeal {
    type Err = NotASeal;
    fn from_str(text: &str) -> Result<KnownSeal, NotASeal> {
        let (number, root) = text.split_once(':').ok_or(NotASeal)?;
        let number = number.parse().map_err(|_| NotASeal)?;
        Ok(KnownSeal { number, root: root.parse().map_err(|_| NotASeal)? })
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = AuditReport)]
pub struct Report {
    /// Whether nothing is wrong.
    pub is_intact: bool,
    /// Seals checked.
    pub seals: i64,
    /// Records under them.
    pub records: i64,
    /// Records that no seal covers yet.
    pub unsealed: i64,
    /// The newest seal, to be published elsewhere.
    pub last_seal: Option<KnownSeal>,
    /// What is wrong, at most 100 findings.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Finding {
    pub kind: FindingKind,
    /// The seal concerned.
    pub seal: i64,
    /// The record concerned, by its `seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<i64>,
    /// In words.
    pub detail: String,
}

/// What can be wrong with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    RecordChanged,
    RecordMissing,
    RecordAdded,
    SealChanged,
    SealMissing,
}

impl Report {
    fn find(&mut self, kind: FindingKind, seal: i64, record: Option<i64>, detail: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { kind, seal, record, detail });
        }
    }
}

/// Proves every sealed record and the chain of seals, and that `known` seals are among them.
///
/// Reads everything once, in memory that does not grow with the log.
///
/// # Errors
/// Those of the database.
pub async fn verify(app: &App, known: &[KnownSeal]) -> Result<Report, Problem> {
    let mut connection = app.db.acquire().await?;
    let mut report = Report::default();
    let mut chain = Chain::default();
    loop {
        let seals = store::seals(&mut connection, chain.number, 8).await?;
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            for known in known.iter().filter(|known| known.number == seal.number) {
                if known.root != seal.root {
                    let detail = format!("seal {} is not the one that was published", seal.number);
                    report.find(FindingKind::SealChanged, seal.number, None, detail);
                }
            }
            verify_seal(&mut connection, &mut report, &mut chain, &seal).await?;
        }
    }
    for known in known.iter().filter(|known| !(1..=chain.number).contains(&known.number)) {
        let detail = format!("seal {} was published and is not there", known.number);
        report.find(FindingKind::SealMissing, known.number, None, detail);
    }
    report.unsealed = store::count_from(&mut connection, chain.until).await?;
    report.last_seal =
        chain.roots.first().map(|root| KnownSeal { number: chain.number, root: *root });
    report.is_intact = report.findings.is_empty();
    Ok(report)
}

/// Where the check of the chain stands.
#[derive(Default)]
struct Chain {
    number: i64,
    until: i64,
    /// Roots that the next seal may build on: the one that the last seal carries and, where that one
    /// is wrong, the one that it should carry, so that one broken seal is one finding.
    roots: Vec<Sha256>,
    is_gap: bool,
}

async fn verify_seal(
    connection: &mut PgConnection,
    report: &mut Report,
    chain: &mut Chain,
    seal: &Seal,
) -> Result<(), Problem> {
    let number = seal.number;
    chain.is_gap = number != chain.number + 1;
    for missing in chain.number + 1..number.min(chain.number + 100) {
        let detail = format!("seal {missing} is missing");
        report.find(FindingKind::SealMissing, missing, None, detail);
    }
    if !chain.is_gap && seal.from != chain.until {
        let detail = format!("seal {number} does not begin where the one before it ends");
        report.find(FindingKind::SealChanged, number, None, detail);
    }
    // Records before the very first seal are looked at with it: there can be none.
    let from = if number == 1 { i64::MIN } else { seal.from };
    let found_before = report.findings.len();
    let batch = verify_records(connection, report, seal, from).await?;
    let before: Vec<_> = if chain.roots.is_empty() {
        vec![None]
    } else {
        chain.roots.iter().copied().map(Some).collect()
    };
    let expected: Vec<_> =
        before.into_iter().map(|root| seal.expected_root(root, &batch)).collect();
    let is_sound = expected.contains(&seal.root) && batch.leaves == seal.leaves;
    if !is_sound && !chain.is_gap && report.findings.len() == found_before {
        let detail = format!(
            "seal {number} does not follow from the seal before it and its records: one of the two \
             seals was rewritten"
        );
        report.find(FindingKind::SealChanged, number, None, detail);
    }
    report.seals += 1;
    report.records += batch.records;
    chain.number = number;
    chain.until = seal.until;
    chain.roots = vec![seal.root];
    if !is_sound {
        chain.roots.extend(expected);
    }
    Ok(())
}

/// Compares the records that are there with those that the seal remembers.
async fn verify_records(
    connection: &mut PgConnection,
    report: &mut Report,
    seal: &Seal,
    from: i64,
) -> Result<Batch, Problem> {
    let number = seal.number;
    let mut remembered: HashMap<i64, [u8; 8]> = seal.remembered().collect();
    let mut batch = Batch::default();
    let mut walk = Walk::over(from, seal.until);
    while let Some(record) = walk.next(connection).await? {
        let leaf = batch.push(&record);
        let (kind, what) = match remembered.remove(&record.seq) {
            Some(beginning) if leaf.0[..8] == beginning => continue,
            Some(_) => (FindingKind::RecordChanged, "was changed"),
            None => (FindingKind::RecordAdded, "was added afterwards"),
        };
        let detail = format!(
            "record {} ({} {}) {what} under seal {number}",
            record.seq, record.action, record.subject
        );
        report.find(kind, number, Some(record.seq), detail);
    }
    let mut missing: Vec<_> = remembered.into_keys().collect();
    missing.sort_unstable();
    for seq in missing {
        let detail = format!("record {seq} under seal {number} is missing");
        report.find(FindingKind::RecordMissing, number, Some(seq), detail);
    }
    Ok(batch)
}

/// What happened to `subject` (`lease_…`), oldest first, as far as `caller` may know; the newest 1,000
/// entries. The other side's people are not shown.
///
/// # Errors
/// Those of the database.
pub async fn history(
    connection: &mut PgConnection,
    subject: impl std::fmt::Display,
    caller: &Caller,
) -> sqlx::Result<Vec<EntryView>> {
    let entries =
        store::history(connection, caller.scope(), &subject.to_string(), MAX_HISTORY).await?;
    Ok(entries.into_iter().map(|entry| EntryView::new(entry, caller)).collect())
}
