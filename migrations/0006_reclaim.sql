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
    tranche_id     uuid,                 -- partial: of which line of the schedule
    units          int4,                 -- partial: how many
    reason         text        not null, -- statement of reasons
    state          text        not null,
    initiated_by   uuid        not null, -- user
    initiated_as   text        not null, -- provider, admin or tenant
    served_at      timestamptz,          -- the notice window runs from here
    deadline       timestamptz,          -- executed by the server then
    executed_at    timestamptz,
    outcome        jsonb,                -- what was cut, and the money of it
    closed_reason  text,                 -- why it was refused or withdrawn
    revision       int4        not null default 1,
    created_at     timestamptz not null,
    constraint reclaim_cases_pkey primary key (id),
    constraint reclaim_cases_action check (action in ('warn', 'suspend', 'partial', 'full')),
    constraint reclaim_cases_partial check ((action = 'partial') = (units is not null)
        and (action = 'partial') = (tranche_id is not null) and units > 0),
    constraint reclaim_cases_initiated_as check (initiated_as in ('provider', 'admin', 'tenant')),
    constraint reclaim_cases_state check (state in ('draft', 'submitted', 'approved', 'noticed', 'executed',
        'refused', 'withdrawn')),
    constraint reclaim_cases_served check (state not in ('noticed', 'executed')
        or (served_at is not null and deadline >= served_at)),
    constraint reclaim_cases_executed check ((state = 'executed') = (executed_at is not null)
        and (state = 'executed') = (outcome is not null) and executed_at >= deadline),
    constraint reclaim_cases_closed check ((state in ('refused', 'withdrawn')) = (closed_reason is not null)),
    constraint reclaim_cases_reason check (length(reason) between 1 and 2000)
);
create unique index reclaim_cases_one_open on reclaim_cases (lease_id)
    where state in ('draft', 'submitted', 'approved', 'noticed');
create index reclaim_cases_due on reclaim_cases (deadline) where state = 'noticed';
create index reclaim_cases_tenant on reclaim_cases (tenant_id, id);
create index reclaim_cases_provider on reclaim_cases (provider_id, id);

create table reclaim_evidence (
    id          uuid        not null,
    case_id     uuid        not null references reclaim_cases,
    sha256      bytea       not null,
    source      text        not null, -- where it comes from
    observed_at timestamptz not null,
    note        text        not null,
    added_by    uuid        not null,
    created_at  timestamptz not null,
    constraint reclaim_evidence_pkey primary key (id),
    constraint reclaim_evidence_sha256 check (length(sha256) = 32)
);
create index reclaim_evidence_case on reclaim_evidence (case_id, created_at);

create table reclaim_approvals (
    case_id    uuid        not null references reclaim_cases,
    user_id    uuid        not null references users,
    role       text        not null, -- the staff role or organization role at that time
    created_at timestamptz not null,
    constraint reclaim_approvals_pkey primary key (case_id, user_id)
);

grant select, insert, update on reclaim_cases to leasehold_server;
grant select, insert on reclaim_evidence, reclaim_approvals to leasehold_server;
