-- What the HTTP edge and the server itself keep. Tables of the nouns follow, one file per noun.
create extension if not exists btree_gist;

-- The server works as this role, whoever logs in: it may do what the grants below and in the
-- next files say and nothing else. Migrations run as the owner.
do $$
begin
    create role leasehold_server nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
    execute format('grant leasehold_server to %I', current_user);
    execute format('grant usage on schema %I to leasehold_server', current_schema());
end $$;

-- Ends a statement, and with it its transaction, that has not found or written what it had to.
create function must_be_so(so bool) returns bool language plpgsql as $$
begin
    if so is not true then
        raise exception 'something else was found or written than had to be' using errcode = 'serialization_failure';
    end if;
    return true;
end $$;

create table idempotency_keys (
    caller      uuid        not null, -- the user or API key that sent the request
    key         text        not null, -- the Idempotency-Key header
    fingerprint bytea       not null, -- SHA-256 of method, path and body
    status      int2        not null, -- HTTP status of the first reply
    etag        text,                 -- its ETag, where it had one
    body        text        not null, -- its JSON body
    created_at  timestamptz not null, -- forgotten a day later
    constraint idempotency_keys_pkey primary key (caller, key),
    constraint idempotency_keys_key_length check (length(key) between 1 and 200)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
grant select, insert, delete on idempotency_keys to leasehold_server;

create table sandbox_clock (
    only_row  bool    not null default true primary key, -- there is one clock
    offset_us int8    not null, -- how far it is ahead of the real time, in microseconds
    constraint sandbox_clock_only_row check (only_row),
    constraint sandbox_clock_forward check (offset_us >= 0)
);
insert into sandbox_clock (offset_us) values (0);
grant select, update on sandbox_clock to leasehold_server;
