-- Who acts: organizations, their members, staff of the marketplace, and how they prove who they are.
create table organizations (
    id           uuid        not null,
    name         text        not null, -- the name in use today; what was signed keeps its own copy
    is_provider  bool        not null, -- may list capacity, once verified
    is_tenant    bool        not null, -- may book capacity, once verified
    verification text        not null, -- set by staff
    verification_reason text not null, -- why it is what it is
    revision     int4        not null default 1,
    created_at   timestamptz not null,
    constraint organizations_pkey primary key (id),
    constraint organizations_name_length check (length(name) between 1 and 200),
    constraint organizations_kind check (is_provider or is_tenant),
    constraint organizations_verification check (verification in ('unverified', 'verified', 'suspended'))
);
create unique index organizations_name on organizations (lower(name));

create table users (
    id            uuid        not null,
    email         text        not null, -- lower case
    name          text        not null,
    password_hash text        not null, -- argon2id, PHC string
    staff_role    text,                 -- staff of the marketplace operator; null for everybody else
    created_at    timestamptz not null,
    constraint users_pkey primary key (id),
    constraint users_email_unique unique (email),
    constraint users_email_lower check (email = lower(email) and length(email) between 3 and 254),
    constraint users_staff_role check (staff_role in ('admin', 'operations', 'legal', 'independent'))
);

create table memberships (
    organization_id uuid        not null references organizations,
    user_id         uuid        not null references users,
    role            text        not null,
    created_at      timestamptz not null,
    constraint memberships_pkey primary key (organization_id, user_id),
    constraint memberships_role check (role in ('owner', 'manager', 'viewer'))
);
create index memberships_user on memberships (user_id);

create table projects (
    id              uuid        not null,
    organization_id uuid        not null references organizations,
    name            text        not null,
    created_at      timestamptz not null,
    constraint projects_pkey primary key (id),
    constraint projects_name_unique unique (organization_id, name),
    constraint projects_name_length check (length(name) between 1 and 200)
);

create table api_keys (
    id              uuid        not null,
    organization_id uuid        not null references organizations,
    created_by      uuid        not null references users,
    name            text        not null,
    prefix          text        not null, -- the readable beginning, to tell keys apart
    secret_hash     bytea       not null, -- SHA-256 of the whole key, which is shown once
    role            text        not null, -- what the key may do; never more than its maker's role
    expires_at      timestamptz not null,
    revoked_at      timestamptz,
    created_at      timestamptz not null,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_secret_unique unique (secret_hash),
    constraint api_keys_role check (role in ('owner', 'manager', 'viewer'))
);
create index api_keys_organization on api_keys (organization_id, created_at);

create table sessions (
    id              uuid        not null,
    user_id         uuid        not null references users,
    organization_id uuid        references organizations, -- for whom the user acts; null for staff
    created_at      timestamptz not null,
    ended_at        timestamptz,
    end_reason      text, -- logged_out, refresh_token_reused, membership_changed, password_changed
    constraint sessions_pkey primary key (id),
    constraint sessions_end check ((ended_at is null) = (end_reason is null))
);
create index sessions_user on sessions (user_id) where ended_at is null;
create index sessions_ended_at on sessions (ended_at) where ended_at is not null;

create table refresh_tokens (
    secret_hash bytea       not null, -- SHA-256 of the token
    session_id  uuid        not null references sessions,
    expires_at  timestamptz not null,
    used_at     timestamptz, -- a used one that comes back ends the session
    constraint refresh_tokens_pkey primary key (secret_hash)
);
create index refresh_tokens_session on refresh_tokens (session_id);

create table signing_keys (
    id         uuid        not null, -- `kid` of the tokens it signs
    private    bytea       not null, -- PKCS#8 DER, Ed25519
    public     bytea       not null, -- 32 bytes
    created_at timestamptz not null, -- signs until a newer one is there
    expires_at timestamptz not null, -- published until then
    constraint signing_keys_pkey primary key (id)
);

grant select, insert, update on organizations, users, memberships, projects, api_keys, sessions,
    refresh_tokens to leasehold_server;
grant delete on memberships, refresh_tokens to leasehold_server;
grant select, insert, delete on signing_keys to leasehold_server;
