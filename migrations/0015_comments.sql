-- What every table and column means, where the database itself can say it: in psql's \d+ and in every tool that
-- reads a schema. Tables and columns that are added later are commented in the migration that adds them;
-- tests/it/schema.rs fails for one that is not. Their locks hold up neither reads nor writes.

comment on table idempotency_keys is
    'First replies to requests that carried an Idempotency-Key, so that a repetition gets the same reply. '
    'Refusals are not kept.';
comment on column idempotency_keys.caller is 'User or API key that sent the request.';
comment on column idempotency_keys.key is 'The Idempotency-Key header, 1 to 200 characters.';
comment on column idempotency_keys.fingerprint is
    'SHA-256 of method, path and body. Another request under the same key is refused.';
comment on column idempotency_keys.status is 'HTTP status of the first reply.';
comment on column idempotency_keys.etag is 'ETag of the first reply. Null where it had none.';
comment on column idempotency_keys.body is 'JSON body of the first reply.';
comment on column idempotency_keys.created_at is 'Instant of the first reply. The row is deleted a day later.';

comment on table sandbox_clock is
    'The clock of a sandbox, which all its servers follow. There is exactly one row.';
comment on column sandbox_clock.only_row is 'Always true, so that there is one row.';
comment on column sandbox_clock.offset_us is
    'How far this clock is ahead of the real time, in microseconds. It never goes back.';

comment on table organizations is 'Companies that take part: providers, tenants, or both.';
comment on column organizations.id is 'UUIDv7, shown as org_….';
comment on column organizations.name is
    'Name in use today, 1 to 200 characters, unique without regard to case. Leases keep the name as signed.';
comment on column organizations.is_provider is 'Whether it may list capacity, once verified.';
comment on column organizations.is_tenant is 'Whether it may book capacity, once verified.';
comment on column organizations.verification is 'What staff has decided: unverified, verified or suspended.';
comment on column organizations.verification_reason is 'Why the verification is what it is.';
comment on column organizations.revision is 'Rises by one with each change. It is the ETag.';
comment on column organizations.created_at is 'Instant of the registration.';

comment on table users is 'People who log in: members of organizations, and staff of the marketplace.';
comment on column users.id is 'UUIDv7, shown as user_….';
comment on column users.email is 'E-mail address in lower case, 3 to 254 characters, unique.';
comment on column users.name is 'Name of the person.';
comment on column users.password_hash is 'Argon2id hash of the password, as a PHC string.';
comment on column users.staff_role is
    'Role on the staff: admin, operations, legal or independent. Null for everybody else.';
comment on column users.created_at is 'Instant at which the account was made.';

comment on table memberships is 'Which user belongs to which organization, and as what.';
comment on column memberships.organization_id is 'The organization.';
comment on column memberships.user_id is 'The member.';
comment on column memberships.role is
    'What the member may do: owner, manager (changes and books) or viewer (reads).';
comment on column memberships.created_at is 'Instant at which the member was added.';

comment on table projects is 'Parts of an organization that book under its name and may have quotas of their own.';
comment on column projects.id is 'UUIDv7, shown as project_….';
comment on column projects.organization_id is 'The organization that it belongs to. It never changes.';
comment on column projects.name is 'Name, 1 to 200 characters, unique within the organization.';
comment on column projects.created_at is 'Instant at which it was created.';

comment on table api_keys is 'Keys by which programs act for an organization.';
comment on column api_keys.id is 'UUIDv7, shown as key_….';
comment on column api_keys.organization_id is 'The organization that the key acts for.';
comment on column api_keys.created_by is 'The user who made it.';
comment on column api_keys.name is 'What it is for, in the maker''s words.';
comment on column api_keys.prefix is 'Readable beginning of the key, to tell keys apart.';
comment on column api_keys.secret_hash is 'SHA-256 of the whole key, which is shown once and not stored.';
comment on column api_keys.role is 'What the key may do: owner, manager or viewer. Never more than its maker may.';
comment on column api_keys.expires_at is 'The key is refused from then on.';
comment on column api_keys.revoked_at is 'Instant at which it was revoked. Null while it was not.';
comment on column api_keys.created_at is 'Instant at which it was made.';

comment on table sessions is 'Log-ins of users, each until it is ended.';
comment on column sessions.id is 'UUIDv7, shown as session_….';
comment on column sessions.user_id is 'Who logged in.';
comment on column sessions.organization_id is
    'The organization that the user acts for in this session. Null for staff, and for users who belong to none.';
comment on column sessions.created_at is 'Instant of the log-in.';
comment on column sessions.ended_at is 'Instant of its end. Null while it lasts.';
comment on column sessions.end_reason is
    'Why it ended: logged_out, refresh_token_reused, membership_changed or password_changed.';

comment on table refresh_tokens is
    'Tokens that are exchanged, once each, for a new access token and a new refresh token.';
