-- What organizations and staff are told: the inbox, the first of the channels.
create table inbox_messages (
    id              uuid        not null,
    organization_id uuid        references organizations, -- null: to the staff of the marketplace
    kind            text        not null, -- reclaim.served, reclaim.settled …
    subject         text        not null, -- id of the thing that it is about: case_…
    title           text        not null, -- one line
    body            text        not null,
    created_at      timestamptz not null,
    read_at         timestamptz,          -- a person of the organization, or of staff, read it first then
    read_by         uuid        references users,
    constraint inbox_messages_pkey primary key (id),
    constraint inbox_messages_read check ((read_at is null) = (read_by is null) and read_at >= created_at),
    constraint inbox_messages_title check (length(title) between 1 and 200)
);
create index inbox_messages_organization on inbox_messages (organization_id, id);
create index inbox_messages_unread on inbox_messages (organization_id, id) where read_at is null;

create index inbox_messages_staff on inbox_messages (id) where organization_id is null;

grant select, insert, update on inbox_messages to leasehold_server;
