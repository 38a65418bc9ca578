//! Evidence: what it is by its hash, and the file itself, which must have that hash.

use serde_json::json;
use sha2::{Digest, Sha256 as Hasher};
use uuid::Uuid;

use super::begin;
use crate::api::call::Chunks;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::kernel::event::Event;
use crate::kernel::{EvidenceId, Name, Reason, ReclaimCaseId, Sha256, Timestamp, ids};
use crate::reclaim::error::Error;
use crate::reclaim::rules::{CaseRefusal, Command};
use crate::reclaim::store::{self, Evidence};

/// Most pieces of evidence of a case.
const MAX_EVIDENCE: usize = 100;
/// Largest file, in bytes.
pub const MAX_FILE: usize = 10 * 1024 * 1024;
/// Bytes that are kept together.
const CHUNK: usize = 256 * 1024;

/// What is said of a piece of evidence.
#[derive(Debug)]
pub struct NewEvidence {
    pub sha256: Sha256,
    pub source: Name,
    pub observed_at: Timestamp,
    pub note: Option<Reason>,
}

/// Adds a piece of evidence: the initiating side to a draft, the other one once it is served.
pub async fn add_evidence(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    new: NewEvidence,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let now = step.act.now;
    let state = step.decide(&Command::AddEvidence)?;
    if new.observed_at > now {
        return Err(Problem::field("observed_at", "it lies in the future").into());
    }
    if store::evidence(&mut step.act, id).await?.len() >= MAX_EVIDENCE {
        return Err(Problem::conflict(
            "too_much_evidence",
            format!("a case has at most {MAX_EVIDENCE} pieces of evidence; put some together"),
        )
        .into());
    }
    let added_as =
        if step.case.is_served() { step.case.respondent() } else { step.case.initiated_as };
    let evidence = Evidence {
        id: EvidenceId::new(now),
        sha256: new.sha256,
        source: new.source.to_string(),
        observed_at: new.observed_at,
        note: new.note.map(|note| note.to_string()).unwrap_or_default(),
        added_as,
        size: None,
        created_at: now,
    };
    let by = call.caller.actor.uuid();
    store::insert_evidence(&mut step.act, id, &evidence, by).await?;
    if added_as == step.case.initiated_as {
        step.case.evidence += 1;
    }
    let after = json!({
        "evidence_id": evidence.id, "sha256": evidence.sha256, "source": evidence.source,
    });
    step.finish(app, state, Event::ReclaimEvidenceAdded, after, &evidence.note).await
}

/// Takes in the file of a piece of evidence, chunk by chunk, so that a slow sender holds neither memory
/// nor a connection. It is only there once all of it has come and has the hash that was said.
pub async fn upload(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    evidence: EvidenceId,
    mut chunks: Chunks,
) -> Result<Reply, Error> {
    let expected = {
        let step = begin(app, &call, id).await?;
        check_may_upload(step, evidence).await?
    };
    let upload = ids::fresh_uuid(app.now());
    let outcome = async {
        let (sum, size) = receive(app, &call, upload, &mut chunks).await?;
        if size == 0 {
            return Err(Problem::unacceptable("evidence_empty", "the file is empty").into());
        }
        if sum != expected {
            return Err(Error::HashMismatch { expected, found: sum });
        }
        keep(app, &call, id, evidence, upload, size).await
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        let mut connection = app.db.acquire().await?;
        store::delete_chunks(&mut connection, upload).await?;
    }
    outcome
}