comment on column refresh_tokens.secret_hash is 'SHA-256 of the token, which is not stored.';
comment on column refresh_tokens.session_id is 'The session that it continues.';
comment on column refresh_tokens.expires_at is 'It is refused from then on, and its row is deleted.';
comment on column refresh_tokens.used_at is
    'Instant of its exchange. A used token that comes back ends the session. Null while it is unused.';

comment on table signing_keys is 'Key pairs that sign access tokens. The newest one signs.';
comment on column signing_keys.id is 'The kid of the tokens that it signs.';
comment on column signing_keys.private is 'Private key, Ed25519, as PKCS#8 DER.';
comment on column signing_keys.public is 'Public key, Ed25519, 32 bytes.';
comment on column signing_keys.created_at is 'It signs from then on, until there is a newer one.';
comment on column signing_keys.expires_at is
    'Its public key is published until then. The row is deleted afterwards.';

comment on table accelerators is 'The catalogue of chips.';
comment on column accelerators.id is 'Short name that is used everywhere, such as h100-sxm.';
comment on column accelerators.name is 'Full name.';
comment on column accelerators.vendor is 'Name of the maker.';
comment on column accelerators.memory_gib is 'Memory in GiB. Null where the source does not state it.';
comment on column accelerators.tdp_w is 'Thermal design power in watts. Null where the source does not state it.';
comment on column accelerators.bf16_tflops is
    'Dense bf16 arithmetic in TFLOP/s. Null where the source does not state it.';
comment on column accelerators.memory_bandwidth_gb_s is
    'Memory bandwidth in GB/s. Null where the source does not state it.';
comment on column accelerators.released_on is 'Day of its release. Null where the source does not state it.';

comment on table sites is 'Places where providers run hardware.';
comment on column sites.id is 'UUIDv7, shown as site_….';
comment on column sites.provider_id is 'The provider whose site it is.';
comment on column sites.name is 'Name, 1 to 200 characters, unique for the provider.';
comment on column sites.kind is 'terrestrial or orbital.';
comment on column sites.country is 'Country, ISO 3166-1 alpha-2. Null for an orbital site, and only there.';
comment on column sites.latitude is 'Latitude in degrees, −90 to 90. Null where it is not stated.';
comment on column sites.longitude is 'Longitude in degrees, −180 to 180. Null where it is not stated.';
comment on column sites.orbit is 'The orbit in words. Null where it is not stated.';
comment on column sites.power_mw is 'Electrical capacity of the site in MW, at most 1,000,000.';
comment on column sites.pue is 'Power usage effectiveness, 1 to 5: power of the site over power of its hardware.';
comment on column sites.stage is 'planned, commissioning, operational or retired. It only advances.';
comment on column sites.revision is 'Rises by one with each change. It is the ETag.';
comment on column sites.created_at is 'Instant at which it was created.';

comment on table pools is 'Identical hardware at one site, counted in units.';
comment on column pools.id is 'UUIDv7, shown as pool_….';
comment on column pools.site_id is 'The site where it stands.';
comment on column pools.provider_id is 'The provider of the site.';
comment on column pools.name is 'Name, 1 to 200 characters, unique within the site.';
comment on column pools.accelerator_id is 'The chip, from the catalogue.';
comment on column pools.gpus_per_unit is
    'GPUs in one unit, 1 to 1,024. A unit is the smallest thing that can be leased.';
comment on column pools.units is 'Number of units, 1 to 10,000,000. They are numbered from 0 in physical order.';
comment on column pools.kw_per_unit is 'Electrical power of one unit in kW, before the PUE.';
comment on column pools.fabric is
    'The interconnect in words, such as InfiniBand NDR 400G. Null where it is not stated.';
comment on column pools.units_per_island is
    'Units that have full bandwidth among themselves. Islands follow each other from unit 0.';
comment on column pools.pin_lead_seconds is
    'Unit numbers are fixed this long before the start of a lease, in seconds, at most a year.';
comment on column pools.revision is 'Rises by one with each change. It is the ETag.';
comment on column pools.created_at is 'Instant at which it was created.';

comment on table deliveries is
    'Milestones of a pool: units that can be used from a date on. Units that no delivery names cannot be used.';
comment on column deliveries.id is 'UUIDv7, shown as delivery_….';
comment on column deliveries.pool_id is 'The pool.';
comment on column deliveries.units is 'The units [a, b) that are delivered. No unit is in two deliveries.';
comment on column deliveries.usable_from is 'The units can be used from then on.';
comment on column deliveries.status is
    'planned (expected at its date), late (put off) or accepted (there, and found good).';
comment on column deliveries.created_at is 'Instant at which it was created.';

comment on table blocks is 'Units that a provider keeps off the market for some time.';
comment on column blocks.id is 'UUIDv7, shown as block_….';
comment on column blocks.pool_id is 'The pool.';
comment on column blocks.units is 'The units [a, b).';
comment on column blocks.during is 'The period [start, end).';
comment on column blocks.kind is 'own_use, maintenance or fault.';
comment on column blocks.reason is 'Why, in the provider''s words.';
comment on column blocks.lifted_at is
    'Instant at which the units were given back before the end. Null while they were not.';
