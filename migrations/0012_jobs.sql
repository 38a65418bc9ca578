-- What the server cannot carry out although it is due. Kept here so that all servers, and each of them after
-- a restart, agree on what is put off and until when.
create table stuck_jobs (
    job             text        not null, -- the reconciler: reclaim.step_due
    subject         uuid        not null, -- for what it cannot be done
    named           text        not null, -- the same as people write it: case_…
    failures        int4        not null, -- how often it has failed in a row
    first_failed_at timestamptz not null,
    try_again_at    timestamptz not null, -- no server tries it before
    error           text        not null, -- why it failed last
    told_at         timestamptz,          -- the staff of the marketplace was told then
    cleared_at      timestamptz,          -- it was done, or ceased to be due; the row goes with the next telling
    constraint stuck_jobs_pkey primary key (job, subject),
    constraint stuck_jobs_failures check (failures > 0),
    constraint stuck_jobs_order check (try_again_at >= first_failed_at and cleared_at >= first_failed_at)
);
create index stuck_jobs_retries on stuck_jobs (job, try_again_at) where cleared_at is null;
create index stuck_jobs_untold on stuck_jobs (first_failed_at) where told_at is null or cleared_at is not null;
grant select, insert, update, delete on stuck_jobs to leasehold_server;
