-- Reclaim cases: one use of one clause against one lease.
create table reclaim_cases (
    id             uuid        not null,
    lease_id       uuid        not null references leases,
    provider_id    uuid        not null references organizations,
    tenant_id      uuid        not null references organizations,
    clause         jsonb       not null, -- the clause as it stands in the lease's terms
    terms_hash     bytea       not null references reclaim_terms,
    ground         text        not null,
    action         text        not null,
    measure        jsonb       not null, -- the action with what it takes: tranche, units, until
    tranche_id     uuid,                 -- partial: of which line of the schedule
    units          int4,                 -- partial: how many
    reserve        jsonb,                -- for whom, and how long, what is taken back is kept
    not_before     timestamptz,          -- it takes effect then at the earliest, whenever the notice is read
    reason         text        not null, -- statement of reasons
    state          text        not null,
    progress       jsonb       not null, -- the state with all that it carries: notice, plan, appeal
    initiated_by   uuid        not null, -- user
    initiated_as   text        not null, -- provider, admin or tenant
    message_id     uuid,                 -- the notice in the inbox of the other side
    served_at      timestamptz,          -- the other side was told
    read_at        timestamptz,          -- a person of it read the notice first
    deadline       timestamptz,          -- executed by the server then; while unread, at the latest
    wakes_at       timestamptz,          -- the server has to look at it then; null: never again
    suspended_at   timestamptz,          -- the lease was suspended at once, to be ratified after it
    executed_at    timestamptz,
    outcome        jsonb,                -- what was cut, and the money of it
    closed_reason  text,                 -- why it was refused, cured, withdrawn or overturned
    revision       int4        not null default 1,
    created_at     timestamptz not null,
    constraint reclaim_cases_pkey primary key (id),
    constraint reclaim_cases_action check (action in ('warn', 'suspend', 'partial', 'full')
        and measure ->> 'action' = action),
    constraint reclaim_cases_partial check ((action = 'partial') = (units is not null)
        and (action = 'partial') = (tranche_id is not null) and units > 0),
    constraint reclaim_cases_initiated_as check (initiated_as in ('provider', 'admin', 'tenant')),
    constraint reclaim_cases_state check (state in ('draft', 'submitted', 'approved', 'suspended', 'noticed',
        'curing', 'stayed', 'due', 'executed', 'settled', 'refused', 'cured', 'withdrawn', 'overturned')
        and progress ->> 'state' = state),
    constraint reclaim_cases_served check (state not in ('suspended', 'noticed', 'curing', 'stayed', 'due',
        'executed', 'settled', 'cured', 'overturned') or (served_at is not null and deadline >= served_at)),
    constraint reclaim_cases_ends check ((wakes_at is null)
        = (state in ('settled', 'refused', 'cured', 'withdrawn', 'overturned'))),
    constraint reclaim_cases_executed check (state not in ('executed', 'settled')
        or (executed_at is not null and outcome is not null)),
    constraint reclaim_cases_not_before check (deadline >= not_before or action = 'suspend'),
    constraint reclaim_cases_in_time check (executed_at >= deadline or action = 'suspend'),
    constraint reclaim_cases_closed check ((state in ('refused', 'cured', 'withdrawn', 'overturned'))
        = (closed_reason is not null)),
    constraint reclaim_cases_reason check (length(reason) between 1 and 2000)
);
-- A suspension that runs does not stand in the way of the case that it was for.
create unique index reclaim_cases_one_open on reclaim_cases (lease_id)
    where state in ('draft', 'submitted', 'approved', 'suspended', 'noticed', 'curing', 'stayed', 'due');
create index reclaim_cases_due on reclaim_cases (wakes_at) where wakes_at is not null;
create index reclaim_cases_unread on reclaim_cases (message_id)
    where message_id is not null and read_at is null and wakes_at is not null;
create index reclaim_cases_suspending on reclaim_cases (lease_id)
    where action = 'suspend' and state in ('suspended', 'executed');
-- Suspensions at once that nobody has ratified: while there is one, the next needs approval first.
create index reclaim_cases_unratified on reclaim_cases (lease_id)
    where suspended_at is not null and executed_at is null;
create index reclaim_cases_tenant on reclaim_cases (tenant_id, id);
create index reclaim_cases_provider on reclaim_cases (provider_id, id);

create table reclaim_evidence (
    id          uuid        not null,
    case_id     uuid        not null references reclaim_cases,
    sha256      bytea       not null,
    source      text        not null, -- where it comes from
    observed_at timestamptz not null,
    note        text        not null,
    added_as    text        not null, -- provider, admin or tenant
    added_by    uuid        not null,
    created_at  timestamptz not null,
    constraint reclaim_evidence_pkey primary key (id),
    constraint reclaim_evidence_added_as check (added_as in ('provider', 'admin', 'tenant')),
    constraint reclaim_evidence_sha256 check (length(sha256) = 32)
);
create index reclaim_evidence_case on reclaim_evidence (case_id, created_at);