comment on column blocks.created_at is 'Instant at which it was created.';

comment on table reclaim_terms is
    'Reclaim terms by their content. Rows are never changed or deleted, so that a lease that keeps the hash keeps '
    'the words.';
comment on column reclaim_terms.hash is 'SHA-256 of the clauses as canonical JSON (RFC 8785).';
comment on column reclaim_terms.clauses is 'The clauses as an array.';
comment on column reclaim_terms.created_at is 'Instant at which these words were first used.';

comment on table reclaim_terms_versions is 'Names and versions that providers have given to reclaim terms.';
comment on column reclaim_terms_versions.id is 'UUIDv7, shown as terms_….';
comment on column reclaim_terms_versions.provider_id is 'The provider who named them.';
comment on column reclaim_terms_versions.name is 'Name of the terms.';
comment on column reclaim_terms_versions.version is 'Version of this name, counted from 1.';
comment on column reclaim_terms_versions.hash is 'The terms.';
comment on column reclaim_terms_versions.created_at is 'Instant at which this version was made.';

comment on table offers is 'What the market sees: a part of a pool with its price and conditions.';
comment on column offers.id is 'UUIDv7, shown as offer_….';
comment on column offers.pool_id is 'The pool.';
comment on column offers.provider_id is 'The provider of the pool.';
comment on column offers.name is 'Name of the offer.';
comment on column offers.state is 'draft, published, paused or archived.';
comment on column offers.units is 'The units [a, b) of the pool that are offered.';
comment on column offers.available is 'The period [start, end) that leases have to lie inside.';
comment on column offers.rate_per_gpu_hour is
    'Price of one GPU for one hour, in the currency of the deployment, 0 to 1,000,000, at most six decimals.';
comment on column offers.min_gpus is 'Smallest size of a booking in GPUs.';
comment on column offers.max_gpus is 'Largest size of a booking in GPUs.';
comment on column offers.min_duration_s is 'Shortest duration of a lease in seconds.';
comment on column offers.max_duration_s is 'Longest duration of a lease in seconds.';
comment on column offers.lead_time_s is 'Shortest time from the booking to the start, in seconds.';
comment on column offers.audience is 'Organizations that see the offer. Null means everybody.';
comment on column offers.booking_mode is 'instant, or approval: the provider answers each request.';
comment on column offers.cancellation is
    'The cancellation schedule: [{at_least_before, charge_share}], the longest time first, at most ten steps.';
comment on column offers.terms_id is 'The version of the reclaim terms that is offered.';
comment on column offers.terms_hash is 'The hash of that version.';
comment on column offers.revision is 'Rises by one with each change. It is the ETag.';
comment on column offers.created_at is 'Instant at which it was created.';

comment on table planes is
    'One row per pool: the version of its plane. Whoever changes allocations of the pool locks this row.';
comment on column planes.pool_id is 'The pool.';
comment on column planes.units is 'Height of the plane: the number of units of the pool.';
comment on column planes.version is 'Rises by one with each transaction that changes the plane.';
comment on column planes.trimmed_version is
    'Removed rectangles up to this version are deleted. Memory that is older is read anew.';

comment on table allocations is
    'Everything that uses capacity: rectangles of units × time. No two of a pool overlap.';
comment on column allocations.pool_id is
    'The pool. It has no foreign key, because its plane is locked by whoever writes and is never deleted.';
comment on column allocations.id is 'UUIDv7 of the rectangle, unique within the pool.';
comment on column allocations.units is 'The units [a, b), numbered in physical order.';
comment on column allocations.during is
    'The period [start, end), unbounded where it has no end. Empty means removed; the row stays until other '
    'servers have seen it.';
comment on column allocations.purpose is
    'lease, hold (a quote or request), own_use, maintenance, fault or undelivered.';
comment on column allocations.owner_id is
    'What the rectangle belongs to: a line of a schedule or of a quote, a block, or the pool.';
comment on column allocations.subject_id is
    'What a person would open to see why it is there: the lease, quote, block or pool.';
comment on column allocations.organization_id is 'The tenant whose it is. Null for the provider''s own.';
comment on column allocations.within is 'The units [a, b) that it may be moved in.';
comment on column allocations.pinned_at is 'Its unit numbers are fixed from then on.';
comment on column allocations.version is 'planes.version of its last change.';

comment on table quotes is 'Prices for exact requests, each until an expiry.';
comment on column quotes.id is 'UUIDv7, shown as quote_….';
comment on column quotes.tenant_id is 'The tenant that it was made for.';
comment on column quotes.project_id is 'The project that the lease would belong to. Null for none.';
comment on column quotes.created_by is 'User or API key that asked.';
comment on column quotes.placement is 'any, or island: all units inside one fabric island.';
comment on column quotes.tranches is
    'The lines of the lease that it comes to, with offer, pool, units, GPUs, period, rate and price.';
