-- Since when a delivery has been late, so that whoever waits for it is credited from then on, whenever the server
-- takes note of it.
alter table deliveries add column late_since timestamptz;
comment on column deliveries.late_since is
    'The instant at which it was put off to a date after the one at which its units were expected; null if it never was.';
