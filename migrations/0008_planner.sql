-- Plans to free capacity, and what tenants would give up of their own will.
create table reclaim_volunteers (
    id                   uuid        not null,
    lease_id             uuid        not null references leases,
    tranche_id           uuid        not null, -- of which line of the schedule; the line may be gone since
    tenant_id            uuid        not null references organizations,
    provider_id          uuid        not null references organizations,
    units                int4        not null, -- at most so many, and never more than the line has
    premium_per_gpu_hour numeric     not null, -- asked for on top of the price of what is given up
    notice_seconds       int8        not null, -- time that the tenant needs to leave
    state                text        not null,
    created_by           uuid        not null, -- user or API key
    created_at           timestamptz not null,
    closed_at            timestamptz,          -- withdrawn or taken then, or found to be over
    constraint reclaim_volunteers_pkey primary key (id),
    constraint reclaim_volunteers_units check (units > 0),
    constraint reclaim_volunteers_premium check (premium_per_gpu_hour >= 0),
    constraint reclaim_volunteers_notice check (notice_seconds >= 0),
    constraint reclaim_volunteers_state check (state in ('open', 'withdrawn', 'taken', 'over')),
    constraint reclaim_volunteers_closed check ((state = 'open') = (closed_at is null))
);
create unique index reclaim_volunteers_one_open on reclaim_volunteers (tranche_id) where state = 'open';
create index reclaim_volunteers_open on reclaim_volunteers (id) where state = 'open';
create index reclaim_volunteers_lease on reclaim_volunteers (lease_id, id);
create index reclaim_volunteers_tenant on reclaim_volunteers (tenant_id, id);
create index reclaim_volunteers_provider on reclaim_volunteers (provider_id, id);

create table reclaim_plans (
    id          uuid        not null,
    provider_id uuid        not null references organizations,
    plan        jsonb       not null, -- the wish, the cuts with their money, the alternatives; as shown
    state       text        not null,
    created_by  uuid        not null, -- user or API key
    created_at  timestamptz not null,
    carried_out jsonb,                -- the cases drafted and the units bought back
    constraint reclaim_plans_pkey primary key (id),
    constraint reclaim_plans_state check (state in ('open', 'drafted')),
    constraint reclaim_plans_carried_out check ((state = 'drafted') = (carried_out is not null))
);
create index reclaim_plans_provider on reclaim_plans (provider_id, id);

grant select, insert, update on reclaim_volunteers, reclaim_plans to leasehold_server;