comment on column quotes.price is 'Price of all lines, in the currency of the deployment.';
comment on column quotes.holds is 'Whether the capacity is held until the expiry.';
comment on column quotes.is_reserved is
    'Whether its units were taken back by a reclaim case and are kept for its tenant.';
comment on column quotes.state is 'open, used (a lease was signed by it) or expired.';
comment on column quotes.created_at is 'Instant at which it was made.';
comment on column quotes.expires_at is 'It can be used until then.';

comment on table leases is 'The contracts, with their status and what was signed.';
comment on column leases.id is 'UUIDv7, shown as lease_….';
comment on column leases.tenant_id is 'The tenant.';
comment on column leases.provider_id is 'The provider of all its pools.';
comment on column leases.project_id is 'The project of the tenant that it belongs to. Null for none.';
comment on column leases.tenant_name is 'Name of the tenant as signed.';
comment on column leases.provider_name is 'Name of the provider as signed.';
comment on column leases.quote_id is 'The quote that it was signed by. Null if it was booked without one.';
comment on column leases.status is
    'requested, scheduled, active, ended, reclaimed, terminated, rejected or cancelled.';
comment on column leases.starts_at is 'Start of its first tranche.';
comment on column leases.ends_at is 'End of its last tranche.';
comment on column leases.price is
    'Sum of the prices of its tranches and of its charges that are not waived, in the currency of the deployment.';
comment on column leases.placement is 'any, or island: all units inside one fabric island.';
comment on column leases.terms_hash is 'The reclaim terms as signed.';
comment on column leases.cancellation is 'The cancellation schedule as signed. See offers.cancellation.';
comment on column leases.revision is 'Rises by one with each change. It is the ETag.';
comment on column leases.created_by is 'User or API key that booked it.';
comment on column leases.created_at is 'Instant of the booking.';
comment on column leases.noticed is 'Whether a served reclaim case is open against it.';
comment on column leases.taken_at is
    'A served case takes units of it then. The lease does not end by itself before that is done.';
comment on column leases.suspended_until is
    'The tenant cannot use it until then. Its units stay its own. Null while it can be used.';
comment on column leases.ended_at is 'Instant of its end. The four columns of the end are set together.';
comment on column leases.ended_by is 'Who ended it: user_…, key_…, or the name of the server''s job.';
comment on column leases.end_code is
    'Why it ended: period_over, cancelled_by_tenant, ended_by_tenant, rejected, not_approved_in_time or '
    'reclaimed.';
comment on column leases.end_reason is 'The reason in words.';
comment on column leases.delayed_until is
    'Some of its units are delivered late and come then, as far as is known. Null while none is late.';

comment on table tranches is 'The schedules of leases: units of one pool for one period at one rate.';
comment on column tranches.id is 'UUIDv7, shown as tranche_….';
comment on column tranches.lease_id is 'The lease.';
comment on column tranches.line_id is
    'The line that it is a piece of: the id of the tranche as it was booked. Rectangles belong to lines.';
comment on column tranches.number is 'Position in the schedule, from 0, in order of start.';
comment on column tranches.offer_id is 'The offer that it was booked under.';
comment on column tranches.pool_id is 'The pool of that offer.';
comment on column tranches.units is 'Number of units.';
comment on column tranches.gpus is 'Number of GPUs: units × GPUs per unit.';
comment on column tranches.mw is 'Electrical power of the units in MW, with the PUE.';
comment on column tranches.starts_at is 'Start of its period.';
comment on column tranches.ends_at is 'End of its period, exclusive.';
comment on column tranches.rate_per_gpu_hour is 'Rate as signed, in the currency of the deployment.';
comment on column tranches.price is 'Its part of the price of its line, which is rounded once.';

comment on table lease_charges is
    'What a tenant owes besides the schedule, for capacity that was booked and given up.';
comment on column lease_charges.lease_id is 'The lease.';
comment on column lease_charges.number is
    'Number within the lease, from 0, in the order in which charges were made.';
comment on column lease_charges.kind is
    'What was done: shrink, cancel, end, or reclaim under a clause without a refund.';
comment on column lease_charges.amount is 'What is owed, above 0, in the currency of the deployment.';
comment on column lease_charges.charged_at is 'Instant of the charge.';
comment on column lease_charges.waived_at is 'It is no longer owed from then on. Null while it is owed.';

comment on table amendments is 'Changes of leases, one record for each.';
comment on column amendments.id is 'UUIDv7, shown as amendment_….';
comment on column amendments.lease_id is 'The lease.';
comment on column amendments.kind is 'extend, shrink, cancel, end, reclaim or buy_back.';
comment on column amendments.revision is 'Revision of the lease after the change.';
comment on column amendments.price is 'Change of the price of the lease. Negative where the lease became cheaper.';
comment on column amendments.terms is 'What was asked for, and what it cost.';
comment on column amendments.created_by is 'User or API key that asked for it.';
comment on column amendments.created_at is 'Instant of the change.';

