-- Quotes and leases with their schedules.
create table quotes (
    id           uuid        not null,
    tenant_id    uuid        not null references organizations,
    project_id   uuid        references projects,
    created_by   uuid        not null, -- user or API key
    placement    text        not null,
    tranches     jsonb       not null, -- offer, pool, units, GPUs, period, rate, price of each
    price        numeric     not null,
    holds        bool        not null, -- the capacity is held until the expiry
    is_reserved  bool        not null default false, -- kept for its tenant by a reclaim case
    state        text        not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    constraint quotes_pkey primary key (id),
    constraint quotes_placement check (placement in ('any', 'island')),
    constraint quotes_state check (state in ('open', 'used', 'expired'))
);
create index quotes_open on quotes (expires_at) where state = 'open';
create index quotes_tenant on quotes (tenant_id, id);

create table leases (
    id             uuid        not null,
    tenant_id      uuid        not null references organizations,
    provider_id    uuid        not null, -- of the offers' pools
    project_id     uuid        references projects,
    tenant_name    text        not null, -- as signed
    provider_name  text        not null, -- as signed
    quote_id       uuid        references quotes,
    status         text        not null,
    starts_at      timestamptz not null, -- of the first tranche
    ends_at        timestamptz not null, -- of the last
    price          numeric     not null, -- the prices of its tranches and its charges that are not waived
    placement      text        not null,
    terms_hash     bytea       not null references reclaim_terms, -- the reclaim terms as signed
    cancellation   jsonb       not null, -- the cancellation schedule as signed
    revision       int4        not null default 1,
    created_by     uuid        not null, -- user or API key
    created_at     timestamptz not null,
    noticed        bool        not null default false, -- a reclaim case has been served
    taken_at       timestamptz,          -- it takes units then; until it has, the lease does not end by itself
    suspended_until timestamptz,         -- the tenant cannot use it until then; frees nothing
    ended_at       timestamptz,
    ended_by       text,                 -- actor of the end: a user, an API key, or the server
    end_code       text,
    end_reason     text,
    constraint leases_pkey primary key (id),
    constraint leases_status check (status in ('requested', 'scheduled', 'active', 'ended',
        'reclaimed', 'terminated', 'rejected', 'cancelled')),
    constraint leases_period check (starts_at < ends_at),
    constraint leases_taken check (noticed or taken_at is null),
    constraint leases_end_explained check (
        (status in ('requested', 'scheduled', 'active'))
        = (num_nonnulls(ended_at, ended_by, end_code, end_reason) = 0)
        and num_nonnulls(ended_at, ended_by, end_code, end_reason) in (0, 4))
);
create unique index leases_quote_id_key on leases (quote_id) where quote_id is not null;
create index leases_tenant on leases (tenant_id, id);
create index leases_provider on leases (provider_id, id);
create index leases_to_start on leases (starts_at) where status in ('requested', 'scheduled');
create index leases_to_end on leases (ends_at) where status = 'active';

create table tranches (
    id                uuid        not null,
    lease_id          uuid        not null references leases,
    line_id           uuid        not null, -- what it is a piece of: the tranche as it was booked; owns rectangles
    number            int4        not null, -- 0, 1, … in order of start
    offer_id          uuid        not null references offers,
    pool_id           uuid        not null, -- the offer's
    units             int4        not null,
    gpus              int4        not null,
    mw                numeric     not null,
    starts_at         timestamptz not null,
    ends_at           timestamptz not null,
    rate_per_gpu_hour numeric     not null, -- as signed
    price             numeric     not null, -- its part of the price of its line, which is rounded once
    constraint tranches_pkey primary key (id),
    constraint tranches_number_unique unique (lease_id, number) deferrable,
    constraint tranches_sizes check (units > 0 and gpus > 0 and starts_at < ends_at),
    constraint tranches_price check (price >= 0)
);

-- What is owed besides the schedule: for capacity that was booked and is not used.
create table lease_charges (
    lease_id   uuid        not null references leases,
    number     int4        not null, -- 0, 1, … in the order in which they were made
    kind       text        not null, -- what was done: shrink, cancel, end; reclaim: nothing was returned
    amount     numeric     not null,
    charged_at timestamptz not null,
    waived_at  timestamptz,          -- no longer owed since then
    constraint lease_charges_pkey primary key (lease_id, number),
    constraint lease_charges_kind check (kind in ('shrink', 'cancel', 'end', 'reclaim')),
    constraint lease_charges_amount check (amount > 0),
    constraint lease_charges_waived check (waived_at >= charged_at)
);

-- A lease costs what its schedule costs and what is charged besides. New leases are priced in the statement
-- that adds their tranches; every change is checked here.
create function lease_price_adds_up() returns trigger language plpgsql as $$
begin
    if (select l.price <> (select coalesce(sum(t.price), 0) from tranches t where t.lease_id = l.id)
            + (select coalesce(sum(c.amount), 0) from lease_charges c
               where c.lease_id = l.id and c.waived_at is null)
        from leases l where l.id = new.id) then
        raise exception 'the price of lease % is not that of its schedule and charges', new.id
            using errcode = '23514', constraint = 'leases_price_adds_up';
    end if;
    return null;
end $$;
create constraint trigger leases_price_adds_up after update of price on leases
    deferrable initially deferred for each row execute function lease_price_adds_up();

create table amendments (
    id         uuid        not null,
    lease_id   uuid        not null references leases,
    kind       text        not null,
    revision   int4        not null, -- the lease's after it
    price      numeric     not null, -- change of the lease's price
    terms      jsonb       not null, -- what was asked for, and charges
    created_by uuid        not null,
    created_at timestamptz not null,
    constraint amendments_pkey primary key (id),
    constraint amendments_revision_unique unique (lease_id, revision),
    constraint amendments_kind check (kind in ('extend', 'shrink', 'cancel', 'end', 'reclaim', 'buy_back'))
);

create table cancellation_quotes (
    id           uuid        not null,
    lease_id     uuid        not null references leases,
    revision     int4        not null, -- of the lease; void when it has moved on
    effective_at timestamptz not null,
    charge       numeric     not null, -- owed for ending early
    refund       numeric     not null, -- of the price of the time given back
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    used_at      timestamptz,
    constraint cancellation_quotes_pkey primary key (id)
);

grant select, insert, update on quotes, leases, tranches, cancellation_quotes to leasehold_server;
grant delete on tranches to leasehold_server;
grant select, insert, update on lease_charges to leasehold_server;
grant select, insert on amendments to leasehold_server;
