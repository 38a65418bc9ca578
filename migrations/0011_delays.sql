-- Leases whose units are not delivered in time, and the credit that they earn.
alter table leases add column delayed_until timestamptz; -- some of its units come only then

create table delays (
    id          uuid        not null,
    lease_id    uuid        not null references leases,
    tranche_id  uuid        not null, -- the line of the schedule
    delivery_id uuid        not null references deliveries,
    units       int4        not null, -- so many of its units are late
    gpus        int4        not null,
    rate_per_gpu_hour numeric not null, -- as signed
    starts_at   timestamptz not null, -- the tenant should have them from then on
    expected_at timestamptz not null, -- it will have them then, as far as is known
    ended_at    timestamptz,          -- they came, or the tenant no longer waits for them
    price       numeric,              -- of the time without them; fixed at the end
    credit      numeric,              -- owed to the tenant for it; fixed at the end
    created_at  timestamptz not null,
    constraint delays_pkey primary key (id),
    constraint delays_sizes check (units > 0 and gpus > 0),
    constraint delays_ended check (num_nonnulls(ended_at, price, credit) in (0, 3)
        and price >= 0 and credit >= 0)
);
create unique index delays_one_open on delays (tranche_id, delivery_id) where ended_at is null;
create index delays_lease on delays (lease_id, id);
create index deliveries_late on deliveries (pool_id) where status = 'late';

grant select, insert, update on delays to leasehold_server;