comment on table cancellation_quotes is 'What ending or cancelling a lease costs, as the tenant was told.';
comment on column cancellation_quotes.id is 'UUIDv7, shown as cancelquote_….';
comment on column cancellation_quotes.lease_id is 'The lease.';
comment on column cancellation_quotes.revision is
    'Revision of the lease that it was made for. It is void once the lease has another.';
comment on column cancellation_quotes.effective_at is 'Instant for which it was worked out.';
comment on column cancellation_quotes.charge is
    'The most that is owed for leaving, in the currency of the deployment.';
comment on column cancellation_quotes.refund is 'Price of the time that is given back, less the charge.';
comment on column cancellation_quotes.created_at is 'Instant at which it was made.';
comment on column cancellation_quotes.expires_at is 'It can be used until then.';
comment on column cancellation_quotes.used_at is 'Instant at which it was used. Null while it is unused.';

comment on table reclaim_cases is 'Uses of one clause against one lease, from the draft to the settlement.';
comment on column reclaim_cases.id is 'UUIDv7, shown as case_….';
comment on column reclaim_cases.lease_id is 'The lease.';
comment on column reclaim_cases.provider_id is 'Its provider.';
comment on column reclaim_cases.tenant_id is 'Its tenant.';
comment on column reclaim_cases.clause is 'The clause as it stands in the terms of the lease.';
comment on column reclaim_cases.terms_hash is 'Those terms.';
comment on column reclaim_cases.ground is 'The ground of the clause, such as recall.callable.';
comment on column reclaim_cases.action is 'warn, suspend, partial or full.';
comment on column reclaim_cases.measure is 'The action with what it takes: tranche, units and until when.';
comment on column reclaim_cases.tranche_id is 'Partial cases: the line of the schedule that units are taken from.';
comment on column reclaim_cases.units is 'Partial cases: how many units are taken.';
comment on column reclaim_cases.reserve is
    'For which organization, and how long, what is taken back is kept. Null for nobody.';
comment on column reclaim_cases.not_before is
    'It takes effect then at the earliest, whenever the notice is read. Null where the notice decides.';
comment on column reclaim_cases.reason is 'The statement of reasons, 1 to 2,000 characters.';
comment on column reclaim_cases.state is 'Where the case stands. See docs/reclaim.md.';
comment on column reclaim_cases.progress is
    'The state with all that it carries: the notice, a plan to cure, an appeal.';
comment on column reclaim_cases.initiated_by is 'The user who opened it.';
comment on column reclaim_cases.initiated_as is 'The side that opened it: provider, admin or tenant.';
comment on column reclaim_cases.message_id is
    'The notice in the inbox of the other side. Null while nothing was served.';
comment on column reclaim_cases.served_at is 'Instant at which the notice was served.';
comment on column reclaim_cases.read_at is 'Instant at which a person of the other side first read the notice.';
comment on column reclaim_cases.deadline is
    'The server executes the case then. While the notice is unread, this is the latest that it can be.';
comment on column reclaim_cases.wakes_at is 'The server has to look at the case then. Null once the case is over.';
comment on column reclaim_cases.suspended_at is
    'Instant at which the lease was suspended at once, to be ratified afterwards.';
comment on column reclaim_cases.executed_at is 'Instant of the execution.';
comment on column reclaim_cases.outcome is
    'What was done to the lease, and what it came to. Null while it is not executed.';
comment on column reclaim_cases.closed_reason is 'Why it was refused, cured, withdrawn or overturned.';
comment on column reclaim_cases.revision is 'Rises by one with each change. It is the ETag.';
comment on column reclaim_cases.created_at is 'Instant at which it was opened.';

comment on table reclaim_evidence is 'Pieces of evidence in a case, known by their hashes.';
comment on column reclaim_evidence.id is 'UUIDv7, shown as evidence_….';
comment on column reclaim_evidence.case_id is 'The case.';
comment on column reclaim_evidence.sha256 is 'SHA-256 of the file.';
comment on column reclaim_evidence.source is 'Where it comes from.';
comment on column reclaim_evidence.observed_at is 'Instant that it is evidence of.';
comment on column reclaim_evidence.note is 'What it shows, in words.';
comment on column reclaim_evidence.added_as is 'The side that added it: provider, admin or tenant.';
comment on column reclaim_evidence.added_by is 'The user who added it.';
comment on column reclaim_evidence.created_at is 'Instant at which it was added.';

comment on table reclaim_evidence_chunks is 'The bytes of files of evidence, in chunks as they came.';
comment on column reclaim_evidence_chunks.upload_id is 'The upload that the chunk belongs to.';
comment on column reclaim_evidence_chunks.number is 'Position in the file, from 0.';
comment on column reclaim_evidence_chunks.bytes is 'The bytes, 1 to 1,048,576.';
comment on column reclaim_evidence_chunks.created_at is
    'Instant of its arrival. Chunks that no file names are deleted after an hour.';

