-- The log of every act: history of each thing, source of events, and evidence.
-- The server's role can read and add here; only the owner could change or remove, and that shows.

-- Transaction numbers order the log. A restore from a dump starts them anew: `base` is then raised
-- so that the order goes on (see `leasehold audit`).
create table audit_base (
    only_row bool not null default true primary key,
    base     int8 not null,
    constraint audit_base_only_row check (only_row)
);
insert into audit_base (base) values (0);

create function audit_transaction() returns int8 language sql stable
    return (select base from audit_base) + pg_current_xact_id()::text::int8;

create table audit_records (
    transaction     int8        not null default audit_transaction(), -- sealed in this order, …
    seq             int8        not null generated always as identity, -- … then in this
    at              timestamptz not null,
    actor           text        not null, -- user_…, key_…, or the name of the server's job
    on_behalf_of    uuid,                 -- organization that the actor acted for
    action          text        not null, -- lease.booked
    subject         text        not null, -- lease_…
    tenant_id       uuid,                 -- organizations that may read it, besides staff
    provider_id     uuid,
    before          jsonb,
    after           jsonb,
    reason          text        not null,
    request_id      text        not null,
    constraint audit_records_pkey primary key (seq)
);
create index audit_records_order on audit_records (transaction, seq);
create index audit_records_subject on audit_records (subject, seq);

create table audit_seals (
    number           int8        not null, -- 1, 2, …
    from_transaction int8        not null, -- records with a transaction in [from, until) …
    until_transaction int8       not null,
    records          int8        not null, -- … are so many, …
    root             bytea       not null, -- … and this is the Merkle root over the previous root and them
    leaves           bytea       not null, -- of each record its seq (8 bytes, big endian) and the first 8
                                           -- bytes of its hash: proves nothing, finds the broken one
    sealed_at        timestamptz not null,
    constraint audit_seals_pkey primary key (number),
    constraint audit_seals_from_unique unique (from_transaction),
    constraint audit_seals_range check (from_transaction < until_transaction),
    constraint audit_seals_leaves check (length(leaves) = 16 * records and length(root) = 32)
);

grant select, insert on audit_records, audit_seals to leasehold_server;
grant select on audit_base to leasehold_server;
