-- Limits of what organizations and their projects may book, and requests to raise them.
create table quotas (
    id              uuid        not null,
    organization_id uuid        references organizations, -- whose it is; null for a default
    verification    text,                 -- a default for organizations that stand so and have no own one
    project_id      uuid        references projects, -- only of this project's bookings
    dimension       text        not null,
    accelerator_id  text        references accelerators, -- only of what is booked of this chip
    site_id         uuid        references sites,        -- only of what is booked at this site
    amount          numeric,              -- in the dimension's smallest unit: GPUs, W, GPU-seconds, …
    share_millionths int4,                -- of what the organization holds for itself
    valid_from      timestamptz not null, -- it limits what happens in [valid_from, valid_until)
    valid_until     timestamptz,
    reason          text        not null, -- why it is what it is
    revision        int4        not null default 1,
    created_at      timestamptz not null,
    ended_at        timestamptz,          -- lifted; the row stays for its history
    constraint quotas_pkey primary key (id),
    constraint quotas_whose check (num_nonnulls(organization_id, verification) = 1
        and (project_id is null or organization_id is not null)),
    constraint quotas_verification check (verification in ('unverified', 'verified', 'suspended')),
    constraint quotas_dimension check (dimension in ('concurrent_gpus', 'concurrent_mw',
        'gpu_hours_per_month', 'spend_per_month', 'longest_lease', 'open_requests')),
    constraint quotas_rule check (num_nonnulls(amount, share_millionths) = 1 and amount >= 0
        and share_millionths between 0 and 1000000
        and (share_millionths is null or project_id is not null)),
    constraint quotas_validity check (valid_from < valid_until),
    constraint quotas_reason check (length(reason) between 1 and 2000)
);
-- One quota for one thing; a second one of the same changes the first.
create unique index quotas_one on quotas (organization_id, verification, project_id, dimension,
    accelerator_id, site_id) nulls not distinct where ended_at is null;

create table quota_overrides (
    id         uuid        not null,
    quota_id   uuid        not null references quotas,
    amount     numeric     not null, -- as in quotas; stands instead of it …
    during     tstzrange   not null, -- … for this time; empty: taken back before it began
    reason     text        not null,
    created_at timestamptz not null,
    constraint quota_overrides_pkey primary key (id),
    constraint quota_overrides_no_overlap exclude using gist (quota_id with =, during with &&),
    constraint quota_overrides_bounds check (amount >= 0
        and (isempty(during) or (not lower_inf(during) and not upper_inf(during)))),
    constraint quota_overrides_reason check (length(reason) between 1 and 2000)
);

create table quota_requests (
    id              uuid        not null,
    quota_id        uuid        not null references quotas, -- the one to raise; may be a default
    organization_id uuid        not null references organizations, -- who asks
    project_id      uuid        references projects,
    amount          numeric     not null, -- asked for, as in quotas
    reason          text        not null,
    state           text        not null,
    requested_by    uuid        not null, -- user or API key
    decided_by      uuid,
    decided_at      timestamptz,
    decision_reason text,
    granted_amount  numeric,              -- may be less than asked for
    granted_until   timestamptz,          -- granted as an override with this end; null: for good
    revision        int4        not null default 1,
    created_at      timestamptz not null,
    constraint quota_requests_pkey primary key (id),
    constraint quota_requests_state check (state in ('open', 'granted', 'denied', 'withdrawn')),
    constraint quota_requests_amount check (amount >= 0 and granted_amount >= 0),
    constraint quota_requests_decided check ((state = 'open') = (decided_at is null)
        and num_nonnulls(decided_by, decided_at, decision_reason) in (0, 3)
        and (state = 'granted') = (granted_amount is not null)
        and (granted_until is null or state = 'granted')),
    constraint quota_requests_reason check (length(reason) between 1 and 2000
        and length(decision_reason) between 1 and 2000)
);
create unique index quota_requests_one_open on quota_requests (organization_id, quota_id)
    where state = 'open';
create index quota_requests_organization on quota_requests (organization_id, id);

-- Organizations whose bookings are counted. Whoever changes what one of them holds locks its row, before
-- any plane, and raises the version; so nothing is booked past a limit, on whatever server.
create table quota_books (
    organization_id uuid not null references organizations,
    version         int8 not null default 0, -- rises when what it holds changes
    rules_version   int8 not null default 0, -- rises when its quotas change
    trimmed_version int8 not null default 0, -- changes up to this version are forgotten
    constraint quota_books_pkey primary key (organization_id)
);

-- What changed with each version, so that a server follows the others without reading everything anew.
create table quota_changes (
    organization_id uuid   not null, -- has a book
    version         int8   not null,
    subjects        uuid[] not null, -- leases and quotes that hold more or less since
    constraint quota_changes_pkey primary key (organization_id, version)
);

-- What every booking looks at first: are there defaults?
create table quota_defaults (
    only_row bool not null default true primary key, -- there is one
    version  int8 not null, -- rises when a default changes
    is_any   bool not null, -- at least one stands for verified organizations
    constraint quota_defaults_only_row check (only_row)
);
insert into quota_defaults (version, is_any) values (0, false);

grant select, insert, update on quotas, quota_overrides, quota_requests, quota_books to leasehold_server;
grant select, insert, delete on quota_changes to leasehold_server;
grant select, update on quota_defaults to leasehold_server;