comment on table reclaim_evidence_files is
    'Files of evidence that arrived complete and have the hash that was announced.';
comment on column reclaim_evidence_files.evidence_id is 'The piece of evidence.';
comment on column reclaim_evidence_files.upload_id is 'The upload that has its chunks.';
comment on column reclaim_evidence_files.size is 'Size in bytes, 1 to 10,485,760.';
comment on column reclaim_evidence_files.created_at is 'Instant at which the file was complete.';

comment on table reclaim_approvals is 'Approvals of cases, one for each person.';
comment on column reclaim_approvals.case_id is 'The case.';
comment on column reclaim_approvals.user_id is 'The person who approved.';
comment on column reclaim_approvals.role is 'The role in the staff or organization in which the person approved.';
comment on column reclaim_approvals.created_at is 'Instant of the approval.';

comment on table reclaim_participants is 'Everybody who has acted on a case. None of them decides its appeal.';
comment on column reclaim_participants.case_id is 'The case.';
comment on column reclaim_participants.user_id is 'The person who acted on it.';

comment on table reclaim_responses is 'Answers of the other side to a served case.';
comment on column reclaim_responses.id is 'UUIDv7, shown as response_….';
comment on column reclaim_responses.case_id is 'The case.';
comment on column reclaim_responses.text is 'The answer, 1 to 2,000 characters.';
comment on column reclaim_responses.created_by is 'The user who answered.';
comment on column reclaim_responses.created_at is 'Instant of the answer.';

comment on table reclaim_settlements is 'What the tenant gets by a case, complete, for a ledger to book.';
comment on column reclaim_settlements.case_id is 'The case.';
comment on column reclaim_settlements.lease_id is 'Its lease.';
comment on column reclaim_settlements.rule is
    'clause: as the clause says. returned: the case did not stand, so all that it cost comes back.';
comment on column reclaim_settlements.total is 'What the provider owes the tenant: the sum of the lines.';
comment on column reclaim_settlements.currency is 'Currency of the sums, ISO 4217.';
comment on column reclaim_settlements.settled_at is 'Instant of the settlement.';
comment on column reclaim_settlements.suspended_from is
    'Suspensions: start of the time that is settled. No other settlement of the lease counts it again.';
comment on column reclaim_settlements.suspended_until is 'Suspensions: end of that time.';

comment on table reclaim_settlement_lines is 'The lines of settlements.';
comment on column reclaim_settlement_lines.case_id is 'The case whose settlement it is.';
comment on column reclaim_settlement_lines.number is 'Position in the settlement, from 0.';
comment on column reclaim_settlement_lines.kind is
    'refund, suspended_time, premium, multiple, floor (raises the sum) or cap (lowers it).';
comment on column reclaim_settlement_lines.tranche_id is
    'The line of the schedule that it is for. Null where it is for none.';
comment on column reclaim_settlement_lines.gpu_hours is
    'GPUs × hours that it is for. Null where it is not for time.';
comment on column reclaim_settlement_lines.amount is 'What the tenant gets by it. Negative only under cap.';

comment on table audit_base is
    'The number that transaction numbers are added to, so that the order of the log goes on after a restore. '
    'There is exactly one row.';
comment on column audit_base.only_row is 'Always true, so that there is one row.';
comment on column audit_base.base is 'What is added to the cluster''s transaction number.';

comment on table audit_records is
    'The log of every act: audit trail, history of each thing, and source of events. The server adds and never '
    'changes or deletes.';
comment on column audit_records.transaction is
    'Number of the transaction that wrote it. Records are sealed in this order.';
comment on column audit_records.seq is
    'Order within the log. Records of one transaction are sealed in this order.';
comment on column audit_records.at is 'Instant of the act.';
comment on column audit_records.actor is 'Who acted: user_…, key_…, or the name of the server''s job.';
comment on column audit_records.on_behalf_of is
    'The organization that the actor acted for. Null for staff and the server.';
comment on column audit_records.action is 'What was done, such as lease.booked.';
comment on column audit_records.subject is 'What it was done to, such as lease_….';
comment on column audit_records.tenant_id is 'The tenant that may read the record. Null for none.';
comment on column audit_records.provider_id is 'The provider that may read the record. Null for none.';
comment on column audit_records.before is 'The thing before the act, as far as it changed. Null where it is new.';
comment on column audit_records.after is 'The thing after the act, as far as it changed. Null where it is gone.';
comment on column audit_records.reason is 'Why it was done. Empty where nobody else is affected.';
comment on column audit_records.request_id is 'The request that did it, as in the server''s messages.';

comment on table audit_seals is
    'Seals of the log: each covers a range of transactions and includes the one before.';
