-- The capacity plane: everything that uses capacity is a rectangle, units × time, in one table.
create table planes (
    pool_id         uuid not null references pools,
    units           int4 not null, -- height of the plane
    version         int8 not null default 0, -- rises with every change; the row is locked by whoever changes
    trimmed_version int8 not null default 0, -- removed rectangles up to this version are forgotten
    constraint planes_pkey primary key (pool_id)
);

create table allocations (
    pool_id         uuid        not null, -- its plane is locked by whoever writes here, and never deleted
    id              uuid        not null,
    units           int4range   not null, -- [a, b), numbered in physical order
    during          tstzrange   not null, -- [start, end); empty: removed, kept until servers have seen it
    purpose         text        not null,
    owner_id        uuid        not null, -- tranche, line of a quote, block or pool that it belongs to
    subject_id      uuid        not null, -- what a person would open: the lease, quote, block or pool
    organization_id uuid,                 -- the tenant whose it is; null for the provider's own
    within          int4range   not null, -- the units that it may be moved in
    pinned_at       timestamptz not null, -- from then on its unit numbers are fixed
    version         int8        not null, -- planes.version of its last change
    constraint allocations_pkey primary key (pool_id, id),
    constraint allocations_no_overlap exclude using gist (pool_id with =, units with &&, during with &&),
    constraint allocations_units check (not isempty(units) and lower(units) >= 0 and units <@ within),
    constraint allocations_purpose check (purpose in
        ('lease', 'hold', 'own_use', 'maintenance', 'fault', 'undelivered'))
);
create index allocations_changes on allocations (pool_id, version);
create index allocations_owner on allocations (owner_id);

grant select, insert, update on planes to leasehold_server;
grant select, insert, update, delete on allocations to leasehold_server;
