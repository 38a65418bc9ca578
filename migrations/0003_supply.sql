-- What is listed: catalogue, sites, pools with their deliveries and blocks, offers and reclaim terms.
create table accelerators (
    id           text    not null, -- short name used everywhere: h100-sxm
    name         text    not null,
    vendor       text    not null,
    memory_gib   numeric,          -- null where the source does not say
    tdp_w        numeric,
    bf16_tflops  numeric,          -- dense
    memory_bandwidth_gb_s numeric,
    released_on  date,
    constraint accelerators_pkey primary key (id)
);

create table sites (
    id          uuid        not null,
    provider_id uuid        not null references organizations,
    name        text        not null,
    kind        text        not null,
    country     text,                 -- ISO 3166-1 alpha-2; null in orbit
    latitude    float8,
    longitude   float8,
    orbit       text,                 -- words, for orbital sites
    power_mw    numeric     not null, -- capacity of the site
    pue         numeric     not null, -- power usage effectiveness, 1.0 or more
    stage       text        not null,
    revision    int4        not null default 1,
    created_at  timestamptz not null,
    constraint sites_pkey primary key (id),
    constraint sites_name_unique unique (provider_id, name),
    constraint sites_name_length check (length(name) between 1 and 200),
    constraint sites_kind check (kind in ('terrestrial', 'orbital')),
    constraint sites_country check ((country is not null) = (kind = 'terrestrial')),
    constraint sites_coordinates check (latitude between -90 and 90 and longitude between -180 and 180),
    constraint sites_power check (power_mw > 0 and power_mw <= 1000000 and pue between 1 and 5),
    constraint sites_stage check (stage in ('planned', 'commissioning', 'operational', 'retired'))
);

create table pools (
    id               uuid        not null,
    site_id          uuid        not null references sites,
    provider_id      uuid        not null references organizations,
    name             text        not null,
    accelerator_id   text        not null references accelerators,
    gpus_per_unit    int4        not null,
    units            int4        not null,
    kw_per_unit      numeric     not null, -- electrical, before PUE
    fabric           text,                 -- words: InfiniBand NDR 400G; null where not stated
    units_per_island int4        not null, -- units with full bandwidth among themselves
    pin_lead_seconds int4        not null, -- unit numbers are handed out this long before the start
    revision         int4        not null default 1,
    created_at       timestamptz not null,
    constraint pools_pkey primary key (id),
    constraint pools_name_unique unique (site_id, name),
    constraint pools_name_length check (length(name) between 1 and 200),
    constraint pools_sizes check (
        gpus_per_unit between 1 and 1024 and units between 1 and 10000000
        and units_per_island between 1 and units and kw_per_unit > 0 and kw_per_unit <= 100000
        and pin_lead_seconds between 0 and 31536000)
);
create index pools_provider on pools (provider_id);

create table deliveries (
    id          uuid        not null,
    pool_id     uuid        not null references pools,
    units       int4range   not null, -- these units …
    usable_from timestamptz not null, -- … can be used from then on
    status      text        not null,
    created_at  timestamptz not null,
    constraint deliveries_pkey primary key (id),
    constraint deliveries_disjoint exclude using gist (pool_id with =, units with &&),
    constraint deliveries_units check (not isempty(units)),
    constraint deliveries_status check (status in ('planned', 'late', 'accepted'))
);

create table blocks (
    id         uuid        not null,
    pool_id    uuid        not null references pools,
    units      int4range   not null,
    during     tstzrange   not null,
    kind       text        not null,
    reason     text        not null,
    lifted_at  timestamptz,          -- given back before its end
    created_at timestamptz not null,
    constraint blocks_pkey primary key (id),
    constraint blocks_kind check (kind in ('own_use', 'maintenance', 'fault'))
);
create index blocks_pool on blocks (pool_id, created_at);

-- Terms are found by what they say: the hash is the key, so that a lease that keeps the hash keeps
-- the words. The server can add terms and never change or remove them.
create table reclaim_terms (
    hash        bytea       not null, -- SHA-256 of `clauses` as canonical JSON (RFC 8785)
    clauses     jsonb       not null,
    created_at  timestamptz not null,
    constraint reclaim_terms_pkey primary key (hash),
    constraint reclaim_terms_hash check (length(hash) = 32)
);
-- The names and versions that a provider gave them.
create table reclaim_terms_versions (
    id          uuid        not null,
    provider_id uuid        not null references organizations,
    name        text        not null,
    version     int4        not null, -- 1, 2, … of this name
    hash        bytea       not null references reclaim_terms,
    created_at  timestamptz not null,
    constraint reclaim_terms_versions_pkey primary key (id),
    constraint reclaim_terms_versions_unique unique (provider_id, name, version)
);

create table offers (
    id                uuid        not null,
    pool_id           uuid        not null references pools,
    provider_id       uuid        not null references organizations,
    name              text        not null,
    state             text        not null,
    units             int4range   not null, -- the part of the pool that is offered
    available         tstzrange   not null, -- leases lie inside
    rate_per_gpu_hour numeric     not null,
    min_gpus          int4        not null,
    max_gpus          int4        not null,
    min_duration_s    int8        not null,
    max_duration_s    int8        not null,
    lead_time_s       int8        not null, -- from booking to the earliest start
    audience          uuid[],               -- organizations that see it; null: everybody
    booking_mode      text        not null,
    cancellation      jsonb       not null, -- [{at_least_before: "P7D", charge_share: "0.5"}], longest first
    terms_id          uuid        not null references reclaim_terms_versions,
    terms_hash        bytea       not null references reclaim_terms,
    revision          int4        not null default 1,
    created_at        timestamptz not null,
    constraint offers_pkey primary key (id),
    constraint offers_state check (state in ('draft', 'published', 'paused', 'archived')),
    constraint offers_booking_mode check (booking_mode in ('instant', 'approval')),
    constraint offers_rate check (rate_per_gpu_hour >= 0 and rate_per_gpu_hour <= 1000000
        and scale(rate_per_gpu_hour) <= 6),
    constraint offers_sizes check (min_gpus between 1 and max_gpus
        and min_duration_s between 1 and max_duration_s and lead_time_s >= 0),
    constraint offers_units check (not isempty(units))
);
create index offers_pool on offers (pool_id);
create index offers_provider on offers (provider_id, created_at);
create index offers_published on offers (id) where state = 'published';

grant select, insert, update on accelerators, sites, pools, deliveries, blocks, offers to leasehold_server;
grant select, insert on reclaim_terms, reclaim_terms_versions to leasehold_server;