/// The hash that the file must have, if the caller may hand it in.
async fn check_may_upload(mut step: super::Step, evidence: EvidenceId) -> Result<Sha256, Error> {
    let id = step.case.id;
    let all = store::evidence(&mut step.act, id).await?;
    let known = all.iter().find(|known| known.id == evidence);
    let known = known.ok_or(Error::UnknownEvidence(evidence))?;
    let by = step.by();
    if by.user.is_none() {
        return Err(CaseRefusal::PersonRequired.into());
    }
    if !by.is(known.added_as) {
        return Err(match known.added_as == step.case.initiated_as {
            true => CaseRefusal::NotInitiatingSide(known.added_as),
            false => CaseRefusal::NotRespondingSide(known.added_as),
        }
        .into());
    }
    if !step.case.state.is_open() {
        return Err(CaseRefusal::MovedOn(step.case.state.name()).into());
    }
    if known.size.is_some() {
        return Err(Error::FileThere(evidence));
    }
    let sha256 = known.sha256;
    // The idempotency key is claimed anew when the file is there.
    step.act.give_up().await?;
    Ok(sha256)
}

/// Keeps what comes, and says its hash and size. A rehearsal keeps nothing.
async fn receive(
    app: &App,
    call: &Call,
    upload: Uuid,
    chunks: &mut Chunks,
) -> Result<(Sha256, usize), Error> {
    let (mut hasher, mut size, mut number) = (Hasher::new(), 0, 0);
    let mut waiting: Vec<u8> = Vec::with_capacity(CHUNK);
    loop {
        let next = chunks.next().await?;
        let is_over = next.is_none();
        if let Some(bytes) = next {
            size += bytes.len();
            if size > MAX_FILE {
                return Err(Error::FileTooLarge);
            }
            hasher.update(&bytes);
            waiting.extend_from_slice(&bytes);
        }
        while waiting.len() >= CHUNK || (is_over && !waiting.is_empty()) {
            let rest = waiting.split_off(waiting.len().min(CHUNK));
            if !call.dry_run {
                let mut connection = app.db.acquire().await?;
                store::insert_chunk(&mut connection, upload, number, &waiting, app.now()).await?;
            }
            number += 1;
            waiting = rest;
        }
        if is_over {
            return Ok((Sha256(hasher.finalize().into()), size));
        }
    }
}

async fn keep(
    app: &App,
    call: &Call,
    id: ReclaimCaseId,
    evidence: EvidenceId,
    upload: Uuid,
    size: usize,
) -> Result<Reply, Error> {
    let mut step = begin(app, call, id).await?;
    let by = step.by();
    let state = step.case.state.clone();
    if !state.is_open() || by.user.is_none() {
        return Err(CaseRefusal::MovedOn(state.name()).into());
    }
    let (now, size) = (step.act.now, i64::try_from(size).unwrap_or(i64::MAX));
    let is_kept =
        call.dry_run || store::insert_file(&mut step.act, evidence, upload, size, now).await?;
    if !is_kept {
        // It took longer than unfinished uploads are kept for.
        let detail = "the upload took too long and was given up; send it again";
        return Err(Problem::conflict("upload_lost", detail).into());
    }
    let after = json!({ "evidence_id": evidence, "size": size });
    step.finish(app, state, Event::ReclaimEvidenceFiled, after, "").await
}

/// The file of a piece of evidence, for whoever may see the case: its size, and where its chunks are.
pub async fn file(
    app: &App,
    call: &Call,
    id: ReclaimCaseId,
    evidence: EvidenceId,
) -> Result<(Sha256, Uuid, i64), Error> {
    let mut connection = app.db.acquire().await?;
    store::case(&mut connection, id, call.caller.scope()).await?.ok_or(Error::UnknownCase(id))?;
    let found = store::file_of(&mut connection, id, evidence).await?;
    let found = found.ok_or(Error::UnknownEvidence(evidence))?;
    let (upload, size) = found.upload.ok_or(Error::NoFile(evidence))?;
    Ok((found.sha256, upload, size))
}

/// One chunk of a file; `None` after the last.
pub async fn chunk(app: &App, upload: Uuid, number: i32) -> sqlx::Result<Option<Vec<u8>>> {
    let mut connection = app.db.acquire().await?;
    store::chunk(&mut connection, upload, number).await
}
