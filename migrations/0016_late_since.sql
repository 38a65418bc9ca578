-- Since when a delivery has been late, so that whoever waits for it is credited from then on, whenever the server
-- takes note of it.
alter table deliveries add column late_since timestamptz;
comment on column deliveries.late_since is
    'The instant at which it was put off to a date after the one at which its units were expected; null if it never was.';

-- No time without units is credited twice.
alter table delays add constraint delays_once exclude using gist (tranche_id with =, delivery_id with =,
    tstzrange(starts_at, greatest(starts_at, ended_at)) with &&) where (ended_at is not null);