comment on column audit_seals.number is 'Number of the seal, from 1.';
comment on column audit_seals.from_transaction is 'First transaction number that is covered.';
comment on column audit_seals.until_transaction is 'First transaction number that is not covered.';
comment on column audit_seals.records is 'Number of records in the range.';
comment on column audit_seals.root is 'Merkle root over the previous root and the records, SHA-256.';
comment on column audit_seals.leaves is
    'Of each record its seq (8 bytes, big endian) and the first 8 bytes of its hash. They find a broken record '
    'and prove nothing.';
comment on column audit_seals.sealed_at is 'Instant of the sealing.';

comment on table reclaim_volunteers is 'Units that tenants offer to give back, for a premium.';
comment on column reclaim_volunteers.id is 'UUIDv7, shown as volunteer_….';
comment on column reclaim_volunteers.lease_id is 'The lease.';
comment on column reclaim_volunteers.tranche_id is 'The line of the schedule. It may be gone since.';
comment on column reclaim_volunteers.tenant_id is 'The tenant of the lease.';
comment on column reclaim_volunteers.provider_id is 'The provider of the lease.';
comment on column reclaim_volunteers.units is
    'The most units that are offered. No more count than the line still has.';
comment on column reclaim_volunteers.premium_per_gpu_hour is
    'Asked for on top of the price of what is given up, in the currency of the deployment.';
comment on column reclaim_volunteers.notice_seconds is 'Time that the tenant needs to leave, in seconds.';
comment on column reclaim_volunteers.state is 'open, withdrawn, taken, or over: the line ended.';
comment on column reclaim_volunteers.created_by is 'User or API key that made the offer.';
comment on column reclaim_volunteers.created_at is 'Instant of the offer.';
comment on column reclaim_volunteers.closed_at is
    'Instant at which it was withdrawn, taken or found to be over. Null while it is open.';

comment on table reclaim_plans is 'Plans to free capacity at least compensation. A plan serves nothing by itself.';
comment on column reclaim_plans.id is 'UUIDv7, shown as plan_….';
comment on column reclaim_plans.provider_id is 'The provider whose capacity it is.';
comment on column reclaim_plans.plan is 'The wish, the cuts with their money, and the alternatives, as shown.';
comment on column reclaim_plans.state is 'open, or drafted: it was carried out.';
comment on column reclaim_plans.created_by is 'User or API key that asked for it.';
comment on column reclaim_plans.created_at is 'Instant of the planning.';
comment on column reclaim_plans.carried_out is
    'The cases that were drafted and the units that were bought back. Null while it is open.';

comment on table quotas is 'Limits of what organizations and their projects may book.';
comment on column quotas.id is 'UUIDv7, shown as quota_….';
comment on column quotas.organization_id is 'The organization that is limited. Null for a default.';
comment on column quotas.verification is
    'Defaults: which organizations it is for, by their verification, where they have no quota of the same.';
comment on column quotas.project_id is 'Only bookings of this project count. Null for all of the organization.';
comment on column quotas.dimension is
    'What is limited: concurrent_gpus, concurrent_mw, gpu_hours_per_month, spend_per_month, longest_lease or '
    'open_requests.';
comment on column quotas.accelerator_id is 'Only what is booked of this chip counts. Null for all chips.';
comment on column quotas.site_id is 'Only what is booked at this site counts. Null for all sites.';
comment on column quotas.amount is
    'The limit in the grains of its dimension: GPUs, W, GPU-seconds, millionths of the currency times seconds, '
    'seconds or requests. Null for a share.';
comment on column quotas.share_millionths is
    'The limit as a share of what the organization has leased for no project, in millionths. Null for an amount.';
comment on column quotas.valid_from is 'It limits what happens from then on.';
comment on column quotas.valid_until is 'It limits what happens before then. Null for no end.';
comment on column quotas.reason is 'Why it is what it is, 1 to 2,000 characters.';
comment on column quotas.revision is 'Rises by one with each change. It is the ETag.';
comment on column quotas.created_at is 'Instant at which it was set.';
comment on column quotas.ended_at is
    'Instant at which it was lifted. The row stays for its history. Null while it stands.';

comment on table quota_overrides is 'Other amounts of quotas for limited periods, which do not overlap.';
comment on column quota_overrides.id is 'UUIDv7, shown as override_….';
comment on column quota_overrides.quota_id is 'The quota.';
comment on column quota_overrides.amount is 'The amount that stands instead, in the grains of quotas.amount.';
comment on column quota_overrides.during is 'The period [start, end). Empty if it was taken back before it began.';
comment on column quota_overrides.reason is 'Why, 1 to 2,000 characters.';
comment on column quota_overrides.created_at is 'Instant at which it was made.';