-- The bytes of a piece of evidence, in chunks as they came. They are only there once the file is.
create table reclaim_evidence_chunks (
    upload_id  uuid        not null,
    number     int4        not null, -- 0, 1, …
    bytes      bytea       not null,
    created_at timestamptz not null, -- what no file stands for is swept after an hour
    constraint reclaim_evidence_chunks_pkey primary key (upload_id, number),
    constraint reclaim_evidence_chunks_size check (length(bytes) between 1 and 1048576)
);

create table reclaim_evidence_files (
    evidence_id uuid        not null references reclaim_evidence,
    upload_id   uuid        not null, -- of its chunks
    size        int8        not null, -- bytes
    created_at  timestamptz not null,
    constraint reclaim_evidence_files_pkey primary key (evidence_id),
    constraint reclaim_evidence_files_upload unique (upload_id),
    constraint reclaim_evidence_files_size check (size between 1 and 10485760)
);

create table reclaim_approvals (
    case_id    uuid        not null references reclaim_cases,
    user_id    uuid        not null references users,
    role       text        not null, -- the staff role or organization role at that time
    created_at timestamptz not null,
    constraint reclaim_approvals_pkey primary key (case_id, user_id)
);

-- Everybody who has acted on a case: none of them decides its appeal.
create table reclaim_participants (
    case_id uuid not null references reclaim_cases,
    user_id uuid not null references users,
    constraint reclaim_participants_pkey primary key (case_id, user_id)
);

create table reclaim_responses (
    id         uuid        not null,
    case_id    uuid        not null references reclaim_cases,
    text       text        not null,
    created_by uuid        not null,
    created_at timestamptz not null,
    constraint reclaim_responses_pkey primary key (id),
    constraint reclaim_responses_text check (length(text) between 1 and 2000)
);
create index reclaim_responses_case on reclaim_responses (case_id, id);

-- What the tenant gets by a case, complete, for a ledger to book.
create table reclaim_settlements (
    case_id    uuid        not null references reclaim_cases,
    lease_id   uuid        not null references leases,
    rule       text        not null, -- clause: as it says; returned: the case did not stand
    total      numeric     not null, -- for the tenant, owed by the provider
    currency   text        not null,
    settled_at timestamptz not null,
    -- Of a suspension: the time that it is settled for. No other settlement of the lease counts it again.
    suspended_from  timestamptz,
    suspended_until timestamptz,
    constraint reclaim_settlements_suspended check (suspended_from < suspended_until
        or num_nonnulls(suspended_from, suspended_until) = 0),
    constraint reclaim_settlements_pkey primary key (case_id),
    constraint reclaim_settlements_rule check (rule in ('clause', 'returned')),
    constraint reclaim_settlements_total check (total >= 0)
);
create index reclaim_settlements_lease on reclaim_settlements (lease_id);

create table reclaim_settlement_lines (
    case_id    uuid    not null references reclaim_settlements,
    number     int4    not null, -- 0, 1, …
    kind       text    not null,
    tranche_id uuid,             -- of which line of the schedule
    gpu_hours  numeric,          -- where it is for time
    amount     numeric not null, -- for the tenant
    constraint reclaim_settlement_lines_pkey primary key (case_id, number),
    constraint reclaim_settlement_lines_kind check (kind in
        ('refund', 'suspended_time', 'premium', 'multiple', 'floor', 'cap')),
    constraint reclaim_settlement_lines_sign check (amount <= 0 or kind <> 'cap')
);

create function reclaim_settlement_adds_up() returns trigger language plpgsql as $$
begin
    if (select s.total <> coalesce(sum(l.amount), 0)
        from reclaim_settlements s left join reclaim_settlement_lines l on l.case_id = s.case_id
        where s.case_id = new.case_id group by s.case_id, s.total) then
        raise exception 'the lines of settlement % do not add up to its total', new.case_id
            using errcode = '23514', constraint = 'reclaim_settlements_add_up';
    end if;
    return null;
end $$;
create constraint trigger reclaim_settlements_add_up after insert or update on reclaim_settlements
    deferrable initially deferred for each row execute function reclaim_settlement_adds_up();
create constraint trigger reclaim_settlement_lines_add_up after insert or update on reclaim_settlement_lines
    deferrable initially deferred for each row execute function reclaim_settlement_adds_up();

grant select, insert, update on reclaim_cases to leasehold_server;
grant select, insert on reclaim_evidence, reclaim_evidence_files, reclaim_approvals, reclaim_participants,
    reclaim_responses, reclaim_settlements, reclaim_settlement_lines to leasehold_server;
grant select, insert, delete on reclaim_evidence_chunks to leasehold_server;