comment on table quota_requests is 'Requests to raise quotas.';
comment on column quota_requests.id is 'UUIDv7, shown as quotarequest_….';
comment on column quota_requests.quota_id is 'The quota to raise. It may be a default.';
comment on column quota_requests.organization_id is 'The organization that asks.';
comment on column quota_requests.project_id is 'The project of the quota. Null for none.';
comment on column quota_requests.amount is 'The amount that is asked for, in the grains of quotas.amount.';
comment on column quota_requests.reason is 'Why it is asked for, 1 to 2,000 characters.';
comment on column quota_requests.state is 'open, granted, denied or withdrawn.';
comment on column quota_requests.requested_by is 'User or API key that asked.';
comment on column quota_requests.decided_by is 'Who decided. Null while it is open.';
comment on column quota_requests.decided_at is 'Instant of the decision. Null while it is open.';
comment on column quota_requests.decision_reason is
    'Why it was decided so, 1 to 2,000 characters. Null while it is open.';
comment on column quota_requests.granted_amount is
    'The amount that was granted, which may be less than was asked for. Null unless it was granted.';
comment on column quota_requests.granted_until is
    'End of the override by which it was granted. Null if it was granted for good.';
comment on column quota_requests.revision is 'Rises by one with each change. It is the ETag.';
comment on column quota_requests.created_at is 'Instant of the request.';

comment on table quota_books is
    'Organizations whose bookings are counted. Whoever changes what one of them holds locks its row before any '
    'plane.';
comment on column quota_books.organization_id is 'The organization.';
comment on column quota_books.version is 'Rises by one with each transaction that may change what it holds.';
comment on column quota_books.rules_version is 'Rises by one when its quotas change.';
comment on column quota_books.trimmed_version is
    'Changes up to this version are deleted. Memory that is older is read anew.';

comment on table quota_changes is
    'Which leases and quotes changed with each version of a book, so that memory follows without reading '
    'everything.';
comment on column quota_changes.organization_id is 'The organization. It has a book.';
comment on column quota_changes.version is 'The version of the book.';
comment on column quota_changes.subjects is 'Leases and quotes that may hold more or less since.';

comment on table quota_defaults is
    'What every booking looks at first: whether there are default quotas. There is exactly one row.';
comment on column quota_defaults.only_row is 'Always true, so that there is one row.';
comment on column quota_defaults.version is 'Rises by one when a default changes.';
comment on column quota_defaults.is_any is 'Whether a default stands for verified organizations.';

comment on table inbox_messages is 'What organizations and the staff of the marketplace are told.';
comment on column inbox_messages.id is 'UUIDv7, shown as message_….';
comment on column inbox_messages.organization_id is
    'The organization that is told. Null for the staff of the marketplace.';
comment on column inbox_messages.kind is 'What happened, such as reclaim.served.';
comment on column inbox_messages.subject is 'Id of what it is about, such as case_….';
comment on column inbox_messages.title is 'One line, 1 to 200 characters.';
comment on column inbox_messages.body is 'The message.';
comment on column inbox_messages.created_at is 'Instant of the message.';
comment on column inbox_messages.read_at is
    'Instant at which a person of the recipient first read it. Null while it is unread.';
comment on column inbox_messages.read_by is 'That person.';

comment on table delays is 'Leases whose units are delivered late, and the credit that they earn.';
comment on column delays.id is 'UUIDv7, shown as delay_….';
comment on column delays.lease_id is 'The lease.';
comment on column delays.tranche_id is 'The line of the schedule.';
comment on column delays.delivery_id is 'The delivery that is late.';
comment on column delays.units is 'Number of units of the line that are late.';
comment on column delays.gpus is 'Number of their GPUs.';
comment on column delays.rate_per_gpu_hour is 'Rate as signed, in the currency of the deployment.';
comment on column delays.starts_at is 'The tenant should have them from then on.';
comment on column delays.expected_at is 'The tenant will have them then, as far as is known.';
comment on column delays.ended_at is
    'Instant at which they came, or the tenant no longer waited for them. Null while they are late.';
comment on column delays.price is 'Price of the time without them. Fixed at the end, null before.';
comment on column delays.credit is 'What the tenant is owed for it. Fixed at the end, null before.';
comment on column delays.created_at is 'Instant at which the delay was noted.';

comment on table stuck_jobs is
    'What the server cannot carry out although it is due, and when it tries again. All servers share it.';
comment on column stuck_jobs.job is 'Name of the job, such as reclaim.step_due.';
comment on column stuck_jobs.subject is 'Id of the row that it fails on.';
comment on column stuck_jobs.named is 'The same id as it is written for people, such as case_….';
comment on column stuck_jobs.failures is 'How often it has failed in a row.';
comment on column stuck_jobs.first_failed_at is 'Instant of the first of these failures.';
comment on column stuck_jobs.try_again_at is 'No server tries it before then.';
comment on column stuck_jobs.error is 'Why it failed last.';
comment on column stuck_jobs.told_at is
    'Instant at which the staff of the marketplace was told. Null while it was not.';
comment on column stuck_jobs.cleared_at is
    'Instant at which it was done or ceased to be due. The row is deleted once that was told.';
