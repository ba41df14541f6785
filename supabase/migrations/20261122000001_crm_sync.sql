-- Generated from sql/crm_sync/ by npm run migrations. Change the source, not this file.

-- sql/crm_sync/01_setup/schema.sql

-- The schema and what everything in it needs: one private schema, two roles without login, pgcrypto for HMAC.
-- Nothing in crm_sync is for PUBLIC, anon or authenticated; each file grants for its own objects at its bottom.

create schema crm_sync;
comment on schema crm_sync is
    'crm-sync: row changes in Postgres become calls to a CRM; nothing lost, nothing overtakes. Start at crm_sync.delivery_log.';

create schema if not exists extensions;
create extension if not exists pgcrypto with schema extensions;

do $$
begin
    if to_regprocedure('extensions.hmac(bytea, bytea, text)') is null then
        raise exception 'crm-sync needs pgcrypto in the schema "extensions"'
            using errcode = 'CS001', hint = 'alter extension pgcrypto set schema extensions';
    end if;
    if to_regrole('crm_sync_reader') is null then
        create role crm_sync_reader nologin;
    end if;
    if to_regrole('crm_sync_operator') is null then
        create role crm_sync_operator nologin;
    end if;
end
$$;

revoke all on schema crm_sync from public;
grant usage on schema crm_sync to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/01_setup/text.sql

-- The one rule on blank text, for conditions in attach(): empty or white space is no value (contract, "Payloads").

create function crm_sync.is_present(p_text text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return btrim(coalesce(p_text, ''), e' \t\n\r\f\u000b\u00a0') <> '';
end;
$$;

comment on function crm_sync.is_present(text) is
    'True when the text holds more than white space (also U+00A0). For conditions given to attach(). Immutable, safe to repeat.';

revoke all on function crm_sync.is_present(text) from public;

-- sql/crm_sync/01_setup/version.sql

-- Which release this is: package.json has the same, and a check compares them.

create function crm_sync.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '0.1.0'
$$;

comment on function crm_sync.version() is 'The installed release of crm-sync. Role: owner.';

revoke all on function crm_sync.version() from public;

-- sql/crm_sync/02_settings/copies.sql

-- Whether this is the server, the timeline and the database on which start() was called. A copy captures, and sends nothing:
-- its rows are somebody's test, and its schedule and secrets came along.

create function crm_sync._server_identity()
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_place text := nullif(current_setting('crm_sync.place', true), '');
begin
    if pg_is_in_recovery() then
        return null;
    end if;
    -- Asked at each commit. Server and database of a session stay, and the first is read from a file: looked up once.
    if v_place is null then
        v_place := format('%s/%%s/%s',
            (select control.system_identifier from pg_control_system() as control),
            (select databases.oid from pg_database as databases where databases.datname = current_database()));
        perform set_config('crm_sync.place', v_place, false);
    end if;
    -- The timeline of what is written now; the control file says that of the last checkpoint, for minutes after a promotion.
    return format(v_place, ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int);
exception when insufficient_privilege then
    return null;
end;
$$;

create function crm_sync._is_a_copy(p_started_on text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_started_on <> crm_sync._server_identity(), false);
end;
$$;

comment on function crm_sync._server_identity() is 'Server, timeline and database; null where that may not be asked, and on a standby.';
comment on function crm_sync._is_a_copy(text) is 'Whether start() was called elsewhere; false where nobody knows.';

revoke all on function crm_sync._server_identity(), crm_sync._is_a_copy(text) from public;

-- sql/crm_sync/02_settings/secrets.sql

-- What Vault holds for us: where to post, and the signing secrets. Read once per dispatch, never stored elsewhere.
-- No secret ever stands in a header, a URL or a body: PUBLIC may read net.http_request_queue.

create type crm_sync.function_access as (
    url      text,
    secrets  text[]
);

comment on type crm_sync.function_access is 'Where the Edge Function is, and what requests to it are signed with. Lives in variables only.';

create function crm_sync._function_access()
returns crm_sync.function_access
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            max(secrets.value) filter (where secrets.name = 'crm_sync_function_url'),
            regexp_split_to_array(max(secrets.value) filter (where secrets.name = 'crm_sync_signing_secret'), '\s+')
        )::crm_sync.function_access
        from (
            select decrypted.name, nullif(btrim(decrypted.decrypted_secret), '') as value
            from vault.decrypted_secrets as decrypted
            where decrypted.name in ('crm_sync_function_url', 'crm_sync_signing_secret')
        ) as secrets
    );
end;
$$;

create function crm_sync._required_function_access()
returns crm_sync.function_access
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function crm_sync.function_access := crm_sync._function_access();
begin
    if v_function.url is null or v_function.secrets is null then
        raise exception 'Vault holds no %', case when v_function.url is null then 'crm_sync_function_url' else 'crm_sync_signing_secret' end
            using errcode = 'CS010', hint = 'select vault.create_secret(''…'', ''crm_sync_…''); deliveries wait until then.';
    end if;
    return v_function;
end;
$$;

comment on function crm_sync._function_access() is
    'From Vault: crm_sync_function_url, where envelopes are posted; crm_sync_signing_secret, one or several whsec_… separated by spaces, all of them valid during a rotation. Null where absent or blank. Caller needs select on vault.decrypted_secrets.';

comment on function crm_sync._required_function_access() is 'The same, or CS010: Vault is not set up.';

revoke all on function crm_sync._function_access(), crm_sync._required_function_access() from public;

-- sql/crm_sync/02_settings/settings.sql

-- One row of settings for the whole engine. The tick locks it (for update skip locked): one tick at a time.
-- Capture never reads it; dispatch reads it without a lock.

create table crm_sync.settings (
    only_row                  boolean     primary key default true,
    is_running                boolean     not null default false,
    max_requests_in_flight    int         not null default 200,
    max_deliveries_at_once    int         not null default 5000,
    max_posts_per_session     int         not null default 1000,
    max_envelope_deliveries   int         not null default 100,
    max_envelope_bytes        int         not null default 60000,
    max_delivery_bytes        int         not null default 60000,
    request_timeout           interval    not null default '20 seconds',
    lease                     interval    not null default '2 minutes',
    wake_after                interval    not null default '5 seconds',
    keep_record_delivered     interval    not null default '7 days',
    keep_record_dead          interval    not null default '90 days',
    keep_trace                interval    not null default '180 days',
    backlog_age_limit         interval    not null default '5 minutes',
    silence_factor            int         not null default 10,
    alert_window              interval    not null default '1 hour',
    alert_reminder            interval    not null default '1 day',
    heartbeat_every           interval    default '5 minutes',
    office_time_zone          text        not null default 'Europe/Paris',
    started_on                text,
    email_columns             text[]      not null default '{email,client_email}',
    phone_columns             text[]      not null default '{phone,client_phone}',
    administrator_claim       text[]      not null default '{app_metadata,role}',
    administrator_roles       text[]      not null default '{admin}',
    constraint there_is_only_one_row check (only_row),
    constraint limits_are_positive check (
        max_requests_in_flight > 0
        and max_deliveries_at_once > 0
        and max_envelope_deliveries between 1 and 1000
        and max_envelope_bytes > 0
        and max_delivery_bytes >= max_envelope_bytes
        and max_posts_per_session >= 0
    ),
    constraint lease_outlives_the_request check (lease > request_timeout),
    constraint health_has_limits check (backlog_age_limit > interval '0' and silence_factor > 0),
    constraint alerts_are_not_repeated_at_once check (
        alert_window > interval '0' and alert_reminder >= alert_window and heartbeat_every > interval '0'
    ),
    constraint nobody_makes_themselves_administrator check (
        cardinality(administrator_claim) > 0 and administrator_claim[1] <> 'user_metadata'
    ),
    constraint office_time_zone_is_known check (timestamptz '2000-01-01 00:00:00+00' at time zone office_time_zone is not null)
);

insert into crm_sync.settings default values;

alter table crm_sync.settings enable row level security;

comment on table crm_sync.settings is
    'The engine''s settings, one row. Change a value with a plain update; it holds from the next dispatch on.';
comment on column crm_sync.settings.is_running is 'Set by start() and stop(). While false, nothing leaves; capture goes on.';
comment on column crm_sync.settings.max_requests_in_flight is
    'Our own requests inside pg_net at a time, until the tick has read their answers. One of its batches (200) by default: a request of others waits for one batch of ours at most. At 50 rows a second, each posted at its commit, some 150 are in flight.';
comment on column crm_sync.settings.max_deliveries_at_once is
    'Deliveries of one destination that one tick hands to pg_net: while they are sent, the next tick prepares as many more.';
comment on column crm_sync.settings.max_posts_per_session is
    'Dispatches at commit by one session. net.wake() registers a commit callback that is never removed: each post makes later commits of that session dearer.';
comment on column crm_sync.settings.max_envelope_bytes is
    'Bytes of one request body. pg_net 0.20.4 never finishes a body above 65,536 bytes (mended in 0.20.5): raise this only on a newer pg_net.';
comment on column crm_sync.settings.max_delivery_bytes is
    'A delivery larger than this goes dead as too_large; between max_envelope_bytes and this it travels alone.';
comment on column crm_sync.settings.request_timeout is
    'pg_net''s timeout. Timeouts nest: call to the receiver 8 s < deadline of the function 15 s < this.';
comment on column crm_sync.settings.lease is
    'How long a dispatched request may wait in pg_net''s queue before it is taken back and sent anew.';
comment on column crm_sync.settings.wake_after is 'Own requests that wait longer in pg_net''s queue make the tick call net.wake().';
comment on column crm_sync.settings.keep_record_delivered is 'How long the record of a delivered, superseded or cancelled delivery is kept.';
comment on column crm_sync.settings.keep_record_dead is 'How long the record of a dead delivery is kept.';
comment on column crm_sync.settings.keep_trace is 'How long deliveries and attempts are kept at all; without records they hold no personal data.';
comment on column crm_sync.settings.backlog_age_limit is 'What is due and has not left for longer turns health() red.';
comment on column crm_sync.settings.silence_factor is 'A route that is quiet for so many times its usual gap turns health() yellow.';
comment on column crm_sync.settings.alert_window is 'The same trouble is told once in this time, however often it comes and goes or grows.';
comment on column crm_sync.settings.alert_reminder is 'A trouble that lasts is told again after this.';
comment on column crm_sync.settings.heartbeat_every is
    'How often CRM_SYNC_HEARTBEAT_URL is called while the tick runs, by a whole minute; null: never. Each costs one call of the function.';
comment on column crm_sync.settings.office_time_zone is 'The clock that row_status() speaks by.';
comment on column crm_sync.settings.started_on is 'Server, timeline and database at the last start(). Where they are others now, this is a copy, and sends nothing until start() is called there.';
comment on column crm_sync.settings.email_columns is 'Columns, and fields of records, by which export_person() and erase_person() find a person''s email.';
comment on column crm_sync.settings.phone_columns is 'The same for a phone; compared by its last nine digits.';
comment on column crm_sync.settings.administrator_claim is
    'Where a signed-in person''s token says that they are an administrator: a path into its claims. Never user_metadata, which people write themselves.';
comment on column crm_sync.settings.administrator_roles is
    'What stands there, as text or in a list, of those who may use the dashboard''s functions.';

grant select on crm_sync.settings to crm_sync_reader, crm_sync_operator;

create policy readers_see_settings on crm_sync.settings
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/03_routes/destinations.sql

-- The receivers, each with its own limits, retry schedule and pause.

create table crm_sync.destinations (
    destination               text        primary key,
    is_paused                 boolean     not null default false,
    max_deliveries_in_flight  int         not null default 10000,
    rate_per_second           numeric,
    rate_tokens               numeric     not null default 0,
    rate_at                   timestamptz,
    retry_delays              interval[]  not null default array[
        '10 seconds', '1 minute', '5 minutes', '30 minutes', '2 hours',
        '5 hours', '10 hours', '14 hours', '20 hours', '24 hours'
    ]::interval[],
    max_retry_after           interval    not null default '24 hours',
    treats_409_as_delivered   boolean     not null default false,
    last_delivered_at         timestamptz,
    constraint schedule_has_at_least_one_delay check (cardinality(retry_delays) > 0),
    constraint rate_is_positive check (rate_per_second > 0),
    constraint some_deliveries_may_be_in_flight check (max_deliveries_in_flight > 0)
);

alter table crm_sync.destinations enable row level security;

comment on table crm_sync.destinations is 'A receiver with its limits, schedule and pause. Its URL and key are secrets of the Edge Function.';
comment on column crm_sync.destinations.is_paused is 'While true nothing is dispatched to it; capture goes on, no attempt is used up.';
comment on column crm_sync.destinations.rate_per_second is 'Deliveries per second at most; null: no rate. With a rate the tick alone dispatches.';
comment on column crm_sync.destinations.rate_tokens is 'Deliveries that the rate had left at rate_at.';
comment on column crm_sync.destinations.retry_delays is
    'Wait before attempts 2, 3, …, each ±20 % jitter. One more attempt than delays: 11 by default, over 3 days.';
comment on column crm_sync.destinations.max_retry_after is 'The longest Retry-After that is honoured.';
comment on column crm_sync.destinations.treats_409_as_delivered is 'For receivers that answer 409 to mean "known already". Else 409 is retried.';
comment on column crm_sync.destinations.last_delivered_at is
    'Newest delivery it took: the evidence without which exhausted attempts do not make a delivery dead.';

grant select on crm_sync.destinations to crm_sync_reader, crm_sync_operator;

create policy readers_see_destinations on crm_sync.destinations
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/03_routes/routes.sql

-- What is sent where. Which rows fire a route is decided by attach(); what the payload looks like, by the function's mapper.

create table crm_sync.routes (
    route        text  primary key,
    kind         text  not null,
    destination  text  not null references crm_sync.destinations (destination),
    position     int   not null unique,
    test_record  jsonb,
    constraint kind_is_state_or_event check (kind in ('state', 'event'))
);

create index routes_of_destination_idx on crm_sync.routes (destination);

-- A route has a name that the function's registry knows, a kind and a destination. Said again it changes nothing but its test
-- record, so that a migration may say it at any time.
create function crm_sync.define_route(p_route text, p_kind text, p_destination text, p_test_record jsonb default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known crm_sync.routes;
begin
    insert into crm_sync.destinations (destination) values (p_destination) on conflict do nothing;
    insert into crm_sync.routes (position, route, kind, destination, test_record)
    select coalesce(max(routes.position), 0) + 1, p_route, p_kind, p_destination, p_test_record from crm_sync.routes
    on conflict (route) do update set test_record = excluded.test_record
    returning * into v_known;
    -- What it has captured already is of that kind, and waits for that destination.
    if (v_known.kind, v_known.destination) is distinct from (p_kind, p_destination) then
        raise exception 'route % is there: % to %', p_route, v_known.kind, v_known.destination
            using errcode = 'CS034', hint = 'Give the new one another name, here and in the function''s registry.';
    end if;
end;
$$;

alter table crm_sync.routes enable row level security;

comment on table crm_sync.routes is 'What is sent for which change, to which destination. A route of the function''s registry has a row here.';
comment on column crm_sync.routes.kind is
    'state: the record is read when the delivery is first dispatched, the newest wins. event: it happened once and is sent as captured.';
comment on column crm_sync.routes.position is 'One statement that fires several routes for a row captures them in this order.';
comment on column crm_sync.routes.test_record is 'What test_delivery() sends: a record of nobody, marked as a test. Null: the route can not be tested so.';
comment on function crm_sync.define_route(text, text, text, jsonb) is
    'Makes a route known: its kind, state (the newest counts) or event (each counts), its destination, which it makes if need be, and what test_delivery() sends, or null. Safe to repeat; a test record is replaced. Role: owner. Errors: CS034 the route is there with another kind or destination, 23514 no such kind.';

revoke all on function crm_sync.define_route(text, text, text, jsonb) from public;
grant select on crm_sync.routes to crm_sync_reader, crm_sync_operator;

create policy readers_see_routes on crm_sync.routes
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/03_routes/routes_of_tables.sql

-- What attach() was told, one row for each table and route: the source from which the capture functions are generated.

create table crm_sync.attachments (
    table_name    text         not null,
    route         text         not null references crm_sync.routes (route),
    watched       text[]       not null,
    columns       text[]       not null,
    ordering_key  text         not null,
    condition     text         not null default 'true',
    transition    text         not null default 'true',
    joined        text,
    attached_at   timestamptz  not null default clock_timestamp(),
    primary key (table_name, route)
);

create index attachments_of_route_idx on crm_sync.attachments (route);

create table crm_sync.related_attachments (
    table_name    text         not null,
    route         text         not null,
    target_table  text         not null,
    watched       text[]       not null,
    affected      text         not null,
    attached_at   timestamptz  not null default clock_timestamp(),
    primary key (table_name, route),
    constraint target_is_attached foreign key (target_table, route)
        references crm_sync.attachments (table_name, route) on delete cascade
);

create index related_attachments_of_target_idx on crm_sync.related_attachments (target_table, route);

alter table crm_sync.attachments enable row level security;
alter table crm_sync.related_attachments enable row level security;

comment on table crm_sync.attachments is 'Which rows of which table fire which route; written by attach(), read by reattach().';
comment on column crm_sync.attachments.watched is 'Columns whose change fires the route.';
comment on column crm_sync.attachments.columns is 'Columns that the record holds; nothing else of the row leaves the database.';
comment on column crm_sync.attachments.ordering_key is 'SQL text over new.';
comment on column crm_sync.attachments.condition is 'SQL boolean over new: the route is about this row as it is now.';
comment on column crm_sync.attachments.transition is 'SQL boolean over new and old (all null on insert): what must have happened for the route to fire.';
comment on column crm_sync.attachments.joined is 'SQL jsonb object over this (the row): what the record takes from other tables, read at the first claim.';
comment on table crm_sync.related_attachments is 'Tables whose change is a change of other tables'' rows, as a customer''s is of their requests.';
comment on column crm_sync.related_attachments.affected is 'SQL query over new: primary keys, as text, of the affected rows of target_table.';

grant select on crm_sync.attachments, crm_sync.related_attachments to crm_sync_reader, crm_sync_operator;

create policy readers_see_attachments on crm_sync.attachments
    for select to crm_sync_reader, crm_sync_operator using (true);
create policy readers_see_related_attachments on crm_sync.related_attachments
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/03_routes/routes_of_the_contract.sql

-- The routes of docs/contract.md. Their test records are of nobody: each test is the same entity to the receiver, and says what it is.

select crm_sync.define_route('lead', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000001", "email": "crm-sync-test@example.com", "phone": null, "firstname": "TEST",
    "lastname": "crm-sync", "full_name": null, "connection_type": null, "postal_code": null, "source": "crm-sync-test",
    "utm_source": null, "utm_medium": null, "utm_campaign": null}$$);

select crm_sync.define_route('request', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
    "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null, "phase": null,
    "power_kva": null, "is_viabilise": null, "status": "submitted", "has_succeeded_payment": false,
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                 "company_name": null, "siren": null}}$$);

select crm_sync.define_route('payment_session', 'event', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0, "currency": "eur", "status": "pending",
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$);

select crm_sync.define_route('payment_intent', 'event', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000005", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": null, "stripe_payment_intent_id": "pi_test_crm_sync", "amount": 0, "currency": "eur", "status": "pending",
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync"}}$$);

select crm_sync.define_route('payment_status', 'state', 'monelec', $${
    "id": "00000000-0000-4000-8000-000000000004", "request_id": "00000000-0000-4000-8000-000000000002",
    "stripe_session_id": "cs_test_crm_sync", "stripe_payment_intent_id": null, "amount": 0,
    "request": {"id": "00000000-0000-4000-8000-000000000002", "customer_id": "00000000-0000-4000-8000-000000000003",
                "type_raccordement": "TEST crm-sync", "usage": null, "address": null, "city": null, "zip_code": null,
                "phase": null, "power_kva": null, "is_viabilise": null, "status": "submitted"},
    "customer": {"email": "crm-sync-test@example.com", "phone": null, "full_name": "TEST crm-sync", "client_type": null,
                 "company_name": null, "siren": null}}$$);

select crm_sync.define_route('order_confirmation', 'event', 'elementor', $${
    "id": "00000000-0000-4000-8000-000000000006", "order_number": "TEST-crm-sync", "client_name": "TEST crm-sync",
    "client_phone": null, "client_address": null, "client_city": null, "product_name": "TEST", "quantity": 1,
    "unit_price": 0, "total_amount": 0, "status": "confirmed", "confirmed_at": null}$$);

-- sql/crm_sync/04_ledger/breakers.sql

-- One breaker for each destination, and one for the Edge Function itself, whose failures are no receiver's fault.
-- Moved by settle alone, under the tick's lock; dispatch reads.

create table crm_sync.breakers (
    breaker            text         primary key,
    state              text         not null default 'closed',
    reason             text,
    open_until         timestamptz,
    open_count         int          not null default 0,
    opened_at          timestamptz,
    failures_in_a_row  int          not null default 0,
    failing_since      timestamptz,
    failing_keys       text[]       not null default '{}',
    misconfigured_keys text[]       not null default '{}',
    last_failed_key    text,
    last_success_at    timestamptz,
    probe_envelope_id  uuid,
    probed_at          timestamptz,
    probe_outcome      text,
    constraint breaker_state_is_known check (state in ('closed', 'open', 'half_open')),
    constraint open_knows_until_when check ((state = 'open') = (open_until is not null)),
    constraint half_open_exactly_while_probing check ((state = 'half_open') = (probe_envelope_id is not null))
) with (fillfactor = 50);

create table crm_sync.breaker_minutes (
    breaker        text         not null,
    minute         timestamptz  not null,
    attempt_count  int          not null,
    failure_count  int          not null,
    primary key (breaker, minute)
);

insert into crm_sync.breakers (breaker)
select destinations.destination from crm_sync.destinations
union all
values ('function');

create function crm_sync._give_breaker()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into crm_sync.breakers (breaker) values (new.destination) on conflict do nothing;
    return null;
end;
$$;

create trigger every_destination_has_a_breaker
after insert on crm_sync.destinations
for each row
execute function crm_sync._give_breaker();

alter table crm_sync.breakers enable row level security;
alter table crm_sync.breaker_minutes enable row level security;

comment on table crm_sync.breakers is 'Whether a destination, or the function, is called at all. While one is open nothing is sent but probes, and no attempt is used up.';
comment on column crm_sync.breakers.state is 'closed: calls go out. open: none until open_until. half_open: one probe is under way.';
comment on column crm_sync.breakers.open_count is 'Times it opened in a row: 30 s, doubling to 15 min.';
comment on column crm_sync.breakers.failing_keys is 'Two ordering keys, at most, of the failures in a row: one delivery that always fails must not close a destination.';
comment on column crm_sync.breakers.misconfigured_keys is 'Two of them, at most, that came back misconfigured: one lead that trips a firewall must not close a destination.';
comment on column crm_sync.breakers.last_failed_key is 'The key that failed last; a probe takes another where there is one.';
comment on function crm_sync._give_breaker() is 'A new destination begins with a closed breaker.';
comment on table crm_sync.breaker_minutes is 'Attempts and failures a minute, from which a breaker opens at 70 % failing of at least 10 in 5 minutes.';

grant select on crm_sync.breakers, crm_sync.breaker_minutes to crm_sync_reader, crm_sync_operator;

create policy readers_see_breakers on crm_sync.breakers
    for select to crm_sync_reader, crm_sync_operator using (true);
create policy readers_see_breaker_minutes on crm_sync.breaker_minutes
    for select to crm_sync_reader, crm_sync_operator using (true);

revoke all on function crm_sync._give_breaker() from public;

-- sql/crm_sync/04_ledger/capture_failures.sql

-- What capture could not write: the changes of one statement, kept until the tick has captured them.
-- Called by the exception block of every generated capture function; the application's write goes on.

create table crm_sync.capture_failures (
    capture_failure_id  bigint       generated always as identity primary key,
    table_name          text         not null,
    operation           text         not null,
    row_ids             text[],
    old_rows            jsonb        not null,
    new_rows            jsonb        not null,
    sql_state           text         not null,
    detail              text,
    retry_count         int          not null default 0,
    next_retry_at       timestamptz  not null default now(),
    failed_at           timestamptz  not null default clock_timestamp()
);

create index capture_failures_due_idx on crm_sync.capture_failures (next_retry_at);

alter table crm_sync.capture_failures enable row level security;

create function crm_sync._capture_failed(
    p_table_name text, p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_row_ids text[],
    p_sql_state text, p_message text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state, detail)
    values (
        p_table_name, p_operation, p_row_ids, coalesce(p_old_rows, '[]'), coalesce(p_new_rows, '[]'),
        p_sql_state, crm_sync._harmless_message(p_sql_state, p_message)
    );
exception when others then
    perform nextval('crm_sync.unstored_changes');
    raise log 'crm-sync: rows of % missed by capture (SQLSTATE %) and not stored (SQLSTATE %)', p_table_name, p_sql_state, sqlstate;
end;
$$;

comment on table crm_sync.capture_failures is
    'Changes that capture could not write; the tick captures them as soon as it can. Holds personal data until then.';
comment on column crm_sync.capture_failures.new_rows is 'The changed rows, as the statement left them; whole, because a condition may use any column.';
comment on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text) is
    'Stores a statement''s changes for the tick, or leaves word that it could not.';

revoke all on function crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text) from public;

-- sql/crm_sync/04_ledger/deliveries.sql

-- The ledger: one row for each change and route, with one id for life. Capture only inserts; dispatch, settle and the
-- operator update. No foreign key leads out of it: it would lock a hot row for every writer.
-- pending → in_flight → delivered, back to pending, or dead; also superseded (a newer state was delivered) and cancelled.
-- Few checks: each costs every captured statement some 10 µs, because Postgres reads it anew each time.

create table crm_sync.deliveries (
    delivery_id             bigint       generated always as identity primary key,
    idempotency_key         uuid         not null default gen_random_uuid(),
    route                   text         not null,
    destination             text         not null,
    table_name              text         not null,
    row_id                  text         not null,
    operation               text         not null,
    ordering_key            text         not null,
    record                  jsonb,
    status                  text         not null default 'pending',
    attempt_count           int          not null default 0,
    envelope_failure_count  int          not null default 0,
    wait_count              int          not null default 0,
    failed_alone_count      int          not null default 0,
    failed_alone_since      timestamptz,
    next_attempt_at         timestamptz  not null default now(),
    is_parked               boolean      not null default false,
    is_backfill             boolean      not null default false,
    dispatch_at_commit      boolean      not null default false,
    captured_at             timestamptz  not null default clock_timestamp(),
    claimed_at              timestamptz,
    claimed_snapshot        pg_snapshot,
    envelope_id             uuid,
    last_outcome            text,
    last_status             int,
    last_error_code         text,
    last_error              text,
    covered_by              bigint,
    superseded_by           bigint,
    finished_at             timestamptz,
    constraint status_is_known check (
        status in ('pending', 'in_flight', 'delivered', 'dead', 'superseded', 'cancelled')
    ),
    constraint in_flight_exactly_while_in_an_envelope check ((status = 'in_flight') = (envelope_id is not null)),
    constraint finished_exactly_when_final check ((status = 'pending' or status = 'in_flight') = (finished_at is null)),
    constraint superseded_exactly_when_by_another check ((status = 'superseded') = (superseded_by is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index deliveries_due_idx on crm_sync.deliveries (destination, is_backfill, next_attempt_at, delivery_id)
    where status = 'pending' and not is_parked;
create index deliveries_unfinished_of_key_idx on crm_sync.deliveries (ordering_key, delivery_id)
    where status in ('pending', 'in_flight');
create index deliveries_in_flight_idx on crm_sync.deliveries (envelope_id)
    where status = 'in_flight';
-- What waits for a person, which alert() asks each minute.
create index deliveries_dead_idx on crm_sync.deliveries (route)
    where status = 'dead';
create index deliveries_of_row_idx on crm_sync.deliveries (row_id, delivery_id);

alter table crm_sync.deliveries enable row level security;

comment on table crm_sync.deliveries is
    'The ledger: one row for each change to be delivered to one destination. Holds personal data in record until purge.';
comment on column crm_sync.deliveries.idempotency_key is 'Random, made at capture, equal on every attempt; no receiver can guess it from a sequence.';
comment on column crm_sync.deliveries.table_name is 'schema.table, quoted where needed.';
comment on column crm_sync.deliveries.row_id is 'Primary key as text; a JSON array where it has several columns.';
comment on column crm_sync.deliveries.ordering_key is
    'Deliveries of one key and destination leave one after another, in the order of capture. A state not yet read moves with its row to another key.';
comment on column crm_sync.deliveries.record is
    'Event route: the row as captured. State route: the row as read at the first claim. Frozen from the first claim on.';
comment on column crm_sync.deliveries.attempt_count is 'Attempts that count towards the schedule; waiting, probing and platform failures do not.';
comment on column crm_sync.deliveries.envelope_failure_count is 'Envelopes in a row that came back without a usable answer; halves the next envelope.';
comment on column crm_sync.deliveries.wait_count is 'Tries in a row that used up no attempt: misconfigured, or no usable answer. Each makes the next wait longer.';
comment on column crm_sync.deliveries.failed_alone_count is 'Envelopes without a usable answer that it was alone in; three of them while others succeed make it poison.';
comment on column crm_sync.deliveries.next_attempt_at is 'Due from then on. At capture the start of the transaction, by which dispatch at commit finds its own.';
comment on column crm_sync.deliveries.is_parked is 'Waits for another delivery of its key; woken when that one is settled. Costs the tick nothing.';
comment on column crm_sync.deliveries.dispatch_at_commit is 'Captured by a statement of few rows: its insertion queues the dispatch at commit.';
comment on column crm_sync.deliveries.claimed_at is 'First claim: when the record was frozen. Not later than the snapshot that it was read in.';
comment on column crm_sync.deliveries.claimed_snapshot is 'Which transactions were visible when the record was read: a clock may be set back, this can not.';
comment on column crm_sync.deliveries.covered_by is 'A newer delivery of the same state, claimed in its stead: superseded when that one is delivered.';
comment on column crm_sync.deliveries.last_error is 'Our words and the receiver''s, every value of the payload replaced by <field>; no personal data.';

-- No grant on the table itself: readers use the views, which leave the record out.

-- sql/crm_sync/04_ledger/delivery_attempts.sql

-- One row for each try of a delivery, written when it is settled. No foreign key: purge deletes both sides together,
-- and a drain settles thousands of rows a second.

create table crm_sync.delivery_attempts (
    delivery_id    bigint       not null,
    envelope_id    uuid         not null,
    attempt        int          not null,
    is_counted     boolean      not null,
    outcome        text         not null,
    status         int,
    error_code     text,
    error          text,
    dispatched_at  timestamptz  not null,
    settled_at     timestamptz  not null,
    primary key (delivery_id, envelope_id),
    constraint attempt_outcome_is_known check (
        outcome in ('delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown')
    )
);

alter table crm_sync.delivery_attempts enable row level security;

comment on table crm_sync.delivery_attempts is 'One HTTP try of a delivery, with its outcome. No personal data.';
comment on column crm_sync.delivery_attempts.attempt is 'Number of the counted attempt that this try was part of; tries that do not count repeat it.';
comment on column crm_sync.delivery_attempts.is_counted is 'False where the receiver was not at fault or not reached: misconfigured, not attempted, no usable answer.';
comment on column crm_sync.delivery_attempts.status is 'HTTP status of the receiver, where there was one.';

-- sql/crm_sync/04_ledger/envelopes.sql

-- One row for each request handed to pg_net: which of its ids is ours, until when we wait, what became of it.
-- pg_net's own tables are unlogged and its ids start again at 1 after a crash; this is what remains.

create table crm_sync.envelopes (
    envelope_id     uuid         primary key,
    destination     text         not null,
    request_id      bigint       not null,
    delivery_count  int          not null,
    is_probe        boolean      not null default false,
    dispatched_at   timestamptz  not null,
    lease_until     timestamptz  not null,
    status          text         not null default 'in_flight',
    http_status     int,
    error           text,
    settled_at      timestamptz,
    constraint envelope_status_is_known check (status in ('in_flight', 'answered', 'failed', 'lost', 'taken_back')),
    constraint settled_exactly_when_not_in_flight check ((status = 'in_flight') = (settled_at is null))
) with (fillfactor = 80);

create index envelopes_in_flight_idx on crm_sync.envelopes (dispatched_at)
    where status = 'in_flight';

alter table crm_sync.envelopes enable row level security;

comment on table crm_sync.envelopes is 'One request to the Edge Function with up to 100 deliveries. No personal data.';
comment on column crm_sync.envelopes.request_id is 'Id in net.http_request_queue and net._http_response; not unique over a crash of the server.';
comment on column crm_sync.envelopes.is_probe is 'One delivery, to see whether a receiver or the function is back; its failure uses up no attempt.';
comment on column crm_sync.envelopes.status is
    'answered: our signed answer. failed: no usable answer of ours. lost: gone from pg_net. taken_back: lease ended in the queue, or stop().';

-- sql/crm_sync/04_ledger/faults.sql

-- What our own code could not do: a place, an SQLSTATE, a time. Written by the exception blocks of capture, dispatch and
-- tick, which must not fail the application; at most one row a minute for each place and SQLSTATE.

create table crm_sync.faults (
    fault_id    bigint       generated always as identity primary key,
    place       text         not null,
    sql_state   text         not null,
    detail      text,
    noticed_at  timestamptz  not null default clock_timestamp()
);

create index faults_newest_of_place_idx on crm_sync.faults (place, noticed_at);

alter table crm_sync.faults enable row level security;

create function crm_sync._note_fault(p_place text, p_sql_state text, p_message text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.faults (place, sql_state, detail)
    select p_place, p_sql_state, crm_sync._harmless_message(p_sql_state, p_message)
    where not exists (
        select from crm_sync.faults as known
        where known.place = p_place
          and known.noticed_at > clock_timestamp() - interval '1 minute'
          and known.sql_state = p_sql_state
    );
exception when others then
    raise log 'crm-sync: fault in % (SQLSTATE %) could not be stored (SQLSTATE %)', p_place, p_sql_state, sqlstate;
end;
$$;

create function crm_sync._harmless_message(p_sql_state text, p_message text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Classes 42 (names, syntax, rights) and CS (ours) quote identifiers only; others may quote values of a row.
    select case when p_sql_state like '42%' or p_sql_state like 'CS%' then left(p_message, 500) end;
$$;

comment on table crm_sync.faults is 'Errors that our own code caught so that the application''s write did not fail. No personal data.';
comment on function crm_sync._note_fault(text, text, text) is 'Stores a caught error, never raises; at most one row a minute for each place and SQLSTATE.';
comment on function crm_sync._harmless_message(text, text) is 'The message where it can hold no value of a row, else null.';

revoke all on function crm_sync._note_fault(text, text, text), crm_sync._harmless_message(text, text) from public;

-- sql/crm_sync/04_ledger/related_changes.sql

-- A customer was corrected: which requests does that change? Asked after the commit, by the tick, because a transaction
-- that inserts a request of theirs at the same moment sees neither the correction nor is it seen by it.

create table crm_sync.related_changes (
    related_change_id  bigint       generated always as identity primary key,
    table_name         text         not null,
    row_id             text         not null,
    changed_at         timestamptz  not null default clock_timestamp(),
    changed_in         xid8         not null default pg_current_xact_id(),
    horizon            xid8
);

alter table crm_sync.related_changes enable row level security;

comment on table crm_sync.related_changes is 'Changed rows whose effect on rows of other tables the tick has still to capture.';
comment on column crm_sync.related_changes.changed_in is 'The transaction of the change: whoever claimed with a snapshot that sees it has read the row as changed.';
comment on column crm_sync.related_changes.horizon is
    'Set at the first look. Transactions older than this may have read the row before its change; looked at once more when all have ended.';

-- sql/crm_sync/04_ledger/settlement.sql

-- What reconcile hands to settle: one outcome of one delivery in one envelope. A type, kept nowhere.

create type crm_sync.settlement as (
    delivery_id      bigint,
    envelope_id      uuid,
    outcome          text,
    is_counted       boolean,
    envelope_failed  boolean,
    status           int,
    retry_after      int,
    error_code       text,
    error            text
);

comment on type crm_sync.settlement is 'The outcome of one delivery in one envelope. retry_after in seconds.';

-- sql/crm_sync/04_ledger/unstored_changes.sql

-- The last resort of capture: where ledger and capture_failures are both locked, as by a migration that changes both, all
-- that can be kept is that something was missed. A sequence takes no lock that a table's can hold up, and no rollback.

create sequence crm_sync.unstored_changes;

create table crm_sync.unstored_seen (
    only_row       boolean      primary key default true,
    value          bigint       not null default 0,
    changed_since  timestamptz,
    horizon        xid8,
    constraint there_is_only_one_row check (only_row)
);

insert into crm_sync.unstored_seen default values;

alter table crm_sync.unstored_seen enable row level security;

comment on sequence crm_sync.unstored_changes is 'Moves whenever a change could be neither captured nor stored; the tick then looks for what is missing.';
comment on table crm_sync.unstored_seen is 'How far the tick has looked after unstored changes.';
comment on column crm_sync.unstored_seen.changed_since is 'Rows changed since then are looked at once more; null: nothing is due.';
comment on column crm_sync.unstored_seen.horizon is 'The look is due when every transaction older than this has ended: a missed change may not be committed yet.';

-- sql/crm_sync/05_capture/attach.sql

-- attach(), attach_related(), detach(), reattach(): put capture on a table, take it off, make it anew.
-- Lock: share row exclusive on the table while its triggers are made or dropped, waited for 3 s at most.

create function crm_sync.attach(
    p_table        regclass,
    p_route        text,
    p_watched      text[],
    p_ordering_key text,
    p_condition    text default 'true',
    p_transition   text default 'true',
    p_columns      text[] default null,
    p_joined       text default null
)
returns crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns    text[] := coalesce(
        p_columns,
        (select array_agg(keys.column_name) from crm_sync._primary_key(p_table) as keys
         where keys.column_name <> all (p_watched)) || p_watched,
        p_watched);
    v_attachment crm_sync.attachments;
begin
    perform crm_sync._require_attachable(p_table, p_watched, v_columns);
    if not exists (select from crm_sync.routes where routes.route = p_route) then
        raise exception 'crm-sync knows no route "%"', p_route
            using errcode = 'CS002',
                  hint = format('known routes: %s', (select string_agg(route, ', ' order by position) from crm_sync.routes));
    end if;
    insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key, condition, transition, joined)
    values (crm_sync._table_name(p_table), p_route, p_watched, v_columns, p_ordering_key, p_condition, p_transition, p_joined)
    on conflict (table_name, route) do update
    set watched = excluded.watched, columns = excluded.columns, ordering_key = excluded.ordering_key,
        condition = excluded.condition, transition = excluded.transition, joined = excluded.joined
    returning * into v_attachment;
    perform crm_sync._reattach_table(v_attachment.table_name);
    perform crm_sync._require_evaluable(v_attachment.table_name);
    return v_attachment;
end;
$$;

create function crm_sync.attach_related(
    p_table regclass, p_route text, p_target regclass, p_watched text[], p_affected text
)
returns crm_sync.related_attachments
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_related crm_sync.related_attachments;
begin
    perform crm_sync._require_attachable(p_table, p_watched, p_watched);
    if not exists (
        select from crm_sync.attachments
        where attachments.table_name = crm_sync._table_name(p_target) and attachments.route = p_route
    ) then
        raise exception 'route "%" is not attached to %', p_route, p_target
            using errcode = 'CS003', hint = format('attach(%L, %L, …) first', p_target, p_route);
    end if;
    insert into crm_sync.related_attachments (table_name, route, target_table, watched, affected)
    values (crm_sync._table_name(p_table), p_route, crm_sync._table_name(p_target), p_watched, p_affected)
    on conflict (table_name, route) do update
    set target_table = excluded.target_table, watched = excluded.watched, affected = excluded.affected
    returning * into v_related;
    perform crm_sync._reattach_table(v_related.table_name);
    perform crm_sync._require_evaluable(v_related.table_name);
    return v_related;
end;
$$;

create function crm_sync._require_attachable(p_table regclass, p_watched text[], p_columns text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_class   pg_catalog.pg_class;
    v_unknown text;
begin
    select * into v_class from pg_catalog.pg_class where pg_class.oid = p_table;
    if v_class.oid is null or v_class.relkind not in ('r', 'p') or v_class.relispartition then
        raise exception '% can not be attached: it is not an ordinary or partitioned table', coalesce(p_table::text, 'null')
            using errcode = 'CS004', hint = 'Attach the table itself; of a partitioned table, its root.';
    end if;
    if not exists (select from crm_sync._primary_key(p_table)) then
        raise exception '% can not be attached: it has no primary key', p_table
            using errcode = 'CS004', hint = 'alter table … add primary key (…): deliveries name their row by it.';
    end if;
    select string_agg(quote_ident(columns.name), ', ' order by columns.position) into v_unknown
    from (
        select named.name, min(named.position) as position
        from unnest(p_watched || p_columns) with ordinality as named (name, position)
        group by named.name
    ) as columns
    where not exists (
        select from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table and attributes.attname = columns.name
          and attributes.attnum > 0 and not attributes.attisdropped
    );
    if v_unknown is not null or cardinality(p_watched) = 0 then
        raise exception '% has no column %', p_table, coalesce(v_unknown, 'to watch')
            using errcode = 'CS004', hint = 'Name columns of the table itself.';
    end if;
end;
$$;

create function crm_sync._require_evaluable(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Over no rows at all, the generated queries are still parsed and planned: a wrong name or type shows now, not at
    -- the first write.
    perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', '[]');
    perform crm_sync._records(attachments.table_name, attachments.route, '{}')
    from crm_sync.attachments
    where attachments.table_name = p_table_name;
    if exists (select from crm_sync.related_attachments as related where related.table_name = p_table_name) then
        execute format('select from crm_sync.%I($1)', crm_sync._generated_name('related', p_table_name)) using '{}'::text[];
    end if;
exception when others then
    raise exception '% can not be attached: %', p_table_name, sqlerrm
        using errcode = 'CS004',
              hint = 'Condition and ordering key speak of new, the transition also of old, joined of this; every other name is written in full.';
end;
$$;

comment on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text) is
    'Captures changes of a table for a route. Watched columns; SQL over new for the ordering key and the condition; over new and old (all null on insert) for the transition; the columns of the record (default: primary key and watched); joined: a jsonb object over this. Safe to repeat: the newest call counts. Errors: CS002 unknown route, CS004 table or column unfit, 55P03 table locked for 3 s. Role: owner of the table.';
comment on function crm_sync.attach_related(regclass, text, regclass, text[], text) is
    'A change of these columns counts as a change of the rows of another table that the query (over new) names, as a customer''s of their requests. Safe to repeat. Errors: CS003 route not attached to the target, CS004. Role: owner of the table.';
comment on function crm_sync._require_evaluable(text) is 'Raises CS004 unless every expression given for the table can be evaluated.';
comment on function crm_sync._require_attachable(regclass, text[], text[]) is 'Raises CS004 unless the table can be attached and has the columns.';

revoke all on function crm_sync.attach(regclass, text, text[], text, text, text, text[], text),
    crm_sync.attach_related(regclass, text, regclass, text[], text), crm_sync._require_attachable(regclass, text[], text[]),
    crm_sync._require_evaluable(text) from public;

-- sql/crm_sync/05_capture/catalog.sql

-- Reads the catalog for attach(): names, primary keys, and how two values of a column are compared.

create function crm_sync._table_name(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format('%I.%I', namespaces.nspname, classes.relname)
    from pg_catalog.pg_class as classes
    join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
    where classes.oid = p_table;
$$;

create function crm_sync._primary_key(p_table regclass)
returns table (column_name text, column_type text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attributes.attname::text, format_type(attributes.atttypid, attributes.atttypmod)
    from pg_catalog.pg_index as indexes
    cross join unnest(indexes.indkey::int2[]) with ordinality as keys (attnum, position)
    join pg_catalog.pg_attribute as attributes
      on attributes.attrelid = indexes.indrelid and attributes.attnum = keys.attnum
    where indexes.indrelid = p_table and indexes.indisprimary
    order by keys.position;
$$;

create function crm_sync._row_id_sql(p_table regclass, p_alias text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case count(*)
        when 1 then format('%s.%I::text', p_alias, min(keys.column_name))
        else format('jsonb_build_array(%s)::text', string_agg(format('%s.%I', p_alias, keys.column_name), ', '))
    end
    from crm_sync._primary_key(p_table) as keys;
$$;

create function crm_sync._row_matches_sql(p_table regclass, p_alias text, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The id is cast to the key's type, never the column to text: the primary key's index serves.
    select string_agg(
        case count_keys
            when 1 then format('%s.%I = %s::%s', p_alias, column_name, p_row_id, column_type)
            else format('%s.%I = (%s::jsonb ->> %s)::%s', p_alias, column_name, p_row_id, position - 1, column_type)
        end, ' and ')
    from (
        select keys.column_name, keys.column_type, row_number() over () as position, count(*) over () as count_keys
        from crm_sync._primary_key(p_table) as keys
    ) as numbered;
$$;

create function crm_sync._same_row_sql(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(format('old.%1$I = new.%1$I', keys.column_name), ' and ')
    from crm_sync._primary_key(p_table) as keys;
$$;

create function crm_sync._changed_sql(p_table regclass, p_columns text[])
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- json, xml, point and their like have no equality that `is distinct from` can use: compared as text.
    select string_agg(
        case when exists (
                select from pg_catalog.pg_opclass as classes
                where classes.opcdefault
                  and classes.opcmethod = (select am.oid from pg_catalog.pg_am as am where am.amname = 'btree')
                  and (classes.opcintype = types.oid or types.typbasetype = classes.opcintype)
            ) or types.typtype in ('e', 'r', 'm') or types.typname in ('varchar', 'cidr')
            then format('old.%1$I is distinct from new.%1$I', attributes.attname)
            else format('old.%1$I::text is distinct from new.%1$I::text', attributes.attname)
        end, ' or ' order by array_position(p_columns, attributes.attname::text))
    from pg_catalog.pg_attribute as attributes
    join pg_catalog.pg_type as types on types.oid = attributes.atttypid
    where attributes.attrelid = p_table
      and attributes.attname = any (p_columns)
      and not attributes.attisdropped;
$$;

comment on function crm_sync._table_name(regclass) is 'schema.table, quoted where needed, whatever the search_path.';
comment on function crm_sync._primary_key(regclass) is 'Columns of the primary key in order; no rows where there is none.';
comment on function crm_sync._row_id_sql(regclass, text) is 'SQL text: the row id of an aliased row.';
comment on function crm_sync._row_matches_sql(regclass, text, text) is 'SQL boolean: the aliased row has this row id.';
comment on function crm_sync._same_row_sql(regclass) is 'SQL boolean: old and new are the same row.';
comment on function crm_sync._changed_sql(regclass, text[]) is 'SQL boolean: one of the columns differs between old and new.';

revoke all on function crm_sync._table_name(regclass), crm_sync._primary_key(regclass),
    crm_sync._row_id_sql(regclass, text), crm_sync._row_matches_sql(regclass, text, text),
    crm_sync._same_row_sql(regclass), crm_sync._changed_sql(regclass, text[]) from public;

-- sql/crm_sync/05_capture/detach.sql

-- The exact inverse of attach(): triggers, generated functions and attachments of a table go; its deliveries stay.

create function crm_sync.detach(p_table regclass, p_route text default null)
returns setof crm_sync.attachments
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_detached   crm_sync.attachments[];
    v_left       text;
begin
    -- Tables whose changes count as changes of this one lose their attachment with it.
    for v_left in
        with related as (
            delete from crm_sync.related_attachments as related
            where v_table_name in (related.table_name, related.target_table)
              and related.route = coalesce(p_route, related.route)
            returning related.table_name
        )
        select related.table_name from related
        union
        select v_table_name
    loop
        with detached as (
            delete from crm_sync.attachments
            where attachments.table_name = v_table_name and attachments.route = coalesce(p_route, attachments.route)
            returning attachments.*
        )
        select coalesce(v_detached, array_agg(detached::crm_sync.attachments)) into v_detached from detached;
        perform crm_sync._take_off(v_left);
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    return query select * from unnest(v_detached);
end;
$$;

create function crm_sync._take_off(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_has_routes  boolean := exists (select from crm_sync.attachments where attachments.table_name = p_table_name);
    v_has_related boolean := exists (
        select from crm_sync.related_attachments as related where related.table_name = p_table_name);
    v_function    regprocedure;
begin
    if not v_has_routes then
        execute format('drop trigger if exists crm_sync_capture_insert on %s', p_table_name);
    end if;
    if v_has_routes or v_has_related then
        perform crm_sync._reattach_table(p_table_name);
        return;
    end if;
    execute format('drop trigger if exists crm_sync_capture_update on %s', p_table_name);
    for v_function in select crm_sync._generated_functions(p_table_name) loop
        execute format('drop function %s', v_function);
    end loop;
end;
$$;

create function crm_sync._generated_functions(p_table_name text)
returns setof regprocedure
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A route's record function stays as long as deliveries of it may wait for their first claim.
    return query
    select procedures.oid::regprocedure
    from pg_catalog.pg_proc as procedures
    where procedures.pronamespace = 'crm_sync'::regnamespace
      and procedures.proname in (
          crm_sync._generated_name('capture', p_table_name),
          crm_sync._generated_name('recapture', p_table_name),
          crm_sync._generated_name('related', p_table_name)
      );
end;
$$;

comment on function crm_sync.detach(regclass, text) is
    'Takes capture off a table, of one route or of all; returns what was attached. Deliveries already captured are still delivered. Safe to repeat. Role: owner of the table. Error: 55P03 table locked for 3 s.';
comment on function crm_sync._take_off(text) is 'Makes a table''s triggers and functions agree with what is still attached; drops them where nothing is.';
comment on function crm_sync._generated_functions(text) is 'The functions generated for a table as a whole.';

revoke all on function crm_sync.detach(regclass, text), crm_sync._take_off(text), crm_sync._generated_functions(text) from public;

-- sql/crm_sync/05_capture/fired.sql

-- Turns attachments into static functions, so that no SQL is planned anew per row: one capture function a table, one
-- that captures changes handed to it as JSON (repair, backfill), and one a route that builds records.
-- Called by attach() and reattach(). Every generated function is owned and executable by the installer alone.

create function crm_sync._generated_name(p_kind text, p_table_name text, p_route text default null)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Two underscores stand between the parts and in no function written by hand.
    v_parts text[] := parse_ident(p_table_name) || p_route;
    v_name  text;
begin
    if v_parts[1] = 'public' then
        v_parts := v_parts[2:];
    end if;
    v_name := '_' || p_kind || '__' || array_to_string(v_parts, '__');
    if length(v_name) <= 63 and (select bool_and(parts.part ~ '^[a-z0-9]+(_[a-z0-9]+)*$') from unnest(v_parts) as parts (part)) then
        return v_name;
    end if;
    return left(regexp_replace(lower(v_name), '[^a-z0-9_]+', '_', 'g'), 50) || '__' || left(md5(p_table_name || ' ' || coalesce(p_route, '')), 8);
end;
$$;

create function crm_sync._columns_sql(p_columns text[], p_alias text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(format('%s.%I', p_alias, columns.name), ', ' order by columns.position)
    from unnest(p_columns) with ordinality as columns (name, position);
$$;

create function crm_sync._fired_sql(p_attachment crm_sync.attachments, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table  regclass := p_attachment.table_name::regclass;
    v_route  crm_sync.routes;
    v_record text := 'null::jsonb';
begin
    select * into strict v_route from crm_sync.routes where routes.route = p_attachment.route;
    if v_route.kind = 'event' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'new'));
    end if;
    if v_route.kind = 'event' and p_operation <> 'RECAPTURE' then
        -- As the statement left the row, not as it wrote it: an AFTER ROW trigger may have numbered it since.
        v_record := format(
            'coalesce((select to_jsonb(picked) from (select %s from %s as this where %s) as picked), %s)',
            crm_sync._columns_sql(p_attachment.columns, 'this'), p_attachment.table_name,
            replace(crm_sync._same_row_sql(v_table), 'old.', 'this.'), v_record);
    end if;
    return format(
        $sql$            select %s as position, %L as route, %L as destination, %s as row_id, (%s)::text as ordering_key,
                   %s as record
            from new_rows as new%s
$sql$,
        v_route.position, p_attachment.route, v_route.destination, crm_sync._row_id_sql(v_table, 'new'),
        p_attachment.ordering_key, v_record, crm_sync._fired_where_sql(p_attachment, p_operation)
    );
end;
$$;

create function crm_sync._fired_where_sql(p_attachment crm_sync.attachments, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table          regclass := p_attachment.table_name::regclass;
    v_has_transition boolean := p_attachment.transition <> 'true';
    v_is_new         text := format('old.%I is null', (select keys.column_name from crm_sync._primary_key(v_table) as keys limit 1));
begin
    if p_operation = 'INSERT' then
        -- old is there for the transition to speak of, and all null.
        return case when v_has_transition then e'\n            left join new_rows as old on false' else '' end
            || format(e'\n            where (%s) is true', p_attachment.condition)
            || case when v_has_transition then format(e'\n              and (%s) is true', p_attachment.transition) else '' end;
    end if;
    -- A row whose last delivery is dead is mended by mending the row: then the condition alone decides.
    return format(e'\n            left join old_rows as old on %s', crm_sync._same_row_sql(v_table))
        || format(e'\n            where (%s or %s)', v_is_new, crm_sync._changed_sql(v_table, p_attachment.watched))
        || format(e'\n              and (%s) is true', p_attachment.condition)
        || case when v_has_transition then
            format(e'\n              and ((%s) is true or crm_sync._last_is_dead(%L, %s, %L))',
                   p_attachment.transition, p_attachment.table_name, crm_sync._row_id_sql(v_table, 'new'), p_attachment.route)
            else '' end;
end;
$$;

create function crm_sync._last_is_dead(p_table_name text, p_row_id text, p_route text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select deliveries.status = 'dead'
        from crm_sync.deliveries
        where deliveries.row_id = p_row_id
          and deliveries.table_name = p_table_name
          and deliveries.route = p_route
        order by deliveries.delivery_id desc
        limit 1
    ), false);
end;
$$;

create function crm_sync._all_fired_sql(p_table_name text, p_operation text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Several routes of one statement: captured in the order of the routes. Of one, the order of the rows will do.
    select string_agg(crm_sync._fired_sql(attachments, p_operation), e'            union all\n' order by routes.position)
           || case when count(*) > 1 then e'            order by position\n' else '' end
    from crm_sync.attachments
    join crm_sync.routes on routes.route = attachments.route
    where attachments.table_name = p_table_name;
$$;

create function crm_sync._related_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $sql$

        insert into crm_sync.related_changes (table_name, row_id)
        select %L, %s
        from new_rows as new
        join old_rows as old on %s
        where %s;$sql$,
        p_table_name, crm_sync._row_id_sql(p_table_name::regclass, 'new'),
        crm_sync._same_row_sql(p_table_name::regclass),
        string_agg(crm_sync._changed_sql(p_table_name::regclass, related.watched), ' or ')
    )
    from crm_sync.related_attachments as related
    where related.table_name = p_table_name
    having count(*) > 0;
$$;

comment on function crm_sync._generated_name(text, text, text) is 'Name of a generated function: readable, at most 63 bytes, different for different tables.';
comment on function crm_sync._columns_sql(text[], text) is 'SQL text: a list of aliased columns.';
comment on function crm_sync._fired_sql(crm_sync.attachments, text) is 'SQL query over new_rows, and old_rows unless for INSERT: the deliveries that one route fires. RECAPTURE takes the rows as given.';
comment on function crm_sync._fired_where_sql(crm_sync.attachments, text) is 'Its join to old and its conditions.';
comment on function crm_sync._last_is_dead(text, text, text) is 'Whether the newest delivery of this row and route is dead: then mending the row fires the route again.';
comment on function crm_sync._all_fired_sql(text, text) is 'The queries of all routes of a table, in the order of the routes; null where there are none.';
comment on function crm_sync._related_sql(text) is 'SQL statement: note the changed rows on which rows of other tables depend; null where there are none.';

revoke all on function crm_sync._generated_name(text, text, text), crm_sync._columns_sql(text[], text),
    crm_sync._fired_sql(crm_sync.attachments, text), crm_sync._fired_where_sql(crm_sync.attachments, text),
    crm_sync._last_is_dead(text, text, text), crm_sync._all_fired_sql(text, text), crm_sync._related_sql(text) from public;

-- sql/crm_sync/05_capture/function_capture.sql

-- The text of a table's capture function. It runs inside the application's statement: one exception block around
-- everything (no DECLARE initialisers, they escape it), locks waited for 200 ms at most in a transaction, inserts only.
-- Definer, because the application's roles have no rights in crm_sync.

create function crm_sync._capture_function_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
create or replace function crm_sync.%1$I()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' set timezone = 'UTC' set datestyle = 'ISO'
set extra_float_digits = '1' set plan_cache_mode = 'force_generic_plan'
as $capture$
#variable_conflict use_column
declare
    v_count      int;
    v_dispatched text;
    v_left_out   text[];
begin
    if current_setting('crm_sync.has_waited', true) = 'yes' then
        perform set_config('lock_timeout', '1ms', true);
    end if;
    if current_setting('crm_sync.capture', true) = 'off' or current_setting('crm_sync.origin', true) <> '' then
        v_left_out := crm_sync._destinations_left_out();
        if v_left_out is not null then%6$s
            return null;
        end if;
    end if;
    if tg_op = 'INSERT' then%2$s
    else%3$s%4$s
    end if;
    if v_count > 0 then
        v_dispatched := set_config('crm_sync.dispatched', '', true);
    end if;
    return null;
exception when others then
%5$s    return null;
end;
$capture$;
$sql$,
        crm_sync._generated_name('capture', p_table_name),
        crm_sync._insert_deliveries_sql(p_table_name, 'INSERT'),
        crm_sync._insert_deliveries_sql(p_table_name, 'UPDATE'),
        coalesce(crm_sync._related_sql(p_table_name), ''),
        crm_sync._capture_handler_sql(p_table_name),
        crm_sync._leave_out_sql(p_table_name)
    );
end;
$$;

create function crm_sync._insert_deliveries_sql(p_table_name text, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._insert_fired_sql(
        p_table_name, p_operation, 'dispatch_at_commit',
        $sql$-- Few rows are dispatched at commit; many drip from the ledger by the tick.
               (select count(*) <= 20 from (select from new_rows limit 21) as few)$sql$);
end;
$$;

create function crm_sync._insert_fired_sql(p_table_name text, p_operation text, p_columns text, p_values text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fired text := crm_sync._all_fired_sql(p_table_name, p_operation);
begin
    if v_fired is null then
        return e'\n        null;';
    end if;
    return format(
        $sql$
        insert into crm_sync.deliveries (
            route, destination, table_name, row_id, operation, ordering_key, record, %s
        )
        select fired.route, fired.destination, %L, fired.row_id, %L, fired.ordering_key, fired.record,
               %s
        from (
%s        ) as fired;
        get diagnostics v_count = row_count;$sql$,
        p_columns, p_table_name, p_operation, p_values, v_fired);
end;
$$;

create function crm_sync._capture_handler_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row_ids text := crm_sync._row_id_sql(p_table_name::regclass, 'new');
begin
    -- to_jsonb works whatever has happened to the columns; the whole row, because conditions may use any of it.
    return format(
        $sql$    begin
        if sqlstate = '55P03' then
            perform set_config('crm_sync.has_waited', 'yes', true);
        end if;
        if tg_op = 'INSERT' then
            perform crm_sync._capture_failed(
                %1$L, tg_op,
                null,
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                sqlstate, sqlerrm);
        else
            perform crm_sync._capture_failed(
                %1$L, tg_op,
                (select jsonb_agg(to_jsonb(old)) from old_rows as old),
                (select jsonb_agg(to_jsonb(new)) from new_rows as new),
                (select array_agg(%2$s) from new_rows as new),
                sqlstate, sqlerrm);
        end if;
    exception when others then
        begin
            perform nextval('crm_sync.unstored_changes');
        exception when others then
            null;
        end;
        raise log 'crm-sync: a change of %% was missed by capture (SQLSTATE %%)', %1$L, sqlstate;
    end;
$sql$,
        p_table_name, v_row_ids);
end;
$$;

comment on function crm_sync._capture_function_sql(text) is 'SQL text of a table''s capture trigger function.';
comment on function crm_sync._insert_deliveries_sql(text, text) is 'The statement of a capture function that captures an INSERT or an UPDATE.';
comment on function crm_sync._insert_fired_sql(text, text, text, text) is
    'An insert into the ledger of what an INSERT or an UPDATE has fired, with further columns and their values.';
comment on function crm_sync._capture_handler_sql(text) is 'The exception handler of a capture function: the changes go to capture_failures.';

revoke all on function crm_sync._capture_function_sql(text), crm_sync._insert_deliveries_sql(text, text),
    crm_sync._insert_fired_sql(text, text, text, text), crm_sync._capture_handler_sql(text) from public;

-- sql/crm_sync/05_capture/function_recapture.sql

-- The text of the function that captures changes handed to it as JSON: the tick's repair, related changes, backfill.
-- Same queries as the trigger's, over the same names: what fires there fires here.

create function crm_sync._recapture_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when crm_sync._all_fired_sql(p_table_name, 'RECAPTURE') is not null then format(
        $sql$
create or replace function crm_sync.%1$I(
    p_operation text, p_old_rows jsonb, p_new_rows jsonb, p_routes text[], p_is_backfill boolean, p_captured_at timestamptz
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
as $recapture$
begin
    return query
    with new_rows as (select * from jsonb_populate_recordset(null::%2$s, p_new_rows)),
    old_rows as (select * from jsonb_populate_recordset(null::%2$s, p_old_rows))
    insert into crm_sync.deliveries (
        route, destination, table_name, row_id, operation, ordering_key, record, is_backfill, captured_at
    )
    select fired.route, fired.destination, %2$L, fired.row_id, p_operation, fired.ordering_key, fired.record,
           p_is_backfill, p_captured_at
    from (
%3$s    ) as fired
    where p_routes is null or fired.route = any (p_routes)
    returning deliveries.delivery_id;
end;
$recapture$;
$sql$,
        crm_sync._generated_name('recapture', p_table_name), p_table_name, crm_sync._all_fired_sql(p_table_name, 'RECAPTURE')) end;
$$;

comment on function crm_sync._recapture_function_sql(text) is 'SQL text of a table''s recapture function; null where no route is attached.';

revoke all on function crm_sync._recapture_function_sql(text) from public;

-- sql/crm_sync/05_capture/function_record.sql

-- The text of the function that builds a route's records, called at the first claim.
-- State route: from the row as it now is, with the ordering key that it now has; no row, no record. Event route: from the
-- row as captured.

create function crm_sync._record_function_sql(p_attachment crm_sync.attachments)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table  regclass := p_attachment.table_name::regclass;
    v_joined text := coalesce(e'\n           || coalesce(' || p_attachment.joined || ', ''{}'')', '');
    v_record text := 'deliveries.record';
    v_key    text := 'deliveries.ordering_key';
    v_source text := format('cross join lateral jsonb_populate_record(null::%s, deliveries.record) as this', p_attachment.table_name);
begin
    if (select kind from crm_sync.routes where routes.route = p_attachment.route) = 'state' then
        v_record := format('(select to_jsonb(picked) from (select %s) as picked)',
                           crm_sync._columns_sql(p_attachment.columns, 'this'));
        v_source := format('join %s as this on %s', p_attachment.table_name,
                           crm_sync._row_matches_sql(v_table, 'this', 'deliveries.row_id'));
        v_key := format('(select (%s)::text from (select this.*) as new)', p_attachment.ordering_key);
    end if;
    return format(
        $sql$
create or replace function crm_sync.%1$I(p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
as $record$
#variable_conflict use_column
begin
    return query
    select deliveries.delivery_id,
           %2$s%3$s,
           %4$s
    from crm_sync.deliveries
    %5$s
    where deliveries.delivery_id = any (p_delivery_ids);
end;
$record$;
$sql$,
        crm_sync._generated_name('record', p_attachment.table_name, p_attachment.route),
        v_record, v_joined, v_key, v_source);
end;
$$;

create function crm_sync._records_function_sql()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Static calls, planned once a session. A route that was detached while deliveries of it waited is called by name.
    return format(
        $sql$
create or replace function crm_sync._records(p_table_name text, p_route text, p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $records$
begin
    %s
    else
        return query execute format(
            'select * from crm_sync.%%I($1)', crm_sync._generated_name('record', p_table_name, p_route)
        ) using p_delivery_ids;
    end if;
end;
$records$;
$sql$,
        coalesce((
            select string_agg(format(
                $sql$if p_table_name = %L and p_route = %L then
        return query select * from crm_sync.%I(p_delivery_ids);$sql$,
                attachments.table_name, attachments.route,
                crm_sync._generated_name('record', attachments.table_name, attachments.route)
            ), e'\n    els' order by attachments.table_name, attachments.route)
            from crm_sync.attachments
        ), 'if false then'));
end;
$$;

comment on function crm_sync._records_function_sql() is 'SQL text of the function that calls the record function of a table and route.';
comment on function crm_sync._record_function_sql(crm_sync.attachments) is 'SQL text of the function that builds the records of one table and route.';

revoke all on function crm_sync._record_function_sql(crm_sync.attachments), crm_sync._records_function_sql() from public;

-- sql/crm_sync/05_capture/function_related.sql

-- The text of the function that finds which rows of other tables a changed row affects.

create function crm_sync._related_function_sql(p_table_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $sql$
create or replace function crm_sync.%I(p_row_ids text[])
returns table (route text, target_table text, row_id text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $related$
#variable_conflict use_column
begin
    return query
%s;
end;
$related$;
$sql$,
        crm_sync._generated_name('related', p_table_name),
        string_agg(format(
            $sql$    select distinct %L, %L, affected.row_id
    from unnest(p_row_ids) as changed (row_id)
    join %s as new on %s
    cross join lateral (%s) as affected (row_id)$sql$,
            related.route, related.target_table, p_table_name,
            crm_sync._row_matches_sql(p_table_name::regclass, 'new', 'changed.row_id'), related.affected
        ), e'\n    union all\n'))
    from crm_sync.related_attachments as related
    where related.table_name = p_table_name
    having count(*) > 0;
$$;

comment on function crm_sync._related_function_sql(text) is 'SQL text of the function that finds the rows that a changed row affects; null where there is no need.';

revoke all on function crm_sync._related_function_sql(text) from public;

-- sql/crm_sync/05_capture/has_fired.sql

-- For conditions and joined values given to attach(): what the ledger knows about a row.

create function crm_sync.has_fired(p_table_name text, p_row_id text, p_route text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select exists (
            select from crm_sync.deliveries
            where deliveries.row_id = p_row_id
              and deliveries.table_name = p_table_name
              and deliveries.route = p_route
        )
    );
end;
$$;

comment on function crm_sync.has_fired(text, text, text) is
    'Whether the route was ever captured for this row, as far back as the ledger is kept (settings.keep_trace). Table as schema.table. Safe to repeat. Role: owner.';

revoke all on function crm_sync.has_fired(text, text, text) from public;

-- sql/crm_sync/05_capture/left_out.sql

-- Changes that are not to be sent: set local crm_sync.capture = 'off', for an operator's mass correction, and
-- set local crm_sync.origin = '<destination>', for what that receiver itself has written. They stand in the ledger as
-- cancelled: find_missing() misses nothing, trace() says why, and redeliver() sends them after all.
-- The part of a capture function that runs only while one of the two is set.

create function crm_sync._leave_out_sql(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $sql$
            if tg_op = 'INSERT' then%2$s
            else%3$s
                if crm_sync._has_related_outside(%1$L, v_left_out) then
                    %4$s
                end if;
            end if;
            perform crm_sync._note_left_out(%1$L, v_count);$sql$,
        p_table_name,
        crm_sync._insert_left_out_sql(p_table_name, 'INSERT'),
        crm_sync._insert_left_out_sql(p_table_name, 'UPDATE'),
        crm_sync._related_sql(p_table_name));
end;
$$;

create function crm_sync._insert_left_out_sql(p_table_name text, p_operation text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._insert_fired_sql(
        p_table_name, p_operation, 'status, last_error_code, finished_at',
        $sql$case when fired.destination = any (v_left_out) then 'cancelled' else 'pending' end,
               case when fired.destination = any (v_left_out) then
                   case current_setting('crm_sync.capture', true) when 'off' then 'capture_off' else 'from_origin' end end,
               case when fired.destination = any (v_left_out) then clock_timestamp() end$sql$);
end;
$$;

create function crm_sync._destinations_left_out()
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_role text := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if current_setting('crm_sync.capture', true) = 'off' then
        if crm_sync._may_leave_out(v_role) then
            return array(select destinations.destination from crm_sync.destinations);
        end if;
        -- The application's write goes on, and so does capture; said once in a transaction.
        perform set_config('crm_sync.capture', 'refused', true);
        perform crm_sync._note_fault(
            'crm_sync.capture', 'CS028', format('%s may not switch capture off: changes are captured', v_role));
        raise warning '% may not switch capture off: changes are captured', v_role
            using hint = 'grant crm_sync_operator to …';
    end if;
    return (
        select array[destinations.destination] from crm_sync.destinations
        where destinations.destination = current_setting('crm_sync.origin', true)
    );
end;
$$;

create function crm_sync._may_leave_out(p_role text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return pg_has_role(p_role, 'crm_sync_operator', 'member')
        or pg_has_role(p_role, (select namespaces.nspowner from pg_catalog.pg_namespace as namespaces where namespaces.nspname = 'crm_sync'), 'member');
end;
$$;

create function crm_sync._has_related_outside(p_table_name text, p_destinations text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from crm_sync.related_attachments as related
        join crm_sync.routes on routes.route = related.route
        where related.table_name = p_table_name and routes.destination <> all (p_destinations)
    );
end;
$$;

create function crm_sync._note_left_out(p_table_name text, p_count int)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_line bigint := nullif(current_setting('crm_sync.capture_off_line', true), '')::bigint;
begin
    -- One line a transaction. What comes from an origin is told by the ledger alone: it comes all day.
    if current_setting('crm_sync.capture', true) is distinct from 'off' then
        return;
    end if;
    if v_line is null then
        perform crm_sync._note_operation('capture_off', '{}', 0);
        v_line := currval(pg_get_serial_sequence('crm_sync.operations', 'operation_id'));
        perform set_config('crm_sync.capture_off_line', v_line::text, true);
    end if;
    update crm_sync.operations
    set affected_count = operations.affected_count + coalesce(p_count, 0),
        arguments = operations.arguments || jsonb_build_object(
            p_table_name, coalesce((operations.arguments ->> p_table_name)::int, 0) + coalesce(p_count, 0))
    where operations.operation_id = v_line;
end;
$$;

comment on function crm_sync._leave_out_sql(text) is 'The part of a capture function that runs while capture is off or an origin is set.';
comment on function crm_sync._insert_left_out_sql(text, text) is 'Its statement for an INSERT or an UPDATE: what would be sent, as cancelled.';
comment on function crm_sync._destinations_left_out() is
    'To whom this transaction''s changes are not sent: all while crm_sync.capture is off, the one that crm_sync.origin names; null: everything is sent. Who may not switch capture off is warned, and noted in crm_sync.faults.';
comment on function crm_sync._may_leave_out(text) is 'Whether a role may switch capture off: members of crm_sync_operator, and the owner.';
comment on function crm_sync._has_related_outside(text, text[]) is 'Whether a change of this table is a change of rows that are sent to others than these.';
comment on function crm_sync._note_left_out(text, int) is 'Counts in the transaction''s line in crm_sync.operations what was left out while capture was off.';

revoke all on function crm_sync._leave_out_sql(text), crm_sync._insert_left_out_sql(text, text), crm_sync._destinations_left_out(),
    crm_sync._may_leave_out(text), crm_sync._has_related_outside(text, text[]), crm_sync._note_left_out(text, int) from public;

-- sql/crm_sync/05_capture/reattach.sql

-- Makes triggers and generated functions agree with crm_sync.attachments. Every migration ends with reattach().

create function crm_sync.reattach()
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    for v_table_name in
        select attachments.table_name from crm_sync.attachments
        union
        select related.table_name from crm_sync.related_attachments as related
        order by 1
    loop
        perform crm_sync._reattach_table(v_table_name);
        return next v_table_name;
    end loop;
end;
$$;

create function crm_sync._reattach_table(p_table_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
declare
    v_attachment crm_sync.attachments;
begin
    for v_attachment in select * from crm_sync.attachments where attachments.table_name = p_table_name loop
        perform crm_sync._create_generated(
            crm_sync._generated_name('record', p_table_name, v_attachment.route),
            crm_sync._record_function_sql(v_attachment));
    end loop;
    perform crm_sync._create_generated('_records', crm_sync._records_function_sql());
    perform crm_sync._create_generated(
        crm_sync._generated_name('recapture', p_table_name), crm_sync._recapture_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('related', p_table_name), crm_sync._related_function_sql(p_table_name));
    perform crm_sync._create_generated(
        crm_sync._generated_name('capture', p_table_name), crm_sync._capture_function_sql(p_table_name));
    if exists (select from crm_sync.attachments where attachments.table_name = p_table_name) then
        perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_insert',
            'after insert on %s referencing new table as new_rows');
    end if;
    perform crm_sync._create_trigger(p_table_name, 'crm_sync_capture_update',
        'after update on %s referencing old table as old_rows new table as new_rows');
end;
$$;

create function crm_sync._create_generated(p_name text, p_sql text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_sql is null then
        return;
    end if;
    execute p_sql;
    execute (
        select string_agg(format(
            'revoke all on function %1$s from public; comment on function %1$s is %2$L',
            procedures.oid::regprocedure, 'Generated by reattach() from crm_sync.attachments.'), '; ')
        from pg_catalog.pg_proc as procedures
        where procedures.pronamespace = 'crm_sync'::regnamespace and procedures.proname = p_name
    );
end;
$$;

create function crm_sync._create_trigger(p_table_name text, p_trigger text, p_event text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from pg_catalog.pg_trigger as triggers
        where triggers.tgrelid = p_table_name::regclass and triggers.tgname = p_trigger
    ) then
        execute format('create trigger %I ' || p_event || ' for each statement execute function crm_sync.%I()',
                       p_trigger, p_table_name, crm_sync._generated_name('capture', p_table_name));
    end if;
end;
$$;

comment on function crm_sync.reattach() is
    'Makes triggers and generated functions anew from crm_sync.attachments; returns the tables. Safe to repeat. Role: owner of the tables.';
comment on function crm_sync._reattach_table(text) is 'The same for one table.';
comment on function crm_sync._create_generated(text, text) is 'Creates a generated function, not executable by PUBLIC; nothing where there is no text.';
comment on function crm_sync._create_trigger(text, text, text) is 'Creates a capture trigger unless it is there: an existing one costs no lock.';

revoke all on function crm_sync.reattach(), crm_sync._reattach_table(text), crm_sync._create_generated(text, text),
    crm_sync._create_trigger(text, text, text) from public;

-- sql/crm_sync/06_dispatch/build_records.sql

-- Builds the records of deliveries that are claimed for the first time. Each route and table has a block of its own:
-- a table that was changed under us holds up its own deliveries and no others.

create function crm_sync._build_records(p_delivery_ids bigint[])
returns table (delivery_id bigint, record jsonb, ordering_key text, is_gone boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    for v_group in
        select deliveries.route, deliveries.table_name, deliveries.claimed_at is not null as is_frozen,
               array_agg(deliveries.delivery_id) as delivery_ids
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        group by deliveries.route, deliveries.table_name, deliveries.claimed_at is not null
    loop
        if v_group.is_frozen then
            return query
                select deliveries.delivery_id, deliveries.record, deliveries.ordering_key, false
                from crm_sync.deliveries
                where deliveries.delivery_id = any (v_group.delivery_ids);
            continue;
        end if;
        begin
            return query
                select ids.delivery_id, built.record, built.ordering_key, built.delivery_id is null
                from unnest(v_group.delivery_ids) as ids (delivery_id)
                left join crm_sync._records(v_group.table_name, v_group.route, v_group.delivery_ids) as built
                  on built.delivery_id = ids.delivery_id;
        exception when others then
            -- One wait for a locked table is enough, at a commit as in the tick.
            if sqlstate = '55P03' then
                perform set_config('lock_timeout', '1ms', true);
            end if;
            perform crm_sync._note_fault('record of ' || v_group.route || ' from ' || v_group.table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

comment on function crm_sync._build_records(bigint[]) is
    'The record of each delivery, and the key of what it tells: the frozen one, or a new one read now. is_gone: its row no longer exists. None at all: it could not be built.';

revoke all on function crm_sync._build_records(bigint[]) from public;

-- sql/crm_sync/06_dispatch/capacity.sql

-- How much may leave for a destination now: nothing while stopped, paused, on a copy or behind an open breaker, one delivery as a
-- probe when a breaker is due for one or knows one failing key only, else what the limits leave. Asked at every commit.

create type crm_sync.capacity as (
    requests            int,
    deliveries          int,
    is_probe            boolean,
    at_commit           boolean,
    posts_of_a_session  int
);

comment on type crm_sync.capacity is
    'How many requests, and deliveries in all, may leave now; is_probe: one, to see whether the receiver is back; at_commit: a commit may dispatch, too.';

create function crm_sync._capacity(p_destination text, p_now timestamptz)
returns crm_sync.capacity
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state record;
begin
    select settings.is_running and not crm_sync._is_a_copy(settings.started_on) and not destinations.is_paused as is_open,
           destinations.rate_per_second is null as has_no_rate,
           settings.max_posts_per_session,
           both_breakers.are_closed,
           both_breakers.are_due_for_probe,
           both_breakers.one_key_fails,
           settings.max_requests_in_flight - in_flight.request_count as requests,
           least(destinations.max_deliveries_in_flight - in_flight.delivery_count, settings.max_deliveries_at_once,
                 case when destinations.rate_per_second is not null then crm_sync._rate_allows(destinations, p_now) end) as deliveries
    into strict v_state
    from crm_sync.settings
    cross join crm_sync.destinations
    cross join lateral (
        -- The destination's own and the function's. Half-open, one lets nothing through.
        select bool_and(breakers.state = 'closed') as are_closed,
               bool_and(breakers.state = 'closed' or (breakers.state = 'open' and breakers.open_until <= p_now)) as are_due_for_probe,
               bool_and(breakers.state = 'closed' or (breakers.state = 'open' and cardinality(breakers.failing_keys) = 1)) as one_key_fails
        from crm_sync.breakers
        where breakers.breaker in (p_destination, 'function')
    ) as both_breakers
    cross join lateral (
        -- A bounded probe of a partial index, never a count of pg_net's queue.
        select count(*)::int as request_count,
               coalesce(sum(ours.delivery_count) filter (where ours.destination = p_destination), 0)::int as delivery_count
        from (
            select envelopes.destination, envelopes.delivery_count
            from crm_sync.envelopes
            where envelopes.status = 'in_flight'
            limit settings.max_requests_in_flight
        ) as ours
    ) as in_flight
    where destinations.destination = p_destination;

    if v_state.is_open and v_state.are_closed and v_state.requests > 0 and v_state.deliveries > 0 then
        return row(v_state.requests, v_state.deliveries, false, v_state.has_no_rate, v_state.max_posts_per_session)::crm_sync.capacity;
    -- One key that always fails says little of the receiver: another one, if due, is sent as the probe at once. If it fails,
    -- too, two keys do, and the breaker keeps its time.
    elsif v_state.is_open and not v_state.are_closed
        and (v_state.are_due_for_probe
             or (v_state.one_key_fails and crm_sync._key_that_did_not_fail(p_destination, p_now) is not null)) then
        return row(1, 1, true, false, 0)::crm_sync.capacity;
    end if;
    return row(0, 0, false, false, 0)::crm_sync.capacity;
end;
$$;

create function crm_sync._rate_allows(p_destination crm_sync.destinations, p_now timestamptz)
returns int
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return floor(crm_sync._rate_tokens(p_destination, p_now))::int;
end;
$$;

create function crm_sync._rate_tokens(p_destination crm_sync.destinations, p_now timestamptz)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A token bucket that holds two seconds' worth, at least one. Full at first: without a time the sum
    -- is null, and least() takes the other.
    return case when p_destination.rate_per_second is not null then least(
        greatest(1, 2 * p_destination.rate_per_second),
        p_destination.rate_tokens + p_destination.rate_per_second * extract(epoch from p_now - p_destination.rate_at)
    ) end;
end;
$$;

create function crm_sync._spend_rate(p_destination text, p_deliveries int, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.destinations
    set rate_tokens = crm_sync._rate_tokens(destinations, p_now) - p_deliveries,
        rate_at = p_now
    where destinations.destination = p_destination and destinations.rate_per_second is not null;
end;
$$;

comment on function crm_sync._capacity(text, timestamptz) is 'How much may leave for a destination now.';
comment on function crm_sync._rate_allows(crm_sync.destinations, timestamptz) is 'Deliveries that a destination''s rate allows now; null without a rate.';
comment on function crm_sync._rate_tokens(crm_sync.destinations, timestamptz) is 'What the token bucket of a destination''s rate holds now; null without a rate.';
comment on function crm_sync._spend_rate(text, int, timestamptz) is 'Takes so many deliveries from a destination''s rate.';

revoke all on function crm_sync._capacity(text, timestamptz),
    crm_sync._rate_allows(crm_sync.destinations, timestamptz), crm_sync._rate_tokens(crm_sync.destinations, timestamptz),
    crm_sync._spend_rate(text, int, timestamptz) from public;

-- sql/crm_sync/06_dispatch/claim.sql

-- The one transition into in_flight. The caller holds the keys' locks and the rows; records are read here, in a
-- statement younger than both, and frozen: every attempt of a delivery sends the same body.

create type crm_sync.judged as (
    position                bigint,
    delivery_id             bigint,
    ordering_key            text,
    envelope_failure_count  int,
    record                  jsonb,
    bytes                   int,
    verdict                 text
);

comment on type crm_sync.judged is 'A delivery about to be claimed, its record, its bytes in a request body, and whether it can be sent.';

create function crm_sync._claim(p_delivery_ids bigint[], p_max_envelopes int, p_claimed_at timestamptz, p_now timestamptz)
returns table (delivery_id bigint, envelope_id uuid, "position" bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_snapshot  pg_snapshot := pg_current_snapshot();
    v_judged    crm_sync.judged[];
    v_one       crm_sync.judged;
    v_envelopes int[];
    v_names     uuid[];
begin
    v_judged := crm_sync._judge_sendable(p_delivery_ids);
    foreach v_one in array v_judged loop
        if v_one.verdict <> 'sendable' then
            perform crm_sync._set_aside(v_judged, p_now);
            v_judged := crm_sync._sendable(v_judged);
            exit;
        end if;
    end loop;
    v_envelopes := crm_sync._pack_judged(v_judged, p_max_envelopes);
    for i in 1 .. p_max_envelopes loop
        v_names[i] := gen_random_uuid();
    end loop;
    return query
    update crm_sync.deliveries
    set status = 'in_flight',
        envelope_id = v_names[packed.envelope],
        record = packed.record,
        claimed_at = coalesce(deliveries.claimed_at, p_claimed_at),
        claimed_snapshot = case when deliveries.claimed_at is null then v_snapshot else deliveries.claimed_snapshot end,
        covered_by = null,
        is_parked = false
    from (
        select judged.delivery_id, judged.record, judged.position, v_envelopes[judged.place] as envelope
        from unnest(v_judged) with ordinality as judged (
            position, delivery_id, ordering_key, envelope_failure_count, record, bytes, verdict, place)
    ) as packed
    where deliveries.delivery_id = packed.delivery_id
      and packed.envelope is not null
    returning deliveries.delivery_id, deliveries.envelope_id, packed.position;
end;
$$;

create function crm_sync._judge_sendable(p_delivery_ids bigint[])
returns crm_sync.judged[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(row(
            ids.position, sized.delivery_id, coalesce(built.ordering_key, sized.ordering_key), sized.envelope_failure_count,
            built.record, sized.bytes,
            case
                when built.delivery_id is null then 'unbuilt'
                when built.is_gone then 'row_deleted'
                when built.record is null then 'erased'
                when built.ordering_key <> sized.ordering_key then 'key_changed'
                when sized.bytes > (select settings.max_delivery_bytes from crm_sync.settings) then 'too_large'
                else 'sendable'
            end
        )::crm_sync.judged order by ids.position)
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        left join crm_sync._build_records(p_delivery_ids) as built on built.delivery_id = ids.delivery_id
        cross join lateral (
            select deliveries.delivery_id, deliveries.ordering_key, deliveries.envelope_failure_count,
                   -- What stands around a record in the body, but for its key: 340 bytes, and the names of table and route.
                   octet_length(built.record::text) + octet_length(deliveries.ordering_key) + 400 as bytes
            from crm_sync.deliveries
            where deliveries.delivery_id = ids.delivery_id
        ) as sized
    );
end;
$$;

create function crm_sync._set_aside(p_judged crm_sync.judged[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set status = case when judged.verdict in ('unbuilt', 'key_changed') then 'pending' when judged.verdict = 'too_large' then 'dead' else 'cancelled' end,
        last_error_code = case judged.verdict when 'unbuilt' then 'record_not_built' when 'key_changed' then deliveries.last_error_code else judged.verdict end,
        next_attempt_at = case judged.verdict when 'unbuilt' then p_now + interval '1 minute' else deliveries.next_attempt_at end,
        ordering_key = judged.ordering_key,
        finished_at = case when judged.verdict not in ('unbuilt', 'key_changed') then p_now end,
        is_parked = false
    from unnest(p_judged) as judged
    where deliveries.delivery_id = judged.delivery_id and judged.verdict <> 'sendable';
end;
$$;

create function crm_sync._sendable(p_judged crm_sync.judged[])
returns crm_sync.judged[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nothing passes one of its key that could not be built.
    return array(
        select reached.judged
        from (
            select judged, judged.verdict, judged.position,
                   bool_and(judged.verdict <> 'unbuilt') over (
                       partition by judged.ordering_key order by judged.position) as is_reached
            from unnest(p_judged) as judged
        ) as reached
        where reached.verdict = 'sendable' and reached.is_reached
        order by reached.position
    );
end;
$$;

create function crm_sync._pack_judged(p_judged crm_sync.judged[], p_max_envelopes int)
returns int[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(p_judged) = 1 then
        return array[1];
    end if;
    return (
        select crm_sync._pack(
            array_agg(judged.ordering_key order by judged.position),
            array_agg(judged.bytes order by judged.position),
            array_agg(judged.envelope_failure_count order by judged.position),
            (select settings.max_envelope_deliveries from crm_sync.settings),
            (select settings.max_envelope_bytes from crm_sync.settings),
            p_max_envelopes)
        from unnest(p_judged) as judged
    );
end;
$$;

comment on function crm_sync._claim(bigint[], int, timestamptz, timestamptz) is
    'Marks deliveries as in flight, in envelopes with ids of their own; sets aside those that can not be sent.';
comment on function crm_sync._judge_sendable(bigint[]) is 'Reads the records and judges, in the order of the list, what can be sent.';
comment on function crm_sync._set_aside(crm_sync.judged[], timestamptz) is
    'Cancels what has no row any more or was erased, ends what is too large for a request, puts off what could not be read, moves what tells of another key by now to that key.';
comment on function crm_sync._sendable(crm_sync.judged[]) is 'Those that can be sent and do not stand behind one of their key that could not be read.';
comment on function crm_sync._pack_judged(crm_sync.judged[], int) is 'The envelope of each, within the settings; null: not this time.';

revoke all on function crm_sync._claim(bigint[], int, timestamptz, timestamptz), crm_sync._judge_sendable(bigint[]),
    crm_sync._set_aside(crm_sync.judged[], timestamptz), crm_sync._sendable(crm_sync.judged[]),
    crm_sync._pack_judged(crm_sync.judged[], int) from public;

-- sql/crm_sync/06_dispatch/dispatch_at_commit.sql

-- Dispatch at commit: a deferred trigger on the rows that capture flagged; the first one of a destination does the work for
-- all. It finds the transaction's deliveries by their next_attempt_at, its start, and posts them in one envelope.
-- A session posts so often and no more: pooled ones live long, and each net.wake() leaves a callback with them.
-- Whatever stands in the way leaves them to the tick. It runs inside the application's commit: it must not fail it.

create function crm_sync._dispatch_at_commit()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' set plan_cache_mode = 'force_generic_plan'
-- Plans live as long as a pooled session, and the first may be made over an empty ledger: by the index all the same.
set enable_seqscan = 'off' set jit = 'off'
as $$
declare
    v_dispatched text;
    v_posts      int;
    v_capacity   crm_sync.capacity;
begin
    v_dispatched := coalesce(current_setting('crm_sync.dispatched', true), '');
    -- Under repeatable read and serializable the snapshot is as old as the transaction: neither read nor post.
    if new.destination = any (string_to_array(v_dispatched, ' '))
        or current_setting('transaction_isolation') <> 'read committed'
        or current_setting('crm_sync.has_waited', true) = 'yes' then
        return null;
    end if;
    v_dispatched := set_config('crm_sync.dispatched', v_dispatched || ' ' || new.destination, true);
    v_posts := coalesce(nullif(current_setting('crm_sync.session_posts', true), '')::int, 0);
    v_capacity := crm_sync._capacity(new.destination, clock_timestamp());
    if v_capacity.at_commit and v_posts < v_capacity.posts_of_a_session then
        v_capacity.requests := 1;
        v_posts := v_posts + crm_sync._dispatch_keys(
            new.destination, crm_sync._keys_due_at(new.destination, new.next_attempt_at), v_capacity);
        v_posts := set_config('crm_sync.session_posts', v_posts::text, false);
    end if;
    return null;
exception when others then
    -- Who has waited for a lock once waits for no other in this transaction.
    if sqlstate = '55P03' then
        perform set_config('crm_sync.has_waited', 'yes', true);
    end if;
    perform crm_sync._note_fault('dispatch at commit', sqlstate, sqlerrm);
    return null;
end;
$$;

create constraint trigger dispatch_at_commit
after insert on crm_sync.deliveries
deferrable initially deferred
for each row
when (new.dispatch_at_commit)
execute function crm_sync._dispatch_at_commit();

create function crm_sync._keys_due_at(p_destination text, p_next_attempt_at timestamptz)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(keys.ordering_key order by keys.first_id)
        from (
            select due.ordering_key, min(due.delivery_id) as first_id
            from (
                select deliveries.ordering_key, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination
                  and deliveries.status = 'pending' and not deliveries.is_parked and not deliveries.is_backfill
                  and deliveries.next_attempt_at = p_next_attempt_at
                order by deliveries.delivery_id
                limit 100
            ) as due
            group by due.ordering_key
        ) as keys
    );
end;
$$;

comment on function crm_sync._dispatch_at_commit() is
    'Posts the transaction''s own deliveries at its commit, if the way is free. Definer: the application''s roles have no rights in crm_sync, vault or net.';
comment on function crm_sync._keys_due_at(text, timestamptz) is 'Keys of the deliveries captured by the transaction that started then, in order of capture, 100 deliveries at most.';

revoke all on function crm_sync._dispatch_at_commit(), crm_sync._keys_due_at(text, timestamptz) from public;

-- sql/crm_sync/06_dispatch/dispatch_due.sql

-- The tick's dispatch: what is due, live deliveries before backfill, oldest first.

create function crm_sync._dispatch_due(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination text;
    v_capacity    crm_sync.capacity;
    v_keys        text[];
    v_requests    int := 0;
begin
    for v_destination in
        -- Mostly nothing waits: a session that ticks once need not even plan the rest. One row is looked for, not all.
        select destinations.destination
        from crm_sync.destinations
        cross join lateral (
            select from crm_sync.deliveries
            where deliveries.destination = destinations.destination and deliveries.status = 'pending' and not deliveries.is_parked
            limit 1
        ) as waiting
        order by destinations.last_delivered_at nulls first
    loop
        v_capacity := crm_sync._capacity(v_destination, p_now);
        continue when v_capacity.requests = 0;
        if v_capacity.is_probe then
            v_requests := v_requests + crm_sync._dispatch_probe(v_destination, v_capacity, p_now);
            continue;
        end if;
        v_keys := crm_sync._due_keys(v_destination, v_capacity, p_now);
        continue when v_keys is null;
        v_requests := v_requests + crm_sync._dispatch_keys(v_destination, v_keys, v_capacity, p_now);
        perform crm_sync._park_followers(v_destination, crm_sync._lock_keys(v_destination, v_keys));
    end loop;
    return v_requests;
end;
$$;

create function crm_sync._due_keys(p_destination text, p_capacity crm_sync.capacity, p_now timestamptz)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        with capacity as (
            select least(p_capacity.requests * settings.max_envelope_deliveries, p_capacity.deliveries) as deliveries
        from crm_sync.settings
        ),
        due as (
            (
                select deliveries.ordering_key, deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination and deliveries.status = 'pending'
                  and not deliveries.is_parked and not deliveries.is_backfill and deliveries.next_attempt_at <= p_now
                order by deliveries.next_attempt_at, deliveries.delivery_id
                limit (select capacity.deliveries from capacity)
            )
            union all
            (
                select deliveries.ordering_key, deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination and deliveries.status = 'pending'
                  and not deliveries.is_parked and deliveries.is_backfill and deliveries.next_attempt_at <= p_now
                order by deliveries.next_attempt_at, deliveries.delivery_id
                limit (select capacity.deliveries from capacity)
            )
        )
        select array_agg(keys.ordering_key order by keys.is_backfill, keys.next_attempt_at, keys.delivery_id)
        from (
            select distinct on (due.ordering_key) due.*
            from due
            order by due.ordering_key, due.is_backfill, due.next_attempt_at, due.delivery_id
        ) as keys
    );
end;
$$;

comment on function crm_sync._dispatch_due(timestamptz) is 'Dispatches what is due, destination by destination; returns the number of requests. Part of the tick.';
comment on function crm_sync._due_keys(text, crm_sync.capacity, timestamptz) is 'Keys with something due, the longest waiting first, no more than the capacity allows.';

revoke all on function crm_sync._dispatch_due(timestamptz), crm_sync._due_keys(text, crm_sync.capacity, timestamptz) from public;

-- sql/crm_sync/06_dispatch/dispatch_keys.sql

-- Claim → record → sign → post, for given keys of one destination. Called at commit and by the tick.
-- Lock order: keys (advisory, never waited for), then rows of deliveries (skip locked).

create function crm_sync._dispatch_keys(
    p_destination text, p_keys text[], p_capacity crm_sync.capacity, p_now timestamptz default clock_timestamp()
)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function     crm_sync.function_access := crm_sync._required_function_access();
    v_keys         text[];
    v_claimed_at   timestamptz;
    v_delivery_ids bigint[];
    v_covers       jsonb;
    v_envelope     record;
    v_requests     int := 0;
    v_deliveries   int := 0;
begin
    v_keys := crm_sync._lock_keys(p_destination, p_keys);
    -- A new statement, hence a new snapshot: it sees what the last holder of a key's lock committed.
    -- A probe waits for no schedule.
    select array_agg(claimable.delivery_id order by claimable.position),
           jsonb_object_agg(claimable.delivery_id, claimable.covers) filter (where claimable.covers is not null)
    into v_delivery_ids, v_covers
    from crm_sync._claimable(p_destination, v_keys, case when p_capacity.is_probe then 'infinity' else p_now end) as claimable
    where claimable.position <= p_capacity.deliveries;
    if v_delivery_ids is null then
        return 0;
    end if;
    -- Taken before the records are read: claimed_at is never later than the snapshot behind a record.
    v_claimed_at := clock_timestamp();
    for v_envelope in
        select claimed.envelope_id, array_agg(claimed.delivery_id order by claimed.position) as delivery_ids
        from crm_sync._claim(v_delivery_ids, p_capacity.requests, v_claimed_at, p_now) as claimed
        group by claimed.envelope_id
        order by min(claimed.position)
    loop
        perform crm_sync._post_envelope(
            v_envelope.envelope_id, p_destination, v_envelope.delivery_ids, p_capacity.is_probe, v_function, p_now);
        v_requests := v_requests + 1;
        v_deliveries := v_deliveries + cardinality(v_envelope.delivery_ids);
    end loop;
    if v_covers is not null then
        perform crm_sync._cover(v_covers);
    end if;
    -- The claim may have set some aside: what waited behind them is in front now. Shown, never hidden: while a commit hides
    -- what waits behind one under way, a tick may settle that one and see nothing yet to wake.
    if v_deliveries < cardinality(v_delivery_ids) then
        -- One too large for a request is dead for all states of its row that would read the same.
        perform crm_sync._after_settle(array(
            select deliveries.delivery_id from crm_sync.deliveries
            where deliveries.delivery_id = any (v_delivery_ids) and deliveries.status = 'dead'), p_now);
        perform crm_sync._wake_keys(p_destination, v_keys);
    end if;
    -- A destination with a limit per second is the tick's alone.
    if not p_capacity.at_commit then
        perform crm_sync._spend_rate(p_destination, v_deliveries, p_now);
    end if;
    return v_requests;
end;
$$;

create function crm_sync._cover(p_covers jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.deliveries
    set covered_by = leaders.delivery_id
    from jsonb_each(p_covers) as covers (leader, ids)
    join crm_sync.deliveries as leaders on leaders.delivery_id = covers.leader::bigint and leaders.status in ('in_flight', 'dead')
    cross join jsonb_array_elements_text(covers.ids) as covered (delivery_id)
    -- What one of them covered before is covered by the newest, too.
    where deliveries.delivery_id = covered.delivery_id::bigint
       or (deliveries.covered_by = covered.delivery_id::bigint
           and deliveries.ordering_key = leaders.ordering_key and deliveries.status = 'pending');
end;
$$;

comment on function crm_sync._dispatch_keys(text, text[], crm_sync.capacity, timestamptz) is
    'Claims what may leave on these keys and posts it, within the capacity; returns the number of requests. CS010: Vault is not set up; everything waits.';

comment on function crm_sync._cover(jsonb) is 'Notes on older states of a run by which newer one, now in flight, they will be superseded.';

revoke all on function crm_sync._dispatch_keys(text, text[], crm_sync.capacity, timestamptz), crm_sync._cover(jsonb) from public;

-- sql/crm_sync/06_dispatch/dispatch_probe.sql

-- Half-open: one delivery, on another key than the one that failed last if there is one, whatever its schedule says.

create function crm_sync._dispatch_probe(p_destination text, p_capacity crm_sync.capacity, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_requests int;
    v_key      text := crm_sync._probe_key(p_destination);
begin
    if v_key is null then
        return 0;
    end if;
    v_requests := crm_sync._dispatch_keys(p_destination, array[v_key], p_capacity, p_now);
    if v_requests > 0 then
        update crm_sync.breakers
        set state = 'half_open',
            open_until = null,
            probed_at = p_now,
            probe_envelope_id = (
                select deliveries.envelope_id
                from crm_sync.deliveries
                where deliveries.ordering_key = v_key
                  and deliveries.destination = p_destination
                  and deliveries.status = 'in_flight'
                limit 1
            )
        where breakers.breaker in (p_destination, 'function') and breakers.state = 'open';
    end if;
    return v_requests;
end;
$$;

create function crm_sync._probe_key(p_destination text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        crm_sync._key_that_did_not_fail(p_destination, 'infinity'),
        (
            select deliveries.ordering_key
            from crm_sync.deliveries
            where deliveries.destination = p_destination and deliveries.status = 'pending' and not deliveries.is_parked
            order by deliveries.last_error_code is not distinct from 'record_not_built',
                     deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
            limit 1
        )
    );
end;
$$;

create function crm_sync._key_that_did_not_fail(p_destination text, p_due_at timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One that could not be read, or waits behind one under way, would stay, and no probe leave.
    return (
        select deliveries.ordering_key
        from crm_sync.deliveries
        where deliveries.destination = p_destination and deliveries.status = 'pending' and not deliveries.is_parked
          and deliveries.next_attempt_at <= p_due_at
          and deliveries.last_error_code is distinct from 'record_not_built'
          and deliveries.ordering_key not in (
              select breakers.last_failed_key
              from crm_sync.breakers
              where breakers.breaker in (p_destination, 'function') and breakers.last_failed_key is not null
          )
          and not exists (
              select from crm_sync.deliveries as ahead
              where ahead.ordering_key = deliveries.ordering_key
                and ahead.destination = deliveries.destination
                and ahead.status = 'in_flight'
          )
        order by deliveries.is_backfill, deliveries.next_attempt_at, deliveries.delivery_id
        limit 1
    );
end;
$$;

comment on function crm_sync._dispatch_probe(text, crm_sync.capacity, timestamptz) is 'Sends one delivery to see whether the receiver, or the function, is back; returns 1, or 0 where there is nothing to send.';
comment on function crm_sync._probe_key(text) is 'The key to probe with: never the one that failed last, unless no other could leave.';
comment on function crm_sync._key_that_did_not_fail(text, timestamptz) is
    'The first key that is due by then and could leave, other than those on which the receiver, or the function, failed last; null: there is none.';

revoke all on function crm_sync._dispatch_probe(text, crm_sync.capacity, timestamptz), crm_sync._probe_key(text),
    crm_sync._key_that_did_not_fail(text, timestamptz) from public;

-- sql/crm_sync/06_dispatch/keys.sql

-- The order within one key. Whoever claims, commit or tick, first takes the key's lock, never waiting; then, in a new
-- statement, looks at what is unfinished on it. 1,024 locks serve all keys: one a key would exhaust the lock table.

create function crm_sync._lock_keys(p_destination text, p_keys text[])
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key    text;
    v_locked text[] := '{}';
begin
    foreach v_key in array coalesce(p_keys, '{}') loop
        if pg_try_advisory_xact_lock(1129467219, hashtext(p_destination || ' ' || v_key) & 1023) then
            v_locked := v_locked || v_key;
        end if;
    end loop;
    return v_locked;
end;
$$;

create function crm_sync._queue_of_keys(p_destination text, p_keys text[])
returns table (delivery_id bigint, ordering_key text, step int, next_attempt_at timestamptz, covers bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What was attempted stays in front. A contiguous run of one state route and row is led by its newest, which covers
    -- the older ones: while it waits they wait with it, and are tried if it goes dead.
    return query
    with unfinished as (
        select deliveries.delivery_id, deliveries.ordering_key, deliveries.next_attempt_at,
               row_number() over key_order as position,
               routes.kind = 'state'
                   and lead(deliveries.route) over key_order = deliveries.route
                   and lead(deliveries.row_id) over key_order = deliveries.row_id
                   and lead(deliveries.table_name) over key_order = deliveries.table_name as has_newer_state,
               bool_or(deliveries.status = 'in_flight') over (partition by deliveries.ordering_key) as is_under_way
        from crm_sync.deliveries
        join crm_sync.routes on routes.route = deliveries.route
        where deliveries.ordering_key = any (p_keys)
          and deliveries.destination = p_destination
          and deliveries.status in ('pending', 'in_flight')
          and (deliveries.covered_by is null or coalesce((
              select coverers.status not in ('pending', 'in_flight')
              from crm_sync.deliveries as coverers
              where coverers.delivery_id = deliveries.covered_by
          ), true))
        window key_order as (
            partition by deliveries.ordering_key
            order by deliveries.claimed_at nulls last, deliveries.delivery_id
        )
    ),
    stepped as (
        select unfinished.*,
               1 + count(*) filter (where unfinished.has_newer_state is not true) over (
                   partition by unfinished.ordering_key order by unfinished.position
                   rows between unbounded preceding and 1 preceding) as step
        from unfinished
        where not unfinished.is_under_way
    )
    select max(stepped.delivery_id) filter (where stepped.has_newer_state is not true),
           stepped.ordering_key,
           stepped.step::int,
           max(stepped.next_attempt_at) filter (where stepped.has_newer_state is not true),
           array_agg(stepped.delivery_id) filter (where stepped.has_newer_state)
    from stepped
    group by stepped.ordering_key, stepped.step;
end;
$$;

create function crm_sync._claimable(p_destination text, p_keys text[], p_now timestamptz)
returns table (delivery_id bigint, "position" bigint, covers bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_only bigint;
begin
    -- At most commits one delivery is all there is: two small statements for what a queue of many takes windows for.
    if cardinality(p_keys) = 1 then
        select case when count(*) = 1 then min(first.delivery_id) end into v_only
        from (
            select deliveries.delivery_id
            from crm_sync.deliveries
            where deliveries.ordering_key = p_keys[1]
              and deliveries.destination = p_destination
              and deliveries.status in ('pending', 'in_flight')
            limit 2
        ) as first;
        if v_only is not null then
            return query
            select deliveries.delivery_id, 1::bigint, null::bigint[]
            from crm_sync.deliveries
            where deliveries.delivery_id = v_only
              and deliveries.status = 'pending'
              and deliveries.next_attempt_at <= p_now
            for no key update skip locked;
            return;
        end if;
    end if;
    -- Rows that another session holds locked end their key's turn: what follows must not overtake them.
    return query
    with queue as materialized (
        select * from crm_sync._queue_of_keys(p_destination, p_keys)
    ),
    locked as materialized (
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.delivery_id in (select queue.delivery_id from queue where queue.next_attempt_at <= p_now)
        for no key update skip locked
    ),
    reachable as (
        select queue.*,
               bool_and(locked.delivery_id is not null) over (partition by queue.ordering_key order by queue.step) as is_free
        from queue
        left join locked on locked.delivery_id = queue.delivery_id
    )
    select reachable.delivery_id,
           row_number() over (order by keys.position, reachable.step),
           reachable.covers
    from reachable
    join unnest(p_keys) with ordinality as keys (key, position) on keys.key = reachable.ordering_key
    where reachable.is_free;
end;
$$;

create function crm_sync._park_followers(p_destination text, p_keys text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the one in front of each key stays visible. The caller holds the keys' locks and is the tick, which settles, too:
    -- or what is in front might be cancelled or settled meanwhile and nobody wake the rest.
    update crm_sync.deliveries
    set is_parked = not deliveries.is_parked
    where deliveries.ordering_key = any (p_keys)
      and deliveries.destination = p_destination
      and deliveries.status = 'pending'
      and deliveries.is_parked = (
          deliveries.delivery_id in (
              select queue.delivery_id from crm_sync._queue_of_keys(p_destination, p_keys) as queue where queue.step = 1
          )
      );
end;
$$;

create function crm_sync._wake_keys(p_destination text, p_keys text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Any visible row brings its key before the tick, which looks at the whole key and parks again. So it needs no lock,
    -- a few rows suffice, and those that an operator is changing are passed over.
    -- Materialized: as a join's inner side the subquery would be asked again, and lock the next ones each time.
    with woken as materialized (
        select waiting.delivery_id
        from unnest(p_keys) as keys (key)
        cross join lateral (
            select parked.delivery_id
            from crm_sync.deliveries as parked
            where parked.ordering_key = keys.key
              and parked.destination = p_destination
              and parked.status = 'pending'
              and parked.is_parked
            order by parked.delivery_id
            limit 10
            for no key update skip locked
        ) as waiting
    )
    update crm_sync.deliveries
    set is_parked = false
    from woken
    where deliveries.delivery_id = woken.delivery_id;
end;
$$;

create function crm_sync._wake_forgotten_keys()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_forgotten record;
    v_count     int := 0;
begin
    -- Whoever takes out what is in front wakes the rest; unless another session just then held their rows and rolled back.
    for v_forgotten in
        select hidden.destination, array_agg(hidden.ordering_key) as keys
        from (
            select distinct deliveries.destination, deliveries.ordering_key
            from crm_sync.deliveries
            where deliveries.status = 'pending' and deliveries.is_parked
        ) as hidden
        where not exists (
            select from crm_sync.deliveries as ahead
            where ahead.ordering_key = hidden.ordering_key
              and ahead.destination = hidden.destination
              and ahead.status in ('pending', 'in_flight')
              and not ahead.is_parked
        )
        group by hidden.destination
    loop
        perform crm_sync._wake_keys(v_forgotten.destination, v_forgotten.keys);
        v_count := v_count + cardinality(v_forgotten.keys);
    end loop;
    return v_count;
end;
$$;

comment on function crm_sync._lock_keys(text, text[]) is
    'Takes the locks of these keys until the end of the transaction, without waiting; returns the keys that it got.';
comment on function crm_sync._queue_of_keys(text, text[]) is
    'The deliveries of each key in the order in which they may leave; nothing for a key with one under way.';
comment on function crm_sync._claimable(text, text[], timestamptz) is
    'Deliveries that may leave now, key by key, their rows locked; with the older states that each one covers. The caller holds the keys'' locks.';
comment on function crm_sync._wake_keys(text, text[]) is 'Makes these keys visible to the tick again, after one of their deliveries was settled or taken out.';
comment on function crm_sync._park_followers(text, text[]) is 'Hides from the tick what waits behind another delivery of its key, and shows what no longer does.';

comment on function crm_sync._wake_forgotten_keys() is
    'Shows the tick the keys of which everything is hidden; returns how many. Scheduled by start(), every ten minutes. Safe to repeat.';

revoke all on function crm_sync._wake_forgotten_keys(), crm_sync._lock_keys(text, text[]), crm_sync._queue_of_keys(text, text[]),
    crm_sync._claimable(text, text[], timestamptz), crm_sync._park_followers(text, text[]), crm_sync._wake_keys(text, text[]) from public;

-- sql/crm_sync/06_dispatch/pack.sql

-- Packs deliveries into envelopes. A key stays within one envelope, in order; a delivery whose envelopes failed travels
-- with half as many others each time, at last alone; one larger than an envelope travels alone.

create function crm_sync._pack(
    p_keys text[], p_bytes int[], p_failure_counts int[], p_max_deliveries int, p_max_bytes int, p_max_envelopes int
)
returns int[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_envelopes int[] := '{}';
    v_envelope  int := 0;
    v_count     int := 0;
    v_bytes     int := 0;
    v_limit     int;
    v_own_limit int;
    v_fits      boolean;
    v_cut_key   text;
begin
    for i in 1 .. coalesce(cardinality(p_keys), 0) loop
        v_own_limit := greatest(1, p_max_deliveries >> least(p_failure_counts[i], 30));
        v_fits := v_envelope > 0 and v_count < least(v_limit, v_own_limit) and v_bytes + p_bytes[i] <= p_max_bytes;
        if p_keys[i] = v_cut_key or (not v_fits and (
            v_envelope = p_max_envelopes or (i > 1 and p_keys[i] = p_keys[i - 1])
        )) then
            -- The rest of a key waits for the answer to its beginning; with no envelope left, so does all else.
            v_cut_key := p_keys[i];
            v_envelopes := v_envelopes || null::int;
            continue;
        end if;
        if not v_fits then
            v_envelope := v_envelope + 1;
            v_count := 0;
            v_bytes := 0;
            v_limit := p_max_deliveries;
        end if;
        v_limit := least(v_limit, v_own_limit);
        v_count := v_count + 1;
        v_bytes := v_bytes + p_bytes[i];
        v_envelopes := v_envelopes || v_envelope;
    end loop;
    return v_envelopes;
end;
$$;

comment on function crm_sync._pack(text[], int[], int[], int, int, int) is
    'For deliveries listed key by key: the number of each one''s envelope, from 1; null: not this time. Bytes are of the request body.';

revoke all on function crm_sync._pack(text[], int[], int[], int, int, int) from public;

-- sql/crm_sync/06_dispatch/post.sql

-- Hands one envelope to pg_net, which sends it after the commit; a rollback takes it back.

create function crm_sync._post_envelope(
    p_envelope_id uuid, p_destination text, p_delivery_ids bigint[], p_is_probe boolean,
    p_function crm_sync.function_access, p_now timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
begin
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, is_probe, dispatched_at, lease_until)
    select p_envelope_id,
           p_destination,
           crm_sync._post_signed(
               p_function, p_envelope_id, crm_sync._envelope_body(p_destination, p_delivery_ids, p_is_probe), settings.request_timeout),
           cardinality(p_delivery_ids),
           p_is_probe,
           p_now,
           p_now + settings.lease
    from crm_sync.settings;
end;
$$;

create function crm_sync._post_signed(
    p_function crm_sync.function_access, p_id uuid, p_body jsonb, p_timeout interval
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return net.http_post(
        url := p_function.url,
        body := p_body,
        headers := crm_sync._signed_headers(p_function, p_id, p_body),
        timeout_milliseconds := (extract(epoch from p_timeout) * 1000)::int);
end;
$$;

create function crm_sync._signed_headers(p_function crm_sync.function_access, p_id uuid, p_body jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timestamp text := floor(extract(epoch from clock_timestamp()))::text;
begin
    return jsonb_build_object(
        'Content-Type', 'application/json',
        'webhook-id', p_id,
        'webhook-timestamp', v_timestamp,
        'webhook-signature', crm_sync._signatures(p_id::text, v_timestamp, p_body::text, p_function.secrets));
end;
$$;

create function crm_sync._envelope_body(p_destination text, p_delivery_ids bigint[], p_is_probe boolean)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
            'version', 1,
            'expires_at', (select clock_timestamp() + settings.lease from crm_sync.settings),
            'destination', p_destination,
            'conflict_is_delivered', (
                select destinations.treats_409_as_delivered from crm_sync.destinations
                where destinations.destination = p_destination),
            'deliveries', jsonb_agg(jsonb_build_object(
                'id', deliveries.delivery_id,
                'route', deliveries.route,
                'attempt', deliveries.attempt_count + 1,
                'idempotency_key', deliveries.idempotency_key,
                'ordering_key', deliveries.ordering_key,
                'captured_at', deliveries.captured_at,
                'timeout_ms', case
                when p_is_probe then crm_sync._probe_timeout(p_destination)
                when deliveries.last_error_code = 'receiver_timeout' and deliveries.attempt_count = 1 then 2000
                else 8000
            end,
                'type', deliveries.operation,
                'schema', (parse_ident(deliveries.table_name))[1],
                'table', (parse_ident(deliveries.table_name))[2],
                'record', deliveries.record
            ) order by ids.position)
        )
        from unnest(p_delivery_ids) with ordinality as ids (delivery_id, position)
        join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    );
end;
$$;

create function crm_sync._probe_timeout(p_destination text)
returns int
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Short, because everybody waits for it in pg_net's batch. But a receiver that works slowly must be let in at last:
    -- from the fifth probe in a row, a quarter of an hour after the first.
    return (
        select case when breakers.open_count < 5 then 3000 else 8000 end
        from crm_sync.breakers
        where breakers.breaker = p_destination
    );
end;
$$;

comment on function crm_sync._post_envelope(uuid, text, bigint[], boolean, crm_sync.function_access, timestamptz) is
    'Queues an envelope in pg_net and writes down that it is in flight.';
comment on function crm_sync._post_signed(crm_sync.function_access, uuid, jsonb, interval) is
    'Signs a body and queues it in pg_net for the function; returns pg_net''s id.';
comment on function crm_sync._signed_headers(crm_sync.function_access, uuid, jsonb) is
    'Headers with a signature by the clock of this moment, so that a long transaction sends no stale one.';
comment on function crm_sync._envelope_body(text, bigint[], boolean) is
    'What the function receives: each delivery with its record in the shape of a Database Webhook, in this order.';
comment on function crm_sync._probe_timeout(text) is 'Milliseconds for a probe''s call to the receiver: 3 s, from the fifth in a row on as long as any call.';

revoke all on function crm_sync._probe_timeout(text), crm_sync._post_envelope(uuid, text, bigint[], boolean, crm_sync.function_access, timestamptz),
    crm_sync._post_signed(crm_sync.function_access, uuid, jsonb, interval),
    crm_sync._signed_headers(crm_sync.function_access, uuid, jsonb), crm_sync._envelope_body(text, bigint[], boolean) from public;

-- sql/crm_sync/06_dispatch/sign.sql

-- Standard Webhooks signatures (standardwebhooks.com, "Signature scheme"): HMAC-SHA256 over id.timestamp.body, base64.
-- pg_net sends exactly body::text, so that is what is signed; answers of the function are signed the same way.

create function crm_sync._signatures(p_id text, p_timestamp text, p_body text, p_secrets text[])
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_signed     bytea := convert_to(p_id || '.' || p_timestamp || '.' || p_body, 'UTF8');
    v_signatures text[];
    v_secret     text;
begin
    -- One for each secret: during a rotation either side may know only the old or only the new one.
    foreach v_secret in array coalesce(p_secrets, '{}') loop
        v_signatures := v_signatures || ('v1,' || encode(
            extensions.hmac(v_signed, decode(regexp_replace(v_secret, '^whsec_', ''), 'base64'), 'sha256'), 'base64'));
    end loop;
    return array_to_string(v_signatures, ' ');
end;
$$;

create function crm_sync._is_signed_by_us(p_id text, p_timestamp text, p_signatures text, p_body text, p_secrets text[])
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        regexp_split_to_array(btrim(p_signatures), ' +')
        && regexp_split_to_array(crm_sync._signatures(p_id, p_timestamp, p_body, p_secrets), ' '),
        false);
end;
$$;

comment on function crm_sync._signatures(text, text, text, text[]) is 'The webhook-signature header: one v1 signature for each secret, separated by spaces.';
comment on function crm_sync._is_signed_by_us(text, text, text, text, text[]) is 'Whether one of the signatures was made with one of the secrets.';

revoke all on function crm_sync._signatures(text, text, text, text[]),
    crm_sync._is_signed_by_us(text, text, text, text, text[]) from public;

-- sql/crm_sync/07_retry/backoff.sql

-- When the next attempt is made. Evidence before exhaustion: with its attempts used up a delivery goes dead only if the
-- destination took another one since this one's first attempt; else it waits on at the longest interval.

create function crm_sync._delay(p_delays interval[], p_attempt_count int, p_outcome text, p_retry_after int, p_max_retry_after interval)
returns interval
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return greatest(
        p_delays[least(p_attempt_count, cardinality(p_delays))] * (0.8 + 0.4 * random()),
        least(make_interval(secs => coalesce(p_retry_after, 0)), p_max_retry_after),
        case when p_outcome = 'unknown' then interval '20 seconds' end
    );
end;
$$;

create function crm_sync._is_exhausted(p_delays interval[], p_attempt_count int, p_claimed_at timestamptz, p_last_delivered_at timestamptz)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_attempt_count > cardinality(p_delays) and coalesce(p_last_delivered_at > p_claimed_at, false);
end;
$$;

create function crm_sync._wait_delay(p_wait_count int)
returns interval
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return least(interval '10 seconds' * power(2, least(p_wait_count - 1, 10)), interval '15 minutes')
           * (0.8 + 0.4 * random());
end;
$$;

comment on function crm_sync._delay(interval[], int, text, int, interval) is
    'Wait after so many counted attempts, ±20 % jitter; Retry-After (seconds) raises it within a cap; at least 20 s where the receiver may have the call.';
comment on function crm_sync._is_exhausted(interval[], int, timestamptz, timestamptz) is
    'Whether attempts are used up and the destination has taken something else meanwhile.';
comment on function crm_sync._wait_delay(int) is 'Wait after so many tries in a row that used up no attempt: 10 s, doubling to 15 min, ±20 % jitter.';

revoke all on function crm_sync._delay(interval[], int, text, int, interval),
    crm_sync._is_exhausted(interval[], int, timestamptz, timestamptz), crm_sync._wait_delay(int) from public;

-- sql/crm_sync/07_retry/breakers.sql

-- Opens and closes breakers by what was just settled. A destination's breaker opens at 70 % of at least 10 attempts
-- failing in 5 minutes, after 3 failures in a row on 2 keys or over 5 minutes, and when 2 keys in a row come back
-- misconfigured. Any success closes. Rejects are the row's fault and count neither way.

create function crm_sync._move_breakers(p_settlements crm_sync.settlement[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seen record;
begin
    for v_seen in
        with outcomes as (
            -- What an envelope's failure says, it says of the function; any usable answer is a success of the function.
            select 'function' as breaker, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id,
                   case when settlements.envelope_failed then 'retry' else 'delivered' end as outcome
            from unnest(p_settlements) as settlements
            join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
            where settlements.error_code is distinct from 'request_lost' and settlements.error_code is distinct from 'taken_back'
            union all
            select deliveries.destination, deliveries.ordering_key, settlements.envelope_id, settlements.delivery_id, settlements.outcome
            from unnest(p_settlements) as settlements
            join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
            where not settlements.envelope_failed
              and settlements.outcome in ('delivered', 'retry', 'unknown', 'misconfigured')
              and settlements.error_code is distinct from 'request_lost'
        ),
        numbered as (
            -- The function is tried once an envelope, a destination once a delivery.
            select outcomes.*,
                   case when outcomes.breaker = 'function' then outcomes.envelope_id::text else outcomes.delivery_id::text end as attempt,
                   outcomes.envelope_id = breakers.probe_envelope_id as is_probe,
                   coalesce(max(outcomes.delivery_id) filter (where outcomes.outcome = 'delivered')
                       over (partition by outcomes.breaker), 0) as last_success
            from outcomes
            join crm_sync.breakers on breakers.breaker = outcomes.breaker
        )
        select numbered.breaker,
               count(distinct numbered.attempt)::int as attempt_count,
               (count(distinct numbered.attempt) filter (where numbered.outcome <> 'delivered'))::int as failure_count,
               bool_or(numbered.outcome = 'delivered') as has_success,
               coalesce(bool_or(numbered.is_probe), false) as has_probe,
               -- What was captured after the last success has failed.
               (count(distinct numbered.attempt) filter (where numbered.delivery_id > numbered.last_success))::int as failures_in_a_row,
               array_agg(numbered.ordering_key) filter (where numbered.delivery_id > numbered.last_success) as failing_keys,
               (array_agg(numbered.ordering_key order by numbered.delivery_id desc))[1] as last_failed_key,
               array_agg(numbered.ordering_key)
                   filter (where numbered.delivery_id > numbered.last_success and numbered.outcome = 'misconfigured') as misconfigured_keys
        from numbered
        group by numbered.breaker
    loop
        perform crm_sync._count_minute(v_seen.breaker, v_seen.attempt_count, v_seen.failure_count, p_now);
        if v_seen.has_success then
            perform crm_sync._close_breaker(v_seen.breaker, p_now);
        end if;
        if v_seen.failures_in_a_row > 0 then
            perform crm_sync._note_failures(
                v_seen.breaker, v_seen.failures_in_a_row, v_seen.failing_keys, v_seen.misconfigured_keys, v_seen.last_failed_key, p_now);
        end if;
        if v_seen.failure_count > 0 then
            perform crm_sync._open_breaker_if_failing(v_seen.breaker, v_seen.has_probe, p_now);
        end if;
    end loop;
    perform crm_sync._end_probes(p_now);
end;
$$;

create function crm_sync._count_minute(p_breaker text, p_attempt_count int, p_failure_count int, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into crm_sync.breaker_minutes as minutes (breaker, minute, attempt_count, failure_count)
    values (p_breaker, date_trunc('minute', p_now), p_attempt_count, p_failure_count)
    on conflict (breaker, minute) do update
    set attempt_count = minutes.attempt_count + excluded.attempt_count,
        failure_count = minutes.failure_count + excluded.failure_count;
    delete from crm_sync.breaker_minutes as minutes where minutes.minute < p_now - interval '1 day';
end;
$$;

create function crm_sync._close_breaker(p_breaker text, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Minutes before the recovery say nothing about the time after it.
    delete from crm_sync.breaker_minutes as minutes
    using crm_sync.breakers
    where minutes.breaker = p_breaker and breakers.breaker = p_breaker and breakers.state <> 'closed';
    update crm_sync.breakers
    set state = 'closed', reason = null, open_until = null, open_count = 0, opened_at = null,
        failures_in_a_row = 0, failing_since = null, failing_keys = '{}', misconfigured_keys = '{}',
        probe_outcome = case when breakers.probe_envelope_id is null then breakers.probe_outcome else 'success' end,
        probe_envelope_id = null, last_success_at = p_now
    where breakers.breaker = p_breaker;
end;
$$;

create function crm_sync._note_failures(
    p_breaker text, p_failures int, p_keys text[], p_misconfigured_keys text[], p_last_failed_key text, p_now timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.breakers
    set failures_in_a_row = breakers.failures_in_a_row + p_failures,
        failing_since = coalesce(breakers.failing_since, p_now),
        failing_keys = array(
            select distinct key from unnest(breakers.failing_keys || p_keys) as both_lists (key) limit 2
        ),
        misconfigured_keys = array(
            select distinct key from unnest(breakers.misconfigured_keys || p_misconfigured_keys) as both_lists (key) limit 2
        ),
        last_failed_key = p_last_failed_key
    where breakers.breaker = p_breaker;
end;
$$;

create function crm_sync._open_breaker_if_failing(p_breaker text, p_has_probe boolean, p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_breaker crm_sync.breakers;
    v_reason  text;
begin
    select * into strict v_breaker from crm_sync.breakers where breakers.breaker = p_breaker;
    v_reason := case
        when cardinality(v_breaker.misconfigured_keys) > 1 then 'misconfigured'
        when v_breaker.failures_in_a_row >= 3
             and (cardinality(v_breaker.failing_keys) > 1 or v_breaker.failing_since <= p_now - interval '5 minutes')
             then 'failures in a row'
        when (
            select sum(minutes.attempt_count) >= 10 and sum(minutes.failure_count) >= 0.7 * sum(minutes.attempt_count)
            from crm_sync.breaker_minutes as minutes
            where minutes.breaker = p_breaker and minutes.minute > p_now - interval '5 minutes'
        ) then '70 % failing in 5 minutes'
        -- Closed it has none; half-open, the one for which it was open.
        else v_breaker.reason
    end;
    -- What left before it opened says nothing of the probe.
    if v_reason is null or v_breaker.state = 'open' or (v_breaker.state = 'half_open' and not p_has_probe) then
        return;
    end if;
    -- A probe that failed opens it for twice as long.
    update crm_sync.breakers
    set state = 'open',
        reason = v_reason,
        open_count = breakers.open_count + 1,
        open_until = p_now + crm_sync._open_interval(breakers.open_count + 1),
        opened_at = coalesce(breakers.opened_at, p_now),
        probe_outcome = case when breakers.probe_envelope_id is null then breakers.probe_outcome else 'failure' end,
        probe_envelope_id = null
    where breakers.breaker = p_breaker;
    -- What still waits in pg_net's queue would hang, and hold up everybody's next batch.
    perform crm_sync._settle(crm_sync._take_back(envelopes.envelope_id, p_now), p_now)
    from crm_sync.envelopes
    where envelopes.destination = p_breaker and envelopes.status = 'in_flight';
end;
$$;

create function crm_sync._open_interval(p_open_count int)
returns interval
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return least(interval '30 seconds' * power(2, least(p_open_count - 1, 10)), interval '15 minutes');
end;
$$;

create function crm_sync._end_probes(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A probe that told neither way (rejected, not attempted, lost, cancelled): the next one may go at once.
    update crm_sync.breakers
    set state = 'open', open_until = p_now, probe_envelope_id = null, probe_outcome = 'inconclusive'
    where breakers.state = 'half_open'
      and not exists (
          select from crm_sync.envelopes
          where envelopes.envelope_id = breakers.probe_envelope_id and envelopes.status = 'in_flight'
      );
end;
$$;

comment on function crm_sync._move_breakers(crm_sync.settlement[], timestamptz) is 'Opens and closes breakers by these outcomes. Called by settle.';
comment on function crm_sync._count_minute(text, int, int, timestamptz) is 'Adds to the minute''s counts.';
comment on function crm_sync._close_breaker(text, timestamptz) is 'A success: closes the breaker and forgets what failed before.';
comment on function crm_sync._note_failures(text, int, text[], text[], text, timestamptz) is 'Adds to the failures in a row.';
comment on function crm_sync._open_breaker_if_failing(text, boolean, timestamptz) is 'Opens the breaker if one of the rules holds; a failed probe opens it for longer.';
comment on function crm_sync._open_interval(int) is 'How long it stays open: 30 s, doubling to 15 min.';
comment on function crm_sync._end_probes(timestamptz) is 'Half-open breakers whose probe is over and told nothing are open again, due for the next probe.';

revoke all on function crm_sync._move_breakers(crm_sync.settlement[], timestamptz), crm_sync._count_minute(text, int, int, timestamptz),
    crm_sync._close_breaker(text, timestamptz), crm_sync._note_failures(text, int, text[], text[], text, timestamptz),
    crm_sync._open_breaker_if_failing(text, boolean, timestamptz), crm_sync._open_interval(int),
    crm_sync._end_probes(timestamptz) from public;

-- sql/crm_sync/07_retry/mended.sql

-- A row is mended by changing it once its delivery is dead. Here for those that were mended a moment earlier, while the
-- delivery that was to go dead was still under way: nothing fires a route whose transition lies in the past.

create function crm_sync._recapture_mended(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead record;
begin
    for v_dead in
        select deliveries.table_name, deliveries.row_id, deliveries.route, deliveries.record, attachments.watched
        from crm_sync.deliveries
        join crm_sync.attachments
          on attachments.table_name = deliveries.table_name and attachments.route = deliveries.route
        where deliveries.delivery_id = any (p_delivery_ids)
          and deliveries.status = 'dead'
          and deliveries.record is not null
          and attachments.transition <> 'true'
    loop
        perform crm_sync._recapture_if_changed(
            v_dead.table_name, v_dead.row_id, v_dead.route, crm_sync._pick(v_dead.record, v_dead.watched));
    end loop;
end;
$$;

create function crm_sync._recapture_if_changed(p_table_name text, p_row_id text, p_route text, p_told jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
as $$
declare
    v_rows jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
begin
    -- No row, no columns to compare, or the same values: nothing was mended. As text: a record may hold 42 as "42".
    if v_rows -> 0 is not null and exists (
        select from jsonb_each_text(p_told) as told where v_rows -> 0 ->> told.key is distinct from told.value
    ) then
        perform crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows, array[p_route]);
    end if;
exception when others then
    perform crm_sync._note_fault('mended row of ' || p_table_name, sqlstate, sqlerrm);
end;
$$;

create function crm_sync._pick(p_row jsonb, p_columns text[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(fields.key, fields.value), '{}')
    from jsonb_each(p_row) as fields
    where fields.key = any (p_columns);
$$;

comment on function crm_sync._recapture_mended(bigint[]) is
    'Fires routes with a transition again for rows that no longer are as their dead delivery told them.';
comment on function crm_sync._recapture_if_changed(text, text, text, jsonb) is 'Fires a route for a row if one of these values has changed and its condition holds; never raises.';
comment on function crm_sync._pick(jsonb, text[]) is 'The fields of a record that are named in the list.';

revoke all on function crm_sync._recapture_mended(bigint[]), crm_sync._recapture_if_changed(text, text, text, jsonb),
    crm_sync._pick(jsonb, text[]) from public;

-- sql/crm_sync/07_retry/settle.sql

-- The one transition out of in_flight. Fence: only what is still in flight in the very envelope that the outcome is of;
-- late, foreign and forged answers settle nothing. Called by reconcile, under the tick's lock.

create function crm_sync._settle(p_settlements crm_sync.settlement[], p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settled bigint[];
begin
    if cardinality(p_settlements) = 0 then
        perform crm_sync._end_probes(p_now);
        return 0;
    end if;
    p_settlements := crm_sync._fenced(p_settlements);
    with judged as (
        select crm_sync._judge(deliveries, destinations, settlements, p_now) as verdict, settlements.*
        from unnest(p_settlements) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
        join crm_sync.destinations on destinations.destination = deliveries.destination
    ),
    attempted as (
        insert into crm_sync.delivery_attempts (
            delivery_id, envelope_id, attempt, is_counted, outcome, status, error_code, error, dispatched_at, settled_at
        )
        select judged.delivery_id, judged.envelope_id,
               (judged.verdict).attempt_count + case when judged.is_counted then 0 else 1 end,
               judged.is_counted, (judged.verdict).last_outcome, judged.status, judged.error_code, judged.error,
               envelopes.dispatched_at, p_now
        from judged
        join crm_sync.envelopes on envelopes.envelope_id = judged.envelope_id
        on conflict do nothing
    ),
    settled as (
        update crm_sync.deliveries
        set status = (judged.verdict).status,
            envelope_id = null,
            attempt_count = (judged.verdict).attempt_count,
            envelope_failure_count = (judged.verdict).envelope_failure_count,
            wait_count = (judged.verdict).wait_count,
            failed_alone_count = (judged.verdict).failed_alone_count,
            failed_alone_since = (judged.verdict).failed_alone_since,
            next_attempt_at = (judged.verdict).next_attempt_at,
            finished_at = (judged.verdict).finished_at,
            last_outcome = (judged.verdict).last_outcome,
            last_status = judged.status,
            last_error_code = (judged.verdict).last_error_code,
            last_error = judged.error
        from judged
        where deliveries.delivery_id = judged.delivery_id
        returning deliveries.delivery_id
    )
    select array_agg(settled.delivery_id) into v_settled from settled;
    perform crm_sync._move_breakers(p_settlements, p_now);
    perform crm_sync._after_settle(v_settled, p_now);
    return coalesce(cardinality(v_settled), 0);
end;
$$;

create function crm_sync._fenced(p_settlements crm_sync.settlement[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What a probe, or an envelope's failure, says against a receiver uses up no attempt.
    return (
        select coalesce(array_agg(row(
            settlements.delivery_id, settlements.envelope_id,
            settlements.outcome,
            settlements.is_counted and (not envelopes.is_probe or settlements.outcome in ('delivered', 'reject')),
            settlements.envelope_failed, settlements.status, settlements.retry_after, settlements.error_code, settlements.error
        )::crm_sync.settlement order by settlements.delivery_id), '{}')
        from (
            select distinct on (given.delivery_id, given.envelope_id) given.*
            from unnest(p_settlements) as given
            order by given.delivery_id, given.envelope_id, given.envelope_failed
        ) as settlements
        -- One by one, by the primary key: joined at once, all that is under way was read for each of them.
        cross join lateral (
            select deliveries.envelope_id, deliveries.status
            from crm_sync.deliveries
            where deliveries.delivery_id = settlements.delivery_id
            offset 0
        ) as fence
        join crm_sync.envelopes on envelopes.envelope_id = settlements.envelope_id
        where fence.envelope_id = settlements.envelope_id and fence.status = 'in_flight'
    );
end;
$$;

create function crm_sync._judge(
    p_delivery crm_sync.deliveries, p_destination crm_sync.destinations, p_settlement crm_sync.settlement, p_now timestamptz
)
returns crm_sync.deliveries
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    p_delivery.last_outcome := p_settlement.outcome;
    p_delivery.last_error_code := p_settlement.error_code;
    p_delivery.attempt_count := p_delivery.attempt_count + p_settlement.is_counted::int;
    p_delivery := crm_sync._count_waits(p_delivery, p_settlement, p_now);
    p_delivery.status := case
        when p_settlement.outcome = 'delivered' then 'delivered'
        when p_settlement.outcome = 'reject' then 'dead'
        when p_settlement.envelope_failed and crm_sync._is_poison(p_delivery) then 'dead'
        when p_settlement.is_counted and crm_sync._is_exhausted(
            p_destination.retry_delays, p_delivery.attempt_count, crm_sync._first_attempt_at(p_delivery), p_destination.last_delivered_at)
            then 'dead'
        else 'pending'
    end;
    if p_delivery.status = 'dead' and p_settlement.envelope_failed then
        p_delivery.last_error_code := 'poison';
    end if;
    p_delivery.finished_at := case when p_delivery.status <> 'pending' then p_now end;
    p_delivery.next_attempt_at := case
        when p_delivery.status <> 'pending' then p_delivery.next_attempt_at
        -- It may be a stranger's answer, under an id that was ours before a crash, and our call still on its way.
        when p_settlement.envelope_failed then p_now + greatest(crm_sync._wait_delay(p_delivery.wait_count), interval '20 seconds')
        when p_settlement.outcome = 'misconfigured' then p_now + crm_sync._wait_delay(p_delivery.wait_count)
        -- A probe uses up no attempt, but what it was told, or may have done, holds.
        when p_settlement.outcome in ('retry', 'unknown')
            then p_now + crm_sync._delay(p_destination.retry_delays, greatest(p_delivery.attempt_count, 1), p_settlement.outcome,
                                         p_settlement.retry_after, p_destination.max_retry_after)
        else p_now
    end;
    return p_delivery;
end;
$$;

create function crm_sync._count_waits(p_delivery crm_sync.deliveries, p_settlement crm_sync.settlement, p_now timestamptz)
returns crm_sync.deliveries
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was_alone boolean := p_settlement.envelope_failed and (
        select envelopes.delivery_count = 1 and not envelopes.is_probe
        from crm_sync.envelopes
        where envelopes.envelope_id = p_settlement.envelope_id
    );
begin
    -- What never left, or left no trace, says nothing of how it travels.
    if p_settlement.error_code in ('request_lost', 'taken_back') then
        return p_delivery;
    end if;
    p_delivery.wait_count := case
        when p_settlement.envelope_failed or p_settlement.outcome = 'misconfigured' then p_delivery.wait_count + 1
        else 0
    end;
    p_delivery.envelope_failure_count := case when p_settlement.envelope_failed then p_delivery.envelope_failure_count + 1 else 0 end;
    if not p_settlement.envelope_failed then
        p_delivery.failed_alone_count := 0;
        p_delivery.failed_alone_since := null;
    elsif v_was_alone then
        p_delivery.failed_alone_count := p_delivery.failed_alone_count + 1;
        p_delivery.failed_alone_since := coalesce(p_delivery.failed_alone_since, p_now);
    end if;
    return p_delivery;
end;
$$;

create function crm_sync._first_attempt_at(p_delivery crm_sync.deliveries)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of those that count now: redeliver() begins anew, and what was delivered before it is no evidence.
    return coalesce(
        (
            select attempts.dispatched_at
            from crm_sync.delivery_attempts as attempts
            where attempts.delivery_id = p_delivery.delivery_id and attempts.is_counted
            order by attempts.settled_at desc
            offset greatest(p_delivery.attempt_count - 2, 0)
            limit 1
        ),
        p_delivery.claimed_at);
end;
$$;

create function crm_sync._is_poison(p_delivery crm_sync.deliveries)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Where the platform itself fails now and then, three failures say nothing of the delivery: five others must have been
    -- answered meanwhile, and twenty more for each other one that failed.
    return p_delivery.failed_alone_count >= 3 and (
        select count(*) filter (where others.status = 'answered') >= 5 + 20 * count(*) filter (where others.status = 'failed')
        from crm_sync.envelopes as others
        where others.settled_at >= p_delivery.failed_alone_since
          and others.envelope_id <> all (array(
              select attempts.envelope_id from crm_sync.delivery_attempts as attempts
              where attempts.delivery_id = p_delivery.delivery_id
          ))
          and others.envelope_id is distinct from p_delivery.envelope_id
    );
end;
$$;

create function crm_sync._after_settle(p_delivery_ids bigint[], p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    update crm_sync.destinations
    set last_delivered_at = p_now
    where destinations.destination in (
        select deliveries.destination from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'delivered'
    );
    -- The older states that a delivered one covers; those that were never read would now read what a dead one did. And
    -- the dead ones that a newer delivery of the row stands for.
    with superseded as materialized (
        select older.delivery_id, older.status, newer.delivery_id as superseded_by
        from crm_sync.deliveries as newer
        cross join lateral (
            select deliveries.delivery_id, deliveries.status
            from crm_sync.deliveries
            where deliveries.row_id = newer.row_id
              and deliveries.table_name = newer.table_name
              and deliveries.route = newer.route
              and deliveries.delivery_id <> newer.delivery_id
              and (
                  (deliveries.status = 'pending' and deliveries.covered_by = newer.delivery_id
                   and (newer.status = 'delivered' or (newer.status = 'dead' and deliveries.claimed_at is null)))
                  or (newer.status in ('delivered', 'dead') and deliveries.status = 'dead'
                      and deliveries.delivery_id < newer.delivery_id)
              )
            -- Row by row, by the index: as a join it was planned as each with each.
            offset 0
        ) as older
        where newer.delivery_id = any (p_delivery_ids)
    )
    update crm_sync.deliveries
    set status = 'superseded', superseded_by = superseded.superseded_by, finished_at = p_now, is_parked = false
    from superseded
    -- What an operator has cancelled or sent again meanwhile stays so.
    where deliveries.delivery_id = superseded.delivery_id and deliveries.status = superseded.status;
    perform crm_sync._recapture_mended(p_delivery_ids);
    for v_group in
        select deliveries.destination, array_agg(distinct deliveries.ordering_key) as keys
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        group by deliveries.destination
    loop
        perform crm_sync._wake_keys(v_group.destination, v_group.keys);
    end loop;
end;
$$;

comment on function crm_sync._settle(crm_sync.settlement[], timestamptz) is
    'Writes outcomes into the ledger, one attempt each; returns how many deliveries were settled. Safe to repeat: what is no longer in flight in that envelope is left alone.';
comment on function crm_sync._fenced(crm_sync.settlement[]) is
    'The settlements that may count: of deliveries still in flight in that envelope, one each, a signed answer before a failure.';
comment on function crm_sync._count_waits(crm_sync.deliveries, crm_sync.settlement, timestamptz) is 'Counts tries that use up no attempt, and forgets them after one that does.';
comment on function crm_sync._first_attempt_at(crm_sync.deliveries) is 'When the first of its counted attempts left.';
comment on function crm_sync._is_poison(crm_sync.deliveries) is
    'Alone in three envelopes without a usable answer, while the function answers others: the delivery is at fault.';
comment on function crm_sync._judge(crm_sync.deliveries, crm_sync.destinations, crm_sync.settlement, timestamptz) is
    'The delivery as it stands after an outcome: the state machine, and nothing else.';
comment on function crm_sync._after_settle(bigint[], timestamptz) is
    'What a settled delivery changes for others: evidence of its destination, superseded older ones, the next of its key.';

revoke all on function crm_sync._settle(crm_sync.settlement[], timestamptz), crm_sync._fenced(crm_sync.settlement[]),
    crm_sync._count_waits(crm_sync.deliveries, crm_sync.settlement, timestamptz), crm_sync._is_poison(crm_sync.deliveries),
    crm_sync._first_attempt_at(crm_sync.deliveries),
    crm_sync._judge(crm_sync.deliveries, crm_sync.destinations, crm_sync.settlement, timestamptz),
    crm_sync._after_settle(bigint[], timestamptz) from public;

-- sql/crm_sync/08_reconcile/answers.sql

-- Reads one answer of pg_net. It is ours only if it carries our envelope's id and a signature of ours over it; anything
-- else settles nothing. Parsed in a block of its own: pg_net stores invalid bytes and whatever JSON it is given.

create function crm_sync._read_answer(p_envelope_id uuid, p_headers jsonb, p_content text, p_secrets text[])
returns crm_sync.settlement[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settlements crm_sync.settlement[];
begin
    select array_agg(crm_sync._read_result(p_envelope_id, results.result)) into v_settlements
    from jsonb_array_elements(crm_sync._verified(p_envelope_id, p_headers, p_content, p_secrets) -> 'results') as results (result);
    -- A word that this version does not know, or no delivery: nothing of it can be believed.
    if exists (
        select from unnest(v_settlements) as settlements
        where settlements.delivery_id is null
           or settlements.outcome is null
           or settlements.outcome <> all (array['delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown'])
    ) then
        return null;
    end if;
    return v_settlements;
exception when others then
    return null;
end;
$$;

create function crm_sync._verified(p_id uuid, p_headers jsonb, p_content text, p_secrets text[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_headers jsonb;
    v_answer  jsonb;
begin
    select jsonb_object_agg(lower(headers.key), headers.value) into v_headers from jsonb_each_text(p_headers) as headers;
    if v_headers ->> 'webhook-id' is distinct from p_id::text
        or not crm_sync._is_signed_by_us(
            p_id::text, v_headers ->> 'webhook-timestamp', v_headers ->> 'webhook-signature', p_content, p_secrets
        ) then
        return null;
    end if;
    v_answer := p_content::jsonb;
    return case when v_answer ->> 'envelope_id' = p_id::text then v_answer end;
exception when others then
    return null;
end;
$$;

create function crm_sync._read_result(p_envelope_id uuid, p_result jsonb)
returns crm_sync.settlement
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            (p_result ->> 'delivery_id')::bigint,
            p_envelope_id,
            p_result ->> 'outcome',
            p_result ->> 'outcome' in ('delivered', 'retry', 'reject', 'unknown'),
            false,
            (p_result ->> 'status')::int,
            greatest(0, (p_result ->> 'retry_after')::int),
            left(p_result ->> 'error_code', 100),
            left(p_result ->> 'error', 500)
        )::crm_sync.settlement
    );
end;
$$;

comment on function crm_sync._read_answer(uuid, jsonb, text, text[]) is
    'The outcomes in an answer; null unless it is signed by us and about this envelope. Never raises.';
comment on function crm_sync._verified(uuid, jsonb, text, text[]) is
    'An answer''s body, if the function signed it for what was posted under this id; else null. Never raises.';
comment on function crm_sync._read_result(uuid, jsonb) is 'One result of an answer. Misconfigured and not_attempted use up no attempt.';

revoke all on function crm_sync._read_answer(uuid, jsonb, text, text[]), crm_sync._verified(uuid, jsonb, text, text[]),
    crm_sync._read_result(uuid, jsonb) from public;

-- sql/crm_sync/08_reconcile/lost.sql

-- Requests that pg_net no longer has (its tables are unlogged: a crash empties them), and those that it does not send.
-- Its queue has no index, so that here the tick may read a table from end to end.

create function crm_sync._take_missing(p_envelope_ids uuid[], p_secrets text[], p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
declare
    v_answer      record;
    v_settlements crm_sync.settlement[] := '{}';
begin
    if p_envelope_ids is null then
        return '{}';
    end if;
    -- Before a request is called lost: by id among all answers, however old.
    for v_answer in
        select envelopes.envelope_id, answers.status_code, answers.headers, answers.content
        from crm_sync.envelopes
        join net._http_response as answers on answers.id = envelopes.request_id
        where envelopes.envelope_id = any (p_envelope_ids)
    loop
        v_settlements := v_settlements || crm_sync._take_answer(
            v_answer.envelope_id, v_answer.status_code, v_answer.headers, v_answer.content, p_secrets, p_now);
    end loop;
    update crm_sync.envelopes
    set status = 'lost', settled_at = p_now
    where envelopes.envelope_id = any (p_envelope_ids) and envelopes.status = 'in_flight';
    return v_settlements || (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', true, false, null, null, 'request_lost',
            'pg_net holds neither the request nor an answer; it may have arrived'
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        cross join lateral crm_sync._in_flight_of(envelopes.envelope_id) as deliveries
        where envelopes.envelope_id = any (p_envelope_ids)
          and envelopes.status = 'lost'
    );
end;
$$;

create function crm_sync._take_back(p_envelope_id uuid, p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on'
as $$
declare
    v_request_id bigint;
begin
    -- skip locked: a batch that is running holds the row, and its answer is on the way.
    delete from net.http_request_queue as queue
    where queue.ctid = (
        select candidates.ctid
        from net.http_request_queue as candidates
        join crm_sync.envelopes on envelopes.request_id = candidates.id
        where envelopes.envelope_id = p_envelope_id
          and candidates.headers ->> 'webhook-id' = p_envelope_id::text
        for update of candidates skip locked
    )
    returning queue.id into v_request_id;
    if v_request_id is null then
        return '{}';
    end if;
    update crm_sync.envelopes
    set status = 'taken_back', settled_at = p_now
    where envelopes.envelope_id = p_envelope_id;
    return coalesce(crm_sync._same_for_all(p_envelope_id, 'not_attempted', 'taken_back', 'never left pg_net''s queue'), '{}');
end;
$$;

create function crm_sync._same_for_all(p_envelope_id uuid, p_outcome text, p_error_code text, p_error text)
returns crm_sync.settlement[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(row(
            deliveries.delivery_id, p_envelope_id, p_outcome, false, false, null, null, p_error_code, p_error
        )::crm_sync.settlement)
        from crm_sync._in_flight_of(p_envelope_id) as deliveries
    );
end;
$$;

create function crm_sync._wake_pg_net(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A lock on its tables, or a restart, makes pg_net's worker sleep until somebody wakes it. What reconcile left in flight
    -- is still queued.
    if exists (
        select from crm_sync.envelopes
        cross join crm_sync.settings
        where envelopes.status = 'in_flight' and envelopes.dispatched_at < p_now - settings.wake_after
    ) then
        perform net.wake();
    end if;
end;
$$;

comment on function crm_sync._take_missing(uuid[], text[], timestamptz) is
    'Looks once more for the answers of requests that are in neither of pg_net''s tables; what is not found was lost: counted, outcome unknown, sent again under the same key.';
comment on function crm_sync._take_back(uuid, timestamptz) is 'Removes a request from pg_net''s queue, unless it is being sent right now; no attempt counted.';
comment on function crm_sync._same_for_all(uuid, text, text, text) is 'One outcome, not counted, for everything in flight in an envelope.';
comment on function crm_sync._wake_pg_net(timestamptz) is 'Wakes pg_net''s worker when requests of ours wait for longer than settings.wake_after.';

revoke all on function crm_sync._take_missing(uuid[], text[], timestamptz), crm_sync._take_back(uuid, timestamptz),
    crm_sync._same_for_all(uuid, text, text, text), crm_sync._wake_pg_net(timestamptz) from public;

-- sql/crm_sync/08_reconcile/missed.sql

-- Captures what capture could not write, from the changes that its handler stored. In a block each: one table that was
-- changed under us holds up no other.

create function crm_sync._capture_missed(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failure crm_sync.capture_failures;
    v_count   int := 0;
begin
    for v_failure in
        select * from crm_sync.capture_failures as failures
        where failures.next_retry_at <= p_now
        order by failures.capture_failure_id
        limit 100
        for update skip locked
    loop
        begin
            perform crm_sync._recapture(
                v_failure.table_name, v_failure.operation, v_failure.old_rows, v_failure.new_rows,
                p_captured_at => v_failure.failed_at);
            if v_failure.operation = 'UPDATE' then
                insert into crm_sync.related_changes (table_name, row_id)
                select v_failure.table_name, ids.row_id
                from unnest(v_failure.row_ids) as ids (row_id)
                where exists (
                    select from crm_sync.related_attachments as related where related.table_name = v_failure.table_name
                );
            end if;
            delete from crm_sync.capture_failures as failures
            where failures.capture_failure_id = v_failure.capture_failure_id;
            v_count := v_count + 1;
        exception when others then
            update crm_sync.capture_failures as failures
            set retry_count = failures.retry_count + 1,
                next_retry_at = p_now + least(interval '2 seconds' * power(2, least(failures.retry_count, 10)), interval '5 minutes'),
                sql_state = sqlstate,
                detail = crm_sync._harmless_message(sqlstate, sqlerrm)
            where failures.capture_failure_id = v_failure.capture_failure_id;
        end;
    end loop;
    perform crm_sync._repair_unstored(p_now);
    return v_count;
end;
$$;

create function crm_sync._recapture(
    p_table_name text, p_operation text, p_old_rows jsonb, p_new_rows jsonb,
    p_routes text[] default null, p_is_backfill boolean default false, p_captured_at timestamptz default clock_timestamp()
)
returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from crm_sync.attachments where attachments.table_name = p_table_name) then
        return query execute format(
            'select * from crm_sync.%I($1, $2, $3, $4, $5, $6)', crm_sync._generated_name('recapture', p_table_name)
        ) using p_operation, p_old_rows, p_new_rows, p_routes, p_is_backfill, p_captured_at;
    end if;
end;
$$;

comment on function crm_sync._capture_missed(timestamptz) is 'Captures stored changes, oldest first; returns how many statements. One that fails again waits, longer each time, 5 minutes at most. Part of the tick.';
comment on function crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) is
    'Captures changes given as rows in JSON, as the table''s trigger would have; returns the new deliveries.';

revoke all on function crm_sync._capture_missed(timestamptz),
    crm_sync._recapture(text, text, jsonb, jsonb, text[], boolean, timestamptz) from public;

-- sql/crm_sync/08_reconcile/reconcile.sql

-- Matches our requests in flight with pg_net's queue and answers. In one snapshot a live request is in one of the two;
-- in neither it is lost. As two statements this would misjudge: the worker may commit in between.

create function crm_sync._reconcile(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_secrets     text[];
    v_request     record;
    v_settlements crm_sync.settlement[] := '{}';
    v_closed      uuid[];
    v_missing     uuid[];
begin
    if not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight') then
        return crm_sync._settle('{}', p_now);
    end if;
    v_secrets := (crm_sync._function_access()).secrets;
    for v_request in select * from crm_sync._requests_in_flight() loop
        if v_request.is_answered then
            v_settlements := v_settlements || crm_sync._take_answer(
                v_request.envelope_id, v_request.status_code, v_request.headers, v_request.content, v_secrets, p_now);
            v_closed := v_closed || v_request.envelope_id;
        elsif v_request.is_queued and v_request.lease_until <= p_now then
            v_settlements := v_settlements || crm_sync._take_back(v_request.envelope_id, p_now);
        elsif not v_request.is_queued then
            v_missing := v_missing || v_request.envelope_id;
        end if;
    end loop;
    v_settlements := v_settlements || crm_sync._take_missing(v_missing, v_secrets, p_now);
    v_settlements := v_settlements || crm_sync._take_unspoken(v_closed || v_missing);
    perform crm_sync._wake_pg_net(p_now);
    return crm_sync._settle(v_settlements, p_now);
end;
$$;

create function crm_sync._requests_in_flight()
returns table (
    envelope_id uuid, lease_until timestamptz, is_queued boolean, is_answered boolean,
    status_code int, headers jsonb, content text
)
language plpgsql
-- pg_net's queue has no index: it is read from end to end, and once, however few in flight the statistics promise.
set search_path = pg_catalog, pg_temp set enable_seqscan = 'on' set enable_nestloop = 'off'
as $$
begin
    -- An answer's created is the start of pg_net's batch, which can lie before our dispatch; it is the one indexed column.
    return query
    with in_flight as materialized (
        select envelopes.* from crm_sync.envelopes where envelopes.status = 'in_flight'
    )
    select in_flight.envelope_id, in_flight.lease_until, queue.id is not null, answers.id is not null,
           answers.status_code, answers.headers, answers.content
    from in_flight
    left join net.http_request_queue as queue
      on queue.id = in_flight.request_id
     and queue.headers ->> 'webhook-id' = in_flight.envelope_id::text
    left join net._http_response as answers
      on answers.id = in_flight.request_id
     and queue.id is null
     and answers.created >= (select min(oldest.dispatched_at) from in_flight as oldest) - interval '10 minutes';
end;
$$;

create function crm_sync._take_answer(
    p_envelope_id uuid, p_status_code int, p_headers jsonb, p_content text, p_secrets text[], p_now timestamptz
)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settlements crm_sync.settlement[] := crm_sync._read_answer(p_envelope_id, p_headers, p_content, p_secrets);
begin
    -- A forged answer may stand beside the true one: only one that is signed closes the envelope at once.
    update crm_sync.envelopes
    set status = case when v_settlements is null then 'failed' else 'answered' end,
        http_status = p_status_code,
        settled_at = p_now
    where envelopes.envelope_id = p_envelope_id
      and (envelopes.status = 'in_flight' or (envelopes.status = 'failed' and v_settlements is not null));
    return coalesce(v_settlements, '{}');
end;
$$;

create function crm_sync._take_unspoken(p_envelope_ids uuid[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of an envelope that failed everything, of one that was answered what the answer leaves out. No attempt counted.
    return (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', false, true, null, null, 'no_usable_answer',
            case
                when envelopes.status = 'answered' then 'the function''s answer leaves this delivery out'
                when envelopes.http_status is null then 'no answer from the function'
                else 'HTTP ' || envelopes.http_status || ', not signed by the function'
            end
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        cross join lateral crm_sync._in_flight_of(envelopes.envelope_id) as deliveries
        where envelopes.envelope_id = any (p_envelope_ids)
    );
end;
$$;

create function crm_sync._in_flight_of(p_envelope_id uuid)
returns table (delivery_id bigint, envelope_id uuid)
language plpgsql
stable
rows 20
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Asked envelope by envelope, by the index: as a join it was planned as each with each.
    return query
    select deliveries.delivery_id, deliveries.envelope_id
    from crm_sync.deliveries
    where deliveries.envelope_id = p_envelope_id and deliveries.status = 'in_flight';
end;
$$;

comment on function crm_sync._reconcile(timestamptz) is 'Settles what pg_net has answered, lost or kept too long; returns how many deliveries. Part of the tick.';
comment on function crm_sync._requests_in_flight() is 'Each request of ours in flight, beside pg_net''s queue and answers, in one snapshot.';
comment on function crm_sync._take_answer(uuid, int, jsonb, text, text[], timestamptz) is 'Closes an answered envelope: answered if the answer is ours, else failed; its outcomes.';
comment on function crm_sync._take_unspoken(uuid[]) is 'Settlements for what no usable answer speaks of in these closed envelopes; settle prefers the answer''s.';
comment on function crm_sync._in_flight_of(uuid) is 'What of an envelope is still in flight.';

revoke all on function crm_sync._in_flight_of(uuid), crm_sync._reconcile(timestamptz), crm_sync._requests_in_flight(),
    crm_sync._take_answer(uuid, int, jsonb, text, text[], timestamptz), crm_sync._take_unspoken(uuid[]) from public;

-- sql/crm_sync/08_reconcile/related.sql

-- Captures what a change of one table means for rows of another (a customer's for their requests), after its commit.
-- Twice: at first sight, for the rows visible then; and once every transaction that was running then has ended, for rows
-- that such a transaction wrote and dispatched while the change was still invisible to it.

create function crm_sync._capture_related(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_change   record;
    v_count    int := 0;
begin
    if not exists (select from crm_sync.related_changes) then
        return 0;
    end if;
    update crm_sync.related_changes as changes
    set horizon = pg_snapshot_xmax(pg_current_snapshot())
    where changes.horizon is null;

    for v_change in
        select changes.table_name,
               changes.horizon <= pg_snapshot_xmin(pg_current_snapshot()) as is_last_look,
               array_agg(distinct changes.row_id) as row_ids,
               changes.changed_in,
               max(changes.changed_at) as changed_at,
               array_agg(changes.related_change_id) as ids
        from crm_sync.related_changes as changes
        group by changes.table_name, is_last_look, changes.changed_in
    loop
        v_count := v_count + crm_sync._capture_affected(
            v_change.table_name, v_change.row_ids, v_change.changed_in, v_change.changed_at);
        delete from crm_sync.related_changes as changes
        where v_change.is_last_look and changes.related_change_id = any (v_change.ids);
    end loop;
    return v_count;
end;
$$;

create function crm_sync._capture_affected(p_table_name text, p_row_ids text[], p_changed_in xid8, p_changed_at timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_target record;
    v_count  int := 0;
begin
    for v_target in execute format(
        'select affected.route, affected.target_table, array_agg(affected.row_id) as row_ids
         from crm_sync.%I($1) as affected
         join crm_sync.attachments
           on attachments.table_name = affected.target_table and attachments.route = affected.route
         where (attachments.transition = ''true''
                or crm_sync._last_is_dead(affected.target_table, affected.row_id, affected.route))
           and not crm_sync._reads_change(affected.target_table, affected.row_id, affected.route, $2, $3)
         group by affected.route, affected.target_table',
        crm_sync._generated_name('related', p_table_name)
    ) using p_row_ids, p_changed_in, p_changed_at
    loop
        v_count := v_count + (
            select count(*)
            from crm_sync._recapture(
                v_target.target_table, 'UPDATE', '[]', crm_sync._rows(v_target.target_table, v_target.row_ids), array[v_target.route])
        );
    end loop;
    return v_count;
end;
$$;

create function crm_sync._reads_change(
    p_table_name text, p_row_id text, p_route text, p_changed_in xid8, p_changed_at timestamptz
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not yet read and not covered by one that was; or claimed with the change in sight. And not before it: a restored
    -- database counts its transactions anew.
    return (
        select exists (
            select from crm_sync.deliveries
            where deliveries.row_id = p_row_id
              and deliveries.table_name = p_table_name
              and deliveries.route = p_route
              and deliveries.status in ('pending', 'in_flight', 'delivered')
              and ((deliveries.claimed_at is null and deliveries.covered_by is null)
                   or (pg_visible_in_snapshot(p_changed_in, deliveries.claimed_snapshot) and deliveries.claimed_at >= p_changed_at))
        )
    );
end;
$$;

create function crm_sync._rows(p_table_name text, p_row_ids text[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows jsonb;
begin
    execute format(
        'select coalesce(jsonb_agg(to_jsonb(this)), ''[]'')
         from unnest($1) as ids (row_id) join %s as this on %s',
        p_table_name, crm_sync._row_matches_sql(p_table_name::regclass, 'this', 'ids.row_id')
    ) into v_rows using p_row_ids;
    return v_rows;
end;
$$;

comment on function crm_sync._capture_related(timestamptz) is 'Captures the effect of related changes; returns how many deliveries. Part of the tick.';
comment on function crm_sync._capture_affected(text, text[], xid8, timestamptz) is 'Captures the rows of other tables that these rows affect, unless a delivery will read them anyway.';
comment on function crm_sync._reads_change(text, text, text, xid8, timestamptz) is 'Whether a delivery of this row and route has still to read it, or has read it with that transaction''s change.';
comment on function crm_sync._rows(text, text[]) is 'Rows by their row ids, as a JSON array; absent ones are left out.';

revoke all on function crm_sync._capture_related(timestamptz), crm_sync._capture_affected(text, text[], xid8, timestamptz),
    crm_sync._reads_change(text, text, text, xid8, timestamptz), crm_sync._rows(text, text[]) from public;

-- sql/crm_sync/08_reconcile/unstored.sql

-- Looks for changes that capture could not even store. Twice: when the tick hears of them, and once every transaction has
-- ended that may have made one without having committed it.

create function crm_sync._repair_unstored(p_now timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value bigint := (select last_value from crm_sync.unstored_changes where is_called);
begin
    if not exists (select from crm_sync.unstored_seen where unstored_seen.value < v_value or unstored_seen.horizon is not null) then
        return;
    end if;
    update crm_sync.unstored_seen
    set value = v_value,
        -- The transaction may have begun long before its change was noted.
        changed_since = least(unstored_seen.changed_since, p_now - interval '1 hour'),
        horizon = pg_snapshot_xmax(pg_current_snapshot())
    where unstored_seen.value < v_value;
    if found then
        perform crm_sync.repair_missing(p_since => (select unstored_seen.changed_since from crm_sync.unstored_seen));
        return;
    end if;
    update crm_sync.unstored_seen set horizon = null where unstored_seen.horizon <= pg_snapshot_xmin(pg_current_snapshot());
    if found then
        perform crm_sync.repair_missing(p_since => (select unstored_seen.changed_since from crm_sync.unstored_seen));
        update crm_sync.unstored_seen set changed_since = null;
    end if;
end;
$$;

comment on function crm_sync._repair_unstored(timestamptz) is 'Repairs what is missing if a change could not be stored since the last look. Part of the tick.';

revoke all on function crm_sync._repair_unstored(timestamptz) from public;

-- sql/crm_sync/09_operate/backfill.sql

-- New deliveries from rows as they are now, for routes whose condition they meet. They never hold up live ones.

create function crm_sync.backfill(
    p_route text, p_row_ids text[] default null, p_since timestamptz default null, p_limit int default 10000, p_note text default null
)
returns table (delivery_id bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_row_ids    text[];
    v_new_ids    bigint[] := '{}';
begin
    perform crm_sync._require_route(p_route);
    if p_row_ids is null and p_since is null then
        raise exception 'backfill needs row ids or a time since when rows were changed'
            using errcode = 'CS021', hint = 'backfill(''lead'', p_since => now() - interval ''1 day'')';
    end if;
    for v_table_name in select attachments.table_name from crm_sync.attachments where attachments.route = p_route loop
        v_row_ids := coalesce(
            (select array_agg(distinct ids.row_id) from unnest(p_row_ids) as ids (row_id)),
            crm_sync._rows_changed_since(v_table_name, p_since, p_limit));
        v_new_ids := v_new_ids || array(
            select * from crm_sync._recapture(
                v_table_name, 'UPDATE', '[]', crm_sync._rows(v_table_name, v_row_ids), array[p_route], true));
    end loop;
    perform crm_sync._note_operation(
        'backfill', jsonb_build_object('route', p_route, 'since', p_since, 'row_count', cardinality(p_row_ids)),
        cardinality(v_new_ids), p_note);
    return query select unnest(v_new_ids);
end;
$$;

create function crm_sync._rows_changed_since(p_table_name text, p_since timestamptz, p_limit int)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row_ids text[];
    v_column  text := crm_sync._changed_at_column(p_table_name::regclass);
begin
    execute format(
        'select array_agg(recent.row_id)
         from (select %s as row_id from %s as this where this.%I >= $1 order by this.%3$I limit $2) as recent',
        crm_sync._row_id_sql(p_table_name::regclass, 'this'), p_table_name, v_column
    ) into v_row_ids using p_since, p_limit;
    return v_row_ids;
end;
$$;

create function crm_sync._changed_at_column(p_table regclass)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column text := (
        select attributes.attname
        from pg_catalog.pg_attribute as attributes
        where attributes.attrelid = p_table
          and attributes.attname in ('updated_at', 'created_at')
          and attributes.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
          and not attributes.attisdropped
        order by attributes.attname desc
        limit 1
    );
begin
    if v_column is null then
        raise exception '% has neither updated_at nor created_at', p_table
            using errcode = 'CS022', hint = 'Name the rows: backfill(route, p_row_ids => array[…]).';
    end if;
    return v_column;
end;
$$;

comment on function crm_sync.backfill(text, text[], timestamptz, int, text) is
    'Captures rows as they are now, by id or by time of change (updated_at, else created_at), 10,000 at most by default. Each call makes new deliveries with new keys: not safe to repeat for event routes. Role: crm_sync_operator. Errors: CS002 unknown route, CS021 neither ids nor time, CS022 no time column.';
comment on function crm_sync._rows_changed_since(text, timestamptz, int) is 'Row ids changed since then, oldest first.';
comment on function crm_sync._changed_at_column(regclass) is 'updated_at, else created_at. Error: CS022 neither.';

revoke all on function crm_sync.backfill(text, text[], timestamptz, int, text),
    crm_sync._rows_changed_since(text, timestamptz, int), crm_sync._changed_at_column(regclass) from public;
grant execute on function crm_sync.backfill(text, text[], timestamptz, int, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/cancel.sql

-- Takes deliveries out for good, while they wait or are dead. One that is in flight is not stopped.

create function crm_sync.cancel(p_delivery_ids bigint[], p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_cancelled bigint[];
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    with cancelled as (
        update crm_sync.deliveries
        set status = 'cancelled', last_error_code = 'cancelled_by_operator', finished_at = clock_timestamp(), is_parked = false
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status in ('pending', 'dead')
        returning deliveries.delivery_id
    )
    select array_agg(cancelled.delivery_id) into v_cancelled from cancelled;
    perform crm_sync._after_settle(v_cancelled, clock_timestamp());
    perform crm_sync._note_operation(
        'cancel', jsonb_build_object('delivery_ids', p_delivery_ids), coalesce(cardinality(v_cancelled), 0), p_note);
    return query
    select ids.delivery_id, ids.delivery_id = any (coalesce(v_cancelled, '{}')),
           case
               when ids.delivery_id = any (coalesce(v_cancelled, '{}')) then null
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status = 'in_flight' then 'it is in flight; its outcome comes first'
               else 'it is ' || deliveries.status
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    order by ids.delivery_id;
end;
$$;

comment on function crm_sync.cancel(bigint[], text) is
    'Cancels pending or dead deliveries for good; the next of their keys go on. Returns each id, whether it was cancelled, and if not why. Safe to repeat. Role: crm_sync_operator.';

revoke all on function crm_sync.cancel(bigint[], text) from public;
grant execute on function crm_sync.cancel(bigint[], text) to crm_sync_operator;

-- sql/crm_sync/09_operate/dry_run.sql

-- What would be sent for a row as it is now: the function maps it and masks the values, and calls nobody. Two calls, because
-- an answer comes only after the commit and nothing here waits. In no envelope of the ledger: reconcile takes no notice.

create function crm_sync.dry_run(p_table regclass, p_row_id text, p_note text default null)
returns table (dry_run_id uuid, routes text[], see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_body    jsonb := crm_sync._dry_run_body(p_table, p_row_id, 'true');
    v_request bigint;
begin
    dry_run_id := gen_random_uuid();
    routes := array(select delivery ->> 'route' from jsonb_array_elements(v_body -> 'deliveries') as delivery);
    see := format('select * from crm_sync.dry_run_result(%L);', dry_run_id);
    v_request := crm_sync._post_signed(
        crm_sync._required_function_access(), dry_run_id, v_body, (select settings.request_timeout from crm_sync.settings));
    perform crm_sync._note_operation('dry_run', jsonb_build_object(
        'table', crm_sync._table_name(p_table), 'row_id', p_row_id, 'dry_run_id', dry_run_id, 'request_id', v_request),
        cardinality(routes), p_note);
    return next;
end;
$$;

create function crm_sync.dry_run_request(p_table regclass, p_row_id text, p_note text default null)
returns table (url text, headers jsonb, body text)
language plpgsql
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
declare
    v_function crm_sync.function_access := crm_sync._required_function_access();
    v_body     jsonb := crm_sync._dry_run_body(p_table, p_row_id, '"whole"');
begin
    perform crm_sync._note_operation('dry_run_request', jsonb_build_object(
        'table', crm_sync._table_name(p_table), 'row_id', p_row_id), jsonb_array_length(v_body -> 'deliveries'), p_note);
    return query select v_function.url, crm_sync._signed_headers(v_function, gen_random_uuid(), v_body), v_body::text;
end;
$$;

create function crm_sync._dry_run_body(p_table regclass, p_row_id text, p_dry_run jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deliveries jsonb;
begin
    perform crm_sync._require_attached(p_table);
    v_deliveries := crm_sync._dry_deliveries(crm_sync._table_name(p_table), p_row_id);
    if v_deliveries is null then
        raise exception 'no route fires for row % of % as it is', p_row_id, p_table
            using errcode = 'CS031', hint = 'Its conditions: select route, condition from crm_sync.attachments;';
    end if;
    -- A destination that no route has: a function that knows no dry runs sends none of it either.
    return jsonb_build_object(
        'version', 1, 'dry_run', p_dry_run, 'destination', 'dry_run',
        'expires_at', clock_timestamp() + interval '2 minutes', 'deliveries', v_deliveries);
end;
$$;

create function crm_sync._dry_deliveries(p_table_name text, p_row_id text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows       jsonb := crm_sync._rows(p_table_name, array[p_row_id]);
    v_ids        bigint[];
    v_deliveries jsonb;
begin
    if v_rows = '[]' then
        raise exception '% has no row %', p_table_name, p_row_id
            using errcode = 'CS029', hint = 'Its primary key as text; a JSON array where it has several columns.';
    end if;
    -- Captured and read as ever, and undone: the variable stays, the deliveries do not.
    begin
        v_ids := array(select * from crm_sync._recapture(p_table_name, 'UPDATE', '[]', v_rows));
        select jsonb_agg(jsonb_build_object(
            'id', deliveries.delivery_id, 'route', deliveries.route, 'attempt', 1, 'idempotency_key', deliveries.idempotency_key,
            'ordering_key', built.ordering_key, 'captured_at', deliveries.captured_at, 'record', built.record
        ) order by deliveries.delivery_id) into v_deliveries
        from crm_sync._build_records(v_ids) as built
        join crm_sync.deliveries on deliveries.delivery_id = built.delivery_id;
        raise exception 'undone' using errcode = 'CS099';
    exception when sqlstate 'CS099' then
        return v_deliveries;
    end;
end;
$$;

create function crm_sync.dry_run_result(p_dry_run_id uuid)
returns table (route text, would text, destination text, path text, payload jsonb, error_code text, error text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request bigint := (
        select (operations.arguments ->> 'request_id')::bigint from crm_sync.operations
        where operations.action = 'dry_run' and operations.arguments ->> 'dry_run_id' = p_dry_run_id::text);
    v_answer  record;
    v_results jsonb;
begin
    if v_request is null then
        raise exception 'there is no dry run %', p_dry_run_id
            using errcode = 'CS032', hint = 'select * from crm_sync.dry_run(''public.…'', ''<id>'');';
    end if;
    select answers.status_code, answers.headers, answers.content, answers.error_msg into v_answer
    from net._http_response as answers where answers.id = v_request;
    if not found then
        would := 'wait';
        error := 'no answer yet: ask again in a second; it is kept for 6 hours';
        return next;
        return;
    end if;
    v_results := crm_sync._verified(
        p_dry_run_id, v_answer.headers, v_answer.content, (crm_sync._function_access()).secrets) -> 'results';
    -- An older function answers, signed, without a word on what it would do.
    if v_results -> 0 ? 'would' then
        return query
        select results.route, results.would, results.destination, results.path, results.payload, results.error_code, results.error
        from jsonb_to_recordset(v_results) as results (
            route text, would text, destination text, path text, payload jsonb, error_code text, error text);
    else
        would := 'fail';
        error_code := 'no_usable_answer';
        error := coalesce('HTTP ' || v_answer.status_code, v_answer.error_msg) || ', not the answer to a dry run: is the newest function deployed? select * from crm_sync.health();';
        return next;
    end if;
end;
$$;

comment on function crm_sync.dry_run(regclass, text, text) is
    'Asks the function what it would send for a row as it is now, for each route that it fires; nothing is sent to a receiver and nothing stays in the ledger. Its body passes pg_net''s queue as any other. The answer, with masked values, a second later: dry_run_result(dry_run_id). Safe to repeat. Role: crm_sync_operator. Errors: CS010 Vault is not set up, CS023 nothing is captured from the table, CS029 no such row, CS031 no route fires.';
comment on function crm_sync.dry_run_result(uuid) is
    'The answer to a dry run. would: send, reject (the record is at fault), misconfigured, wait (no answer yet), fail (no usable one). payload: letters as x, digits as 0, numbers as "<number>", words of the mapper''s own in clear. Waits for nothing; safe to repeat for 6 hours. Role: crm_sync_operator. Error: CS032 no such dry run.';
comment on function crm_sync.dry_run_request(regclass, text, text) is
    'The same question for who asks the function by themselves (npm run ops -- dry-run --whole): its answer holds the values in clear, which pg_net''s tables must not. POST the body, byte by byte, with these headers to the url within 2 minutes. Leaves a line in crm_sync.operations. Safe to repeat. Role: owner. Errors: as dry_run().';
comment on function crm_sync._dry_run_body(regclass, text, jsonb) is 'What the function is asked; p_dry_run: true, or "whole" for values in clear.';
comment on function crm_sync._dry_deliveries(text, text) is 'What the routes of a row would capture and read now, as the envelope holds it; null: none fires. Leaves nothing. Raises CS029: no such row.';

revoke all on function crm_sync.dry_run(regclass, text, text), crm_sync.dry_run_request(regclass, text, text),
    crm_sync._dry_run_body(regclass, text, jsonb), crm_sync._dry_deliveries(text, text),
    crm_sync.dry_run_result(uuid) from public;
grant execute on function crm_sync.dry_run(regclass, text, text), crm_sync.dry_run_result(uuid) to crm_sync_operator;

-- sql/crm_sync/09_operate/erase.sql

-- Removes one row's personal data from the ledger. What still waits is cancelled; the trace stays without the record.

create function crm_sync.erase(p_table regclass, p_row_id text, p_note text default null)
returns table (delivery_id bigint, status text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids bigint[] := crm_sync._deliveries_telling_of(p_table, p_row_id);
begin
    perform crm_sync._erase_deliveries(v_ids);
    perform crm_sync._erase_waiting(crm_sync._table_name(p_table), p_row_id);
    perform crm_sync._note_operation(
        'erase', jsonb_build_object('table', crm_sync._table_name(p_table), 'row_id', p_row_id), cardinality(v_ids), p_note);
    return query
    select deliveries.delivery_id, deliveries.status from crm_sync.deliveries where deliveries.delivery_id = any (v_ids) order by 1;
end;
$$;

create function crm_sync._erase_deliveries(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting bigint[];
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    v_waiting := array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids) and deliveries.status = 'pending');
    update crm_sync.deliveries
    set record = null,
        last_error = null,
        status = case when deliveries.status = 'pending' then 'cancelled' else deliveries.status end,
        last_error_code = case when deliveries.status = 'pending' then 'erased' else deliveries.last_error_code end,
        finished_at = case when deliveries.status = 'pending' then clock_timestamp() else deliveries.finished_at end,
        is_parked = false
    where deliveries.delivery_id = any (p_delivery_ids);
    update crm_sync.delivery_attempts as attempts set error = null where attempts.delivery_id = any (p_delivery_ids);
    perform crm_sync._after_settle(v_waiting, clock_timestamp());
end;
$$;

create function crm_sync._erase_waiting(p_table_name text, p_row_id text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass(p_table_name) is not null then
        perform crm_sync._erase_missed(p_table_name::regclass, p_row_id);
    end if;
    delete from crm_sync.related_changes as changes where changes.table_name = p_table_name and changes.row_id = p_row_id;
end;
$$;

create function crm_sync._deliveries_telling_of(p_table regclass, p_row_id text)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := crm_sync._table_name(p_table);
    v_ids        bigint[] := array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = v_table_name
    );
    v_related    bigint[];
begin
    if not exists (select from crm_sync.related_attachments as related where related.table_name = v_table_name) then
        return v_ids;
    end if;
    -- What was read of this row into the records of others: of a customer into those of their requests and payments.
    execute format(
        'select array_agg(distinct telling.delivery_id)
         from crm_sync.%I(array[$1]) as affected
         join crm_sync.deliveries as own on own.row_id = affected.row_id and own.table_name = affected.target_table
         join crm_sync.deliveries as telling on telling.ordering_key = own.ordering_key and telling.claimed_at is not null',
        crm_sync._generated_name('related', v_table_name)
    ) into v_related using p_row_id;
    return v_ids || v_related;
end;
$$;

create function crm_sync._erase_missed(p_table regclass, p_row_id text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One statement may have changed several rows: the others are still to be captured.
    execute format(
        $sql$
        update crm_sync.capture_failures as failures
        set row_ids = array_remove(failures.row_ids, $1),
            old_rows = (select coalesce(jsonb_agg(rows.row), '[]') from jsonb_array_elements(failures.old_rows) as rows (row)
                        cross join lateral jsonb_populate_record(null::%1$s, rows.row) as this where %2$s <> $1),
            new_rows = (select coalesce(jsonb_agg(rows.row), '[]') from jsonb_array_elements(failures.new_rows) as rows (row)
                        cross join lateral jsonb_populate_record(null::%1$s, rows.row) as this where %2$s <> $1)
        where failures.table_name = %3$L and $1 = any (failures.row_ids)
        $sql$,
        p_table, crm_sync._row_id_sql(p_table, 'this'), crm_sync._table_name(p_table)
    ) using p_row_id;
    delete from crm_sync.capture_failures as failures
    where failures.table_name = crm_sync._table_name(p_table) and failures.row_ids = '{}';
end;
$$;

comment on function crm_sync.erase(regclass, text, text) is
    'Empties the records of a row''s deliveries, and of those that were read from it, as a request''s from its customer, and cancels those that wait; one in flight ends with its outcome, and is not tried again. What the receiver was told it keeps. Returns the deliveries. Safe to repeat. Role: crm_sync_operator.';

comment on function crm_sync._erase_deliveries(bigint[]) is 'Empties these deliveries'' records and errors, and cancels those that wait.';
comment on function crm_sync._erase_waiting(text, text) is 'Takes a row out of what is still to be captured.';
comment on function crm_sync._deliveries_telling_of(regclass, text) is 'Deliveries of a row, and those of others whose record was read from it, too.';
comment on function crm_sync._erase_missed(regclass, text) is 'Takes a row out of the changes that capture missed.';

revoke all on function crm_sync.erase(regclass, text, text), crm_sync._erase_missed(regclass, text),
    crm_sync._erase_deliveries(bigint[]), crm_sync._erase_waiting(text, text), crm_sync._deliveries_telling_of(regclass, text) from public;
grant execute on function crm_sync.erase(regclass, text, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/find_missing.sql

-- The safety net under capture: rows that a route should have sent and whose newest delivery is absent or tells other
-- values. An import or a restore looks just like a hole, so the daily repair mends few and leaves many to a person.

create function crm_sync.find_missing(p_table regclass, p_since timestamptz default null)
returns table (route text, row_id text, reason text)
language plpgsql
security definer
-- As records are built, or the same time would read as another value.
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' set extra_float_digits = '1'
as $$
declare
    v_attachment crm_sync.attachments;
begin
    for v_attachment in
        select * from crm_sync.attachments as attached where attached.table_name = crm_sync._table_name(p_table)
    loop
        return query execute crm_sync._missing_sql(v_attachment)
        using greatest(
            coalesce(p_since, '-infinity'), v_attachment.attached_at,
            clock_timestamp() - (select settings.keep_record_delivered from crm_sync.settings));
    end loop;
end;
$$;

create function crm_sync._missing_sql(p_attachment crm_sync.attachments)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table    regclass := p_attachment.table_name::regclass;
    v_compared text[] := array(
        select unnest(p_attachment.watched) intersect select unnest(p_attachment.columns) order by 1);
    v_is_state boolean := (select kind = 'state' from crm_sync.routes where routes.route = p_attachment.route);
begin
    -- A newest delivery without record has still to read the row, or is past retention.
    return format(
        $sql$
        select %1$L, %2$s, case when newest.delivery_id is null then 'no delivery' else 'other values' end
        from %3$s as new
        left join lateral (
            select deliveries.delivery_id, deliveries.claimed_at, deliveries.record
            from crm_sync.deliveries
            where deliveries.row_id = %2$s and deliveries.table_name = %4$L and deliveries.route = %1$L
            order by deliveries.delivery_id desc
            limit 1
        ) as newest on true
        where new.%5$I >= $1
          and (%6$s) is true
          and (
              newest.delivery_id is null
              or (%7$L and newest.claimed_at is not null and newest.record is not null
                  and crm_sync._pick(newest.record, %8$L) <> (select to_jsonb(picked) from (select %9$s) as picked))
          )
        $sql$,
        p_attachment.route, crm_sync._row_id_sql(v_table, 'new'), p_attachment.table_name, p_attachment.table_name,
        crm_sync._changed_at_column(v_table), p_attachment.condition, v_is_state, v_compared,
        crm_sync._columns_sql(v_compared, 'new'));
end;
$$;

create function crm_sync.repair_missing(p_limit int default 100, p_since timestamptz default null)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time: of two that look at once, both would send. Beside the locks of the keys, which end at 1023.
    perform pg_advisory_xact_lock(1129467219, 1024);
    for table_name in select distinct attachments.table_name from crm_sync.attachments order by 1 loop
        begin
            return query select repaired.* from crm_sync._repair_table(repair_missing.table_name, p_limit, p_since) as repaired;
        exception when others then
            perform crm_sync._note_fault('repair of ' || table_name, sqlstate, sqlerrm);
        end;
    end loop;
end;
$$;

create function crm_sync._repair_table(p_table_name text, p_limit int, p_since timestamptz)
returns table (table_name text, route text, missing_count int, repaired_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing record;
begin
    for v_missing in
        select missing.route, array_agg(missing.row_id) as row_ids
        from crm_sync.find_missing(p_table_name::regclass, p_since) as missing
        group by missing.route
    loop
        table_name := p_table_name;
        route := v_missing.route;
        missing_count := cardinality(v_missing.row_ids);
        repaired_count := 0;
        if missing_count <= p_limit then
            repaired_count := (
                select count(*)::int from crm_sync.backfill(v_missing.route, v_missing.row_ids, p_note => 'repair'));
        else
            perform crm_sync._note_fault('repair of ' || p_table_name, 'CS030', format(
                '%s rows of %s were never sent for route %s: more than %s, left to a person',
                missing_count, p_table_name, route, p_limit));
        end if;
        return next;
    end loop;
end;
$$;

comment on function crm_sync.find_missing(regclass, timestamptz) is
    'Rows changed since then (by updated_at or created_at; after attach and within retention) that a route should have sent and whose newest delivery is absent, or for a state route tells other values. Changes nothing. Role: crm_sync_operator. Error: CS022 no time column.';
comment on function crm_sync._missing_sql(crm_sync.attachments) is 'SQL query over $1, a time: what one route is missing.';
comment on function crm_sync.repair_missing(int, timestamptz) is
    'Backfills what find_missing finds, up to so many rows a table and route; more than that it leaves alone and notes as a fault. Scheduled by start(), daily. A table that cannot be looked at is noted as a fault and stops no other. Safe to repeat. Role: owner.';
comment on function crm_sync._repair_table(text, int, timestamptz) is 'The repair of one table.';

revoke all on function crm_sync.find_missing(regclass, timestamptz), crm_sync._missing_sql(crm_sync.attachments),
    crm_sync.repair_missing(int, timestamptz), crm_sync._repair_table(text, int, timestamptz) from public;
grant execute on function crm_sync.find_missing(regclass, timestamptz) to crm_sync_operator;

-- sql/crm_sync/09_operate/operations.sql

-- Who did what, when, to how many: one line for each call of an operator's function.

create table crm_sync.operations (
    operation_id    bigint       generated always as identity primary key,
    operated_at     timestamptz  not null default clock_timestamp(),
    operator        text         not null default session_user,
    action          text         not null,
    arguments       jsonb        not null default '{}',
    affected_count  int          not null,
    note            text
);

alter table crm_sync.operations enable row level security;

create function crm_sync._note_operation(p_action text, p_arguments jsonb, p_affected_count int, p_note text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into crm_sync.operations (operator, action, arguments, affected_count, note)
    values (
        -- Behind the data API every session is the same user: the token says for whom.
        concat_ws(' for ', session_user, nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
        p_action, jsonb_strip_nulls(p_arguments), p_affected_count, p_note);
end;
$$;

create function crm_sync._require_destination(p_destination text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from crm_sync.destinations where destinations.destination = p_destination) then
        raise exception 'crm-sync knows no destination "%"', p_destination
            using errcode = 'CS020',
                  hint = format('known destinations: %s',
                                (select string_agg(destination, ', ' order by destination) from crm_sync.destinations));
    end if;
end;
$$;

create function crm_sync._require_route(p_route text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from crm_sync.routes where routes.route = p_route) then
        raise exception 'crm-sync knows no route "%"', p_route
            using errcode = 'CS002',
                  hint = format('known routes: %s', (select string_agg(route, ', ' order by position) from crm_sync.routes));
    end if;
end;
$$;

comment on table crm_sync.operations is 'Every call of an operator''s function: who, when, what, how many rows, and why.';
comment on function crm_sync._note_operation(text, jsonb, int, text) is 'Writes the line of a call.';
comment on function crm_sync._require_destination(text) is 'Raises CS020 unless the destination is known.';
comment on function crm_sync._require_route(text) is 'Raises CS002 unless the route is known.';

grant select on crm_sync.operations to crm_sync_reader, crm_sync_operator;

create policy readers_see_operations on crm_sync.operations
    for select to crm_sync_reader, crm_sync_operator using (true);

revoke all on function crm_sync._note_operation(text, jsonb, int, text), crm_sync._require_destination(text),
    crm_sync._require_route(text) from public;

-- sql/crm_sync/09_operate/pause_resume.sql

-- One destination off and on again. Capture goes on; nothing that waits uses up an attempt.

create function crm_sync.pause(p_destination text, p_note text default null)
returns crm_sync.destinations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._set_paused(p_destination, true, p_note);
end;
$$;

create function crm_sync.resume(p_destination text, p_note text default null)
returns crm_sync.destinations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._set_paused(p_destination, false, p_note);
end;
$$;

create function crm_sync._set_paused(p_destination text, p_is_paused boolean, p_note text)
returns crm_sync.destinations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_destination crm_sync.destinations;
begin
    perform crm_sync._require_destination(p_destination);
    update crm_sync.destinations
    set is_paused = p_is_paused
    where destinations.destination = p_destination
    returning * into v_destination;
    perform crm_sync._note_operation(
        case when p_is_paused then 'pause' else 'resume' end, jsonb_build_object('destination', p_destination), 1, p_note);
    return v_destination;
end;
$$;

comment on function crm_sync.pause(text, text) is
    'Nothing more is dispatched to the destination until resume(); what is under way ends. Safe to repeat. Role: crm_sync_operator. Error: CS020 unknown destination.';
comment on function crm_sync.resume(text, text) is
    'Dispatches to the destination again. Safe to repeat. Role: crm_sync_operator. Error: CS020 unknown destination.';
comment on function crm_sync._set_paused(text, boolean, text) is 'What pause() and resume() share.';

revoke all on function crm_sync.pause(text, text), crm_sync.resume(text, text), crm_sync._set_paused(text, boolean, text) from public;
grant execute on function crm_sync.pause(text, text), crm_sync.resume(text, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/person.sql

-- One person, found by email or phone: what is known of them here, and its removal. The application's own rows are the
-- application's to delete; what a receiver was told it keeps.

create function crm_sync.export_person(p_email text default null, p_phone text default null, p_note text default null)
returns table (
    kind text, table_name text, row_id text, delivery_id bigint, route text, destination text, status text,
    captured_at timestamptz, finished_at timestamptz, data jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_tables     text[];
    v_row_ids    text[];
    v_deliveries bigint[];
    v_count      int;
begin
    select array_agg(people.table_name), array_agg(people.row_id) into v_tables, v_row_ids
    from crm_sync._person_rows(p_email, p_phone) as people;
    v_deliveries := array(
        select distinct unnest(crm_sync._deliveries_of_row(people.table_name, people.row_id))
        from unnest(v_tables, v_row_ids) as people (table_name, row_id));
    return query
    select 'row', rows.table_name, rows.row_id, null::bigint, null::text, null::text, null::text, null::timestamptz, null::timestamptz,
           crm_sync._rows(rows.table_name, array[rows.row_id]) -> 0
    from (
        select people.table_name, people.row_id from unnest(v_tables, v_row_ids) as people (table_name, row_id)
        union
        select deliveries.table_name, deliveries.row_id from crm_sync.deliveries where deliveries.delivery_id = any (v_deliveries)
        order by 1, 2
    ) as rows
    where to_regclass(rows.table_name) is not null
      and crm_sync._rows(rows.table_name, array[rows.row_id]) <> '[]';
    get diagnostics v_count = row_count;
    return query
    select 'delivery', deliveries.table_name, deliveries.row_id, deliveries.delivery_id, deliveries.route, deliveries.destination,
           deliveries.status, deliveries.captured_at, deliveries.finished_at, deliveries.record
    from crm_sync.deliveries
    where deliveries.delivery_id = any (v_deliveries)
    order by deliveries.delivery_id;
    perform crm_sync._note_operation(
        'export_person', crm_sync._found_by(p_email, p_phone), v_count + cardinality(v_deliveries), p_note);
end;
$$;

create function crm_sync.erase_person(
    p_email text default null, p_phone text default null, p_count_only boolean default true, p_note text default null
)
returns table (table_name text, row_id text, delivery_count int, erased boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person     record;
    v_deliveries bigint[];
    v_erased     bigint[] := '{}';
begin
    for v_person in select * from crm_sync._person_rows(p_email, p_phone) loop
        table_name := v_person.table_name;
        row_id := v_person.row_id;
        v_deliveries := crm_sync._deliveries_of_row(v_person.table_name, v_person.row_id);
        delivery_count := cardinality(v_deliveries);
        erased := not p_count_only;
        if erased then
            v_erased := v_erased || v_deliveries;
            perform crm_sync._erase_deliveries(v_deliveries);
            perform crm_sync._erase_waiting(v_person.table_name, v_person.row_id);
        end if;
        return next;
    end loop;
    perform crm_sync._note_operation(
        'erase_person', crm_sync._found_by(p_email, p_phone) || jsonb_build_object('count_only', p_count_only),
        (select count(distinct ids.delivery_id)::int from unnest(v_erased) as ids (delivery_id)), p_note);
end;
$$;

create function crm_sync._person_rows(p_email text, p_phone text)
returns table (table_name text, row_id text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email  text := nullif(lower(btrim(p_email)), '');
    v_phone  text := crm_sync._phone_digits(p_phone);
begin
    if v_email is null and coalesce(length(v_phone), 0) < 6 then
        raise exception 'whom? An email, or a phone of at least six digits, finds a person'
            using errcode = 'CS026', hint = 'select * from crm_sync.export_person(p_email => ''…'');';
    end if;
    return query
    select people.table_name, people.row_id
    from (
        select * from crm_sync._rows_of_person(v_email, v_phone)
        union
        select * from crm_sync._rows_told_of_person(v_email, v_phone)
    ) as people
    order by people.table_name, people.row_id;
end;
$$;

create function crm_sync._deliveries_of_row(p_table_name text, p_row_id text)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass(p_table_name) is not null then
        return crm_sync._deliveries_telling_of(p_table_name::regclass, p_row_id);
    end if;
    return array(
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = p_table_name);
end;
$$;

create function crm_sync._rows_of_person(p_email text, p_phone text)
returns table (table_name text, row_id text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_search record;
begin
    for v_search in
        select attached.name, string_agg(case
            when attributes.attname = any (settings.email_columns) then format('lower(btrim(this.%I::text)) = $1', attributes.attname)
            else format('crm_sync._phone_digits(this.%I::text) = $2', attributes.attname)
        end, ' or ') as condition
        from (select attachments.table_name as name from crm_sync.attachments
              union select related.table_name from crm_sync.related_attachments as related) as attached
        cross join crm_sync.settings
        join pg_catalog.pg_attribute as attributes
          on attributes.attrelid = to_regclass(attached.name)
         and attributes.attname = any (settings.email_columns || settings.phone_columns)
         and attributes.attnum > 0 and not attributes.attisdropped
        group by attached.name
    loop
        return query execute format(
            'select %L, %s from %s as this where %s',
            v_search.name, crm_sync._row_id_sql(v_search.name::regclass, 'this'), v_search.name, v_search.condition)
        using p_email, p_phone;
    end loop;
end;
$$;

create function crm_sync._rows_told_of_person(p_email text, p_phone text)
returns table (table_name text, row_id text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Rows that are gone, or tell of somebody else by now. No index serves this: an operator's call may read the ledger once.
    return query
    select distinct deliveries.table_name, deliveries.row_id
    from crm_sync.deliveries
    cross join crm_sync.settings
    where deliveries.record is not null
      and exists (
          select from jsonb_path_query(deliveries.record, 'strict $.** ? (@.type() == "object").keyvalue()') as fields (field)
          where (field ->> 'key' = any (settings.email_columns) and lower(btrim(field ->> 'value')) = p_email)
             or (field ->> 'key' = any (settings.phone_columns) and crm_sync._phone_digits(field ->> 'value') = p_phone)
      );
end;
$$;

create function crm_sync._phone_digits(p_phone text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The last nine: 06 12 34 56 78 and +33 6 12 34 56 78 are one.
    return nullif(right(regexp_replace(p_phone, '[^0-9]', '', 'g'), 9), '');
end;
$$;

create function crm_sync._found_by(p_email text, p_phone text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- What was looked for is personal itself: the line says only by what.
    select jsonb_build_object('by', concat_ws(', ', case when p_email is not null then 'email' end, case when p_phone is not null then 'phone' end));
$$;

comment on function crm_sync.export_person(text, text, text) is
    'Everything known here of whoever has this email or this phone (settings.email_columns, phone_columns; either suffices): their rows in attached tables as they are now, and each delivery that tells of them with its record, as long as that is kept. Personal data: for their own request. Leaves a line that does not name them. Changes nothing. Role: crm_sync_operator. Error: CS026 neither email nor phone.';
comment on function crm_sync.erase_person(text, text, boolean, text) is
    'Empties the records of every delivery that tells of whoever has this email or this phone, and cancels those that wait, as erase() does for one row. Counts only, unless told p_count_only => false. The application''s own rows it leaves alone; what a receiver was told it keeps. Returns the rows found. Safe to repeat. Role: crm_sync_operator. Error: CS026 neither email nor phone.';
comment on function crm_sync._person_rows(text, text) is 'Rows of a person, of the tables and of the ledger. Raises CS026 for neither email nor phone.';
comment on function crm_sync._deliveries_of_row(text, text) is 'Deliveries that tell of a row, also where its table is gone.';
comment on function crm_sync._rows_of_person(text, text) is 'Rows of attached tables with this email (lower case) or phone (digits).';
comment on function crm_sync._rows_told_of_person(text, text) is 'Rows whose records in the ledger hold this email or phone.';
comment on function crm_sync._phone_digits(text) is 'The last nine digits of a phone; null: there is none.';
comment on function crm_sync._found_by(text, text) is 'By what a person was looked for, without the value.';

revoke all on function crm_sync.export_person(text, text, text), crm_sync.erase_person(text, text, boolean, text),
    crm_sync._person_rows(text, text), crm_sync._deliveries_of_row(text, text), crm_sync._rows_of_person(text, text), crm_sync._rows_told_of_person(text, text),
    crm_sync._phone_digits(text), crm_sync._found_by(text, text) from public;
grant execute on function crm_sync.export_person(text, text, text), crm_sync.erase_person(text, text, boolean, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/purge.sql

-- Retention: records go first, the trace without personal data later. In batches, so that no run locks or bloats much.

create function crm_sync.purge(p_now timestamptz default clock_timestamp(), p_batch int default 5000)
returns table (what text, purged_count int)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
begin
    select * into strict v_settings from crm_sync.settings;
    what := 'records';
    purged_count := crm_sync._purge_records(
        p_now - v_settings.keep_record_delivered, p_now - v_settings.keep_record_dead, p_batch);
    return next;
    what := 'deliveries';
    purged_count := crm_sync._purge_deliveries(p_now - v_settings.keep_trace, p_batch);
    return next;
    what := 'envelopes';
    with purged as (
        delete from crm_sync.envelopes
        where envelopes.envelope_id in (
            select old.envelope_id from crm_sync.envelopes as old
            where old.settled_at < p_now - v_settings.keep_trace
            limit p_batch
        )
        returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'faults';
    with purged as (
        delete from crm_sync.faults where faults.noticed_at < p_now - v_settings.keep_record_delivered returning 1
    )
    select count(*)::int into purged_count from purged;
    return next;
    what := 'alerts';
    with ended as (
        delete from crm_sync.alerts
        where alerts.ended_at < p_now - case when alerts.told_at is null then interval '7 days' else v_settings.keep_trace end
        returning 1
    ),
    closed as (
        delete from crm_sync.alert_messages where alert_messages.closed_at < p_now - v_settings.keep_trace returning 1
    )
    select (select count(*) from ended) + (select count(*) from closed) into purged_count;
    return next;
    what := 'cron runs';
    purged_count := crm_sync._purge_cron_runs(p_now - interval '1 hour', p_batch);
    return next;
end;
$$;

create function crm_sync._purge_records(p_delivered_before timestamptz, p_dead_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    with old as (
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.record is not null
          and deliveries.finished_at < case when deliveries.status = 'dead' then p_dead_before else p_delivered_before end
        limit p_batch
        for update skip locked
    )
    update crm_sync.deliveries
    set record = null
    from old
    where deliveries.delivery_id = old.delivery_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

create function crm_sync._purge_deliveries(p_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_purged bigint[];
begin
    -- Materialized: as a join's inner side the subquery would be asked again, and lock the next ones each time.
    with old as materialized (
        select deliveries.delivery_id from crm_sync.deliveries
        where deliveries.finished_at < p_before
        limit p_batch
        for update skip locked
    ),
    purged as (
        delete from crm_sync.deliveries
        using old
        where deliveries.delivery_id = old.delivery_id
        returning deliveries.delivery_id
    )
    select array_agg(purged.delivery_id) into v_purged from purged;
    delete from crm_sync.delivery_attempts as attempts where attempts.delivery_id = any (v_purged);
    return coalesce(cardinality(v_purged), 0);
end;
$$;

create function crm_sync._purge_cron_runs(p_before timestamptz, p_batch int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    -- pg_cron leaves a row for each run and never removes one; failed runs stay a day for health().
    delete from cron.job_run_details as runs
    where runs.runid in (
        select old.runid
        from cron.job_run_details as old
        where old.command like any (array['do $tick$%crm\_sync.tick()%', 'select crm\_sync.%'])
          and old.end_time < case when old.status = 'succeeded' then p_before else p_before - interval '1 day' end
        limit p_batch
    );
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

comment on function crm_sync.purge(timestamptz, int) is
    'Deletes what is past retention (crm_sync.settings), a batch of each kind; returns how many. Scheduled by start(), hourly. Safe to repeat. Role: owner.';
comment on function crm_sync._purge_records(timestamptz, timestamptz, int) is 'Empties the record of deliveries finished before then.';
comment on function crm_sync._purge_deliveries(timestamptz, int) is 'Deletes deliveries finished before then, with their attempts.';
comment on function crm_sync._purge_cron_runs(timestamptz, int) is 'Deletes our own lines in cron.job_run_details.';

revoke all on function crm_sync.purge(timestamptz, int), crm_sync._purge_records(timestamptz, timestamptz, int),
    crm_sync._purge_deliveries(timestamptz, int), crm_sync._purge_cron_runs(timestamptz, int) from public;

-- sql/crm_sync/09_operate/redeliver.sql

-- More attempts of the same delivery, under its old key. A state that no receiver has seen is read from its row again; what
-- was seen keeps its record, and so does an event. An older state behind a newer one of its key would undo it: refused.

create function crm_sync.redeliver(p_delivery_ids bigint[], p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids     bigint[];
    v_reasons text[];
    v_count   int;
begin
    perform crm_sync._lock_keys_waiting(p_delivery_ids);
    select array_agg(judged.delivery_id order by judged.delivery_id), array_agg(judged.reason order by judged.delivery_id)
    into v_ids, v_reasons
    from crm_sync._refusals_to_redeliver(p_delivery_ids, p_force) as judged;
    update crm_sync.deliveries
    set status = 'pending',
        attempt_count = 0,
        wait_count = 0,
        envelope_failure_count = 0,
        failed_alone_count = 0,
        failed_alone_since = null,
        next_attempt_at = clock_timestamp(),
        is_parked = false,
        finished_at = null,
        covered_by = null,
        claimed_at = case when crm_sync._was_seen(deliveries.delivery_id) then deliveries.claimed_at end
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason)
    where deliveries.delivery_id = judged.delivery_id and judged.reason is null;
    get diagnostics v_count = row_count;
    perform crm_sync._note_operation(
        'redeliver', jsonb_build_object('delivery_ids', p_delivery_ids, 'force', p_force), v_count, p_note);
    return query
    select judged.delivery_id, judged.reason is null, judged.reason
    from unnest(v_ids, v_reasons) as judged (delivery_id, reason);
end;
$$;

create function crm_sync.redeliver_dead(
    p_route text default null, p_since timestamptz default '-infinity', p_until timestamptz default 'infinity',
    p_count_only boolean default true, p_note text default null
)
returns table (route text, last_error_code text, dead_count bigint, redelivered_count bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_dead        bigint[];
    v_redelivered bigint[];
begin
    if p_route is not null then
        perform crm_sync._require_route(p_route);
    end if;
    v_dead := array(
        select deliveries.delivery_id
        from crm_sync.deliveries
        where deliveries.status = 'dead'
          and (p_route is null or deliveries.route = p_route)
          and deliveries.finished_at >= p_since
          and deliveries.finished_at < p_until
    );
    if not p_count_only then
        v_redelivered := array(
            select results.delivery_id from crm_sync.redeliver(v_dead, false, p_note) as results where results.redelivered);
    end if;
    return query
    select deliveries.route, deliveries.last_error_code, count(*), count(*) filter (where deliveries.delivery_id = any (v_redelivered))
    from crm_sync.deliveries
    where deliveries.delivery_id = any (v_dead)
    group by deliveries.route, deliveries.last_error_code
    order by deliveries.route, deliveries.last_error_code;
end;
$$;

create function crm_sync._refusals_to_redeliver(p_delivery_ids bigint[], p_force boolean)
returns table (delivery_id bigint, reason text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select ids.delivery_id,
           case
               when deliveries.delivery_id is null then 'no such delivery'
               when deliveries.status in ('pending', 'in_flight') then 'it is ' || deliveries.status || ' already'
               when deliveries.status = 'superseded' then 'superseded by delivery ' || deliveries.superseded_by
               when deliveries.record is null and deliveries.claimed_at is not null and crm_sync._was_seen(ids.delivery_id)
                   then 'its record is no longer kept; backfill the row instead'
               when p_force then null
               when deliveries.status = 'delivered' then 'it is delivered already; force sends it again'
               when newer.delivery_id is not null then format(
                   'delivery %s tells a newer state of %s; backfill the row, or force the old one', newer.delivery_id, deliveries.ordering_key)
           end
    from (select distinct unnest(p_delivery_ids) as delivery_id) as ids
    left join crm_sync.deliveries on deliveries.delivery_id = ids.delivery_id
    left join crm_sync._newer_states(p_delivery_ids) as newer on newer.older_id = ids.delivery_id;
end;
$$;

create function crm_sync._newer_states(p_delivery_ids bigint[])
returns table (older_id bigint, delivery_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of the key, not of the row: a payment's success is a newer state of its request. One that is not yet read will be
    -- newer still, and leaves after the old one. No index serves this: an operator's call may read the ledger once.
    return query
    select older.delivery_id, max(newer.delivery_id)
    from crm_sync.deliveries as older
    join crm_sync.deliveries as newer on newer.ordering_key = older.ordering_key and newer.destination = older.destination
    where older.delivery_id = any (p_delivery_ids)
      and older.route in (select routes.route from crm_sync.routes where routes.kind = 'state')
      and newer.route in (select routes.route from crm_sync.routes where routes.kind = 'state')
      and older.claimed_at is not null
      and crm_sync._was_seen(older.delivery_id)
      and (newer.delivery_id > older.delivery_id or newer.claimed_at > older.claimed_at)
      and newer.delivery_id <> older.delivery_id
      and newer.claimed_at is not null
      and newer.status in ('pending', 'in_flight', 'delivered')
    group by older.delivery_id;
end;
$$;

create function crm_sync._was_seen(p_delivery_id bigint)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A refusal by the function itself has no receiver's status: nobody outside has seen the record.
    return exists (
        select from crm_sync.delivery_attempts as attempts
        where attempts.delivery_id = p_delivery_id
          and (attempts.status is not null or attempts.outcome in ('delivered', 'retry', 'unknown'))
    );
end;
$$;

create function crm_sync._lock_keys_waiting(p_delivery_ids bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In the order of the locks' numbers, so that two operators wait for each other instead of deadlocking.
    perform pg_advisory_xact_lock(1129467219, locks.number)
    from (
        select distinct hashtext(deliveries.destination || ' ' || deliveries.ordering_key) & 1023 as number
        from crm_sync.deliveries
        where deliveries.delivery_id = any (p_delivery_ids)
        order by 1
    ) as locks;
end;
$$;

comment on function crm_sync.redeliver(bigint[], boolean, text) is
    'Makes finished deliveries pending again, with all their attempts and their old idempotency key. Returns each id, whether it was redelivered, and if not why. Safe to repeat: what is pending stays so. Role: crm_sync_operator.';
comment on function crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) is
    'Redelivers what went dead in a span of time, of one route or all. Counts only, unless told p_count_only => false. Role: crm_sync_operator. Error: CS002 unknown route.';
comment on function crm_sync._refusals_to_redeliver(bigint[], boolean) is 'Why each is not redelivered; null: it is.';
comment on function crm_sync._newer_states(bigint[]) is 'For states that a receiver has seen: a newer one of the same key that it was told, or is being told.';
comment on function crm_sync._was_seen(bigint) is 'Whether a receiver may have seen this delivery.';
comment on function crm_sync._lock_keys_waiting(bigint[]) is 'Takes the locks of these deliveries'' keys, waiting for them: for operators, never for capture or dispatch.';

revoke all on function crm_sync.redeliver(bigint[], boolean, text),
    crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text), crm_sync._refusals_to_redeliver(bigint[], boolean),
    crm_sync._newer_states(bigint[]), crm_sync._was_seen(bigint), crm_sync._lock_keys_waiting(bigint[]) from public;
grant execute on function crm_sync.redeliver(bigint[], boolean, text), crm_sync.redeliver_dead(text, timestamptz, timestamptz, boolean, text) to crm_sync_operator;

-- sql/crm_sync/09_operate/test_delivery.sql

-- One marked record of nobody, end to end: ledger, tick, pg_net, function, mapper, receiver, answer, settle. The receiver
-- gets it as any other, always the same entity.

create function crm_sync.test_delivery(p_route text, p_note text default null)
returns table (delivery_id bigint, destination_state text, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_route crm_sync.routes;
begin
    perform crm_sync._require_route(p_route);
    select * into strict v_route from crm_sync.routes where routes.route = p_route;
    if v_route.test_record is null then
        raise exception 'route "%" has no test record', p_route
            using errcode = 'CS027', hint = format('update crm_sync.routes set test_record = ''{…}'' where route = %L;', p_route);
    end if;
    -- Claimed already: the record is frozen, no row is read.
    insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, record, claimed_at)
    values (p_route, v_route.destination, 'crm_sync.test_delivery', p_route, 'TEST', 'test:' || p_route, v_route.test_record, clock_timestamp())
    returning deliveries.delivery_id into delivery_id;
    perform crm_sync._note_operation(
        'test_delivery', jsonb_build_object('route', p_route, 'delivery_ids', array[delivery_id]), 1, p_note);
    destination_state := crm_sync._destination_state(v_route.destination);
    see := format('select status, last_status, last_error_code, last_error from crm_sync.delivery_log where delivery_id = %s;', delivery_id);
    return next;
end;
$$;

comment on function crm_sync.test_delivery(text, text) is
    'Sends routes.test_record to the route''s receiver by the next tick, and returns where to see what came of it; destination_state other than open: it waits. The receiver must know that it is a test: it says so, and each is the same entity. Role: crm_sync_operator. Errors: CS002 unknown route, CS027 no test record.';

revoke all on function crm_sync.test_delivery(text, text) from public;
grant execute on function crm_sync.test_delivery(text, text) to crm_sync_operator;

-- sql/crm_sync/10_observe/alert_messages.sql

-- Messages to people, and the heartbeat that tells a dead man's switch that tick, pg_net and function are alive. Kept until
-- the function has answered that they arrived: as a delivery, but beside the ledger, whose troubles they tell of.

create table crm_sync.alert_messages (
    message_id   uuid         primary key default gen_random_uuid(),
    text         text         not null,
    written_at   timestamptz  not null,
    post_count   int          not null default 0,
    request_id   bigint,
    posted_at    timestamptz,
    outcome      text,
    error        text,
    closed_at    timestamptz,
    constraint outcome_is_known check (
        outcome in ('delivered', 'retry', 'reject', 'misconfigured', 'not_attempted', 'unknown')
    )
);

create index alert_messages_open_idx on crm_sync.alert_messages (written_at) where closed_at is null;

alter table crm_sync.alert_messages enable row level security;

-- One row: alert() locks it, one at a time.
create table crm_sync.heartbeat (
    only_row   boolean  primary key default true,
    beaten_at  timestamptz,
    constraint there_is_only_one_row check (only_row)
);

insert into crm_sync.heartbeat default values;

alter table crm_sync.heartbeat enable row level security;

create function crm_sync.test_alert(p_note text default null)
returns table (message_id uuid, see text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '3s'
as $$
#variable_conflict use_column
begin
    insert into crm_sync.alert_messages (text, written_at)
    values (format('test alert, asked for by %s', session_user), clock_timestamp())
    returning alert_messages.message_id into message_id;
    perform crm_sync._post_messages(clock_timestamp());
    perform crm_sync._note_operation('test_alert', jsonb_build_object('message_id', message_id), 1, p_note);
    see := format('select outcome, error from crm_sync.alert_messages where message_id = %L;', message_id);
    return next;
end;
$$;

create function crm_sync._post_messages(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    update crm_sync.alert_messages
    set closed_at = p_now, outcome = coalesce(alert_messages.outcome, 'unknown')
    where alert_messages.closed_at is null and alert_messages.written_at < p_now - interval '1 day';
    -- While pg_net holds it, it is under way; somebody's slow request may hold up its batch.
    with due as materialized (
        select open.message_id, open.text
               || case when open.written_at < p_now - interval '5 minutes' then format(' (written %s)', crm_sync._ago(open.written_at, p_now)) else '' end as text
        from crm_sync.alert_messages as open
        where open.closed_at is null
          and not exists (
              select from net.http_request_queue as queue
              where queue.id = open.request_id and queue.headers ->> 'webhook-id' = open.message_id::text)
          and (open.posted_at is null
               or open.posted_at <= p_now - crm_sync._message_delay(open.post_count, open.outcome)
               -- What is older goes first.
               or (open.posted_at <= p_now - interval '50 seconds'
                   and exists (select from crm_sync.alert_messages as newer where newer.closed_at is null and newer.posted_at is null)))
        order by open.written_at
        for update skip locked
    )
    update crm_sync.alert_messages
    set request_id = crm_sync._post_notice(due.message_id, jsonb_build_object('alert', due.text)),
        posted_at = p_now,
        post_count = alert_messages.post_count + 1
    from due
    where alert_messages.message_id = due.message_id;
    get diagnostics v_count = row_count;
    if exists (select from crm_sync.alert_messages as open where open.closed_at is null and open.posted_at < p_now) then
        perform net.wake();
    end if;
    return v_count;
end;
$$;

create function crm_sync._message_delay(p_post_count int, p_outcome text)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- A minute, 2, 4, 8, 16, 30; at once the longest where the function's secret is to be mended first.
    select case
        when p_outcome = 'misconfigured' then interval '30 minutes'
        else least(interval '30 minutes', interval '50 seconds' * 2 ^ least(p_post_count - 1, 10))
    end;
$$;

create function crm_sync._take_message_answers(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count int;
begin
    -- Bounded by pg_net's one index; a stranger's answer may stand beside ours under the same number.
    with answered as (
        select distinct on (open.message_id) open.message_id, answers.status_code, answers.error_msg, read.result
        from crm_sync.alert_messages as open
        join net._http_response as answers
          on answers.id = open.request_id and answers.created >= open.posted_at - interval '10 minutes'
        cross join lateral (
            select crm_sync._verified(open.message_id, answers.headers, answers.content, (crm_sync._function_access()).secrets)
                   -> 'results' -> 0 as result
        ) as read
        where open.closed_at is null
        order by open.message_id, read.result is null
    )
    update crm_sync.alert_messages
    set outcome = coalesce(answered.result ->> 'outcome', 'unknown'),
        error = case
            when answered.result is null then coalesce('HTTP ' || answered.status_code || ', not the function''s answer to an alert', answered.error_msg)
            else left(answered.result ->> 'error', 500)
        end,
        closed_at = case when answered.result ->> 'outcome' = 'delivered' then p_now end
    from answered
    where alert_messages.message_id = answered.message_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

create function crm_sync._beat(p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nothing is due, or the heart does not beat.
    if not exists (
        select from crm_sync.heartbeat
        cross join crm_sync.settings
        where settings.heartbeat_every is not null
          -- pg_cron's minutes are not all of one length.
          and (heartbeat.beaten_at is null or heartbeat.beaten_at <= p_now - settings.heartbeat_every + interval '10 seconds')
    ) or exists (
        select from crm_sync._findings(p_now, array['running', 'platform', 'secrets', 'cron_jobs', 'tick', 'restored_copy']) as findings
        where findings.level <> 'ok'
          -- Other jobs than the tick are no matter of life and death.
          and (findings.check_name <> 'cron_jobs' or findings.concerns ? 'crm_sync_tick')
    ) then
        return 0;
    end if;
    perform crm_sync._post_notice(gen_random_uuid(), '{"heartbeat": true}');
    update crm_sync.heartbeat set beaten_at = p_now;
    return 1;
end;
$$;

create function crm_sync._post_notice(p_id uuid, p_notice jsonb)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The function's call ends after 8 s; everybody's next batch waits for this one.
    return crm_sync._post_signed(
        crm_sync._required_function_access(), p_id, jsonb_build_object('version', 1, 'notice', p_notice), interval '10 seconds');
end;
$$;

comment on table crm_sync.alert_messages is
    'What was told, or is still to be: outcome delivered, misconfigured (the function''s CRM_SYNC_ALERT_URL), retry, or unknown (no usable answer); posted again for a day until it is delivered. No personal data.';
comment on table crm_sync.heartbeat is 'When the last heartbeat left.';
comment on function crm_sync.test_alert(text) is
    'Tells people, as an alert would, that this is a test; the answer a minute later by the statement in "see". Each call sends one message. Role: crm_sync_operator. Error: CS010 Vault is not set up.';
comment on function crm_sync._post_messages(timestamptz) is 'Posts what is open and due; returns how many. Raises CS010: Vault is not set up.';
comment on function crm_sync._message_delay(int, text) is 'After how long a message without a good answer is posted again.';
comment on function crm_sync._take_message_answers(timestamptz) is 'Reads what the function said of them; returns of how many.';
comment on function crm_sync._beat(timestamptz) is 'Posts a heartbeat if one is due and the tick runs; returns 1, else 0.';
comment on function crm_sync._post_notice(uuid, jsonb) is 'Something for people, not for a receiver: alert or heartbeat; returns pg_net''s id.';

revoke all on function crm_sync.test_alert(text), crm_sync._post_messages(timestamptz), crm_sync._message_delay(int, text),
    crm_sync._take_message_answers(timestamptz),
    crm_sync._beat(timestamptz), crm_sync._post_notice(uuid, jsonb) from public;
grant execute on function crm_sync.test_alert(text) to crm_sync_operator;

grant select on crm_sync.alert_messages to crm_sync_reader, crm_sync_operator;

create policy readers_see_alert_messages on crm_sync.alert_messages
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/10_observe/alerts.sql

-- What people are told without asking: each check of health() that turns red or yellow, and its end. One message a minute
-- for all that is new, the same trouble once in settings.alert_window. The server's log has it too, whatever becomes of
-- the message: lines that begin with "crm-sync alert: " or "crm-sync recovered: ", for a log drain to match.

create table crm_sync.alerts (
    alert_id           bigint       generated always as identity primary key,
    check_name         text         not null,
    concern            text         not null default '',
    level              text         not null,
    detail             text         not null,
    mend               text,
    amount             bigint       not null default 0,
    raised_at          timestamptz  not null,
    told_at            timestamptz,
    told_level         text,
    told_amount        bigint,
    ended_at           timestamptz,
    recovery_told_at   timestamptz,
    constraint level_is_a_trouble check (level in ('warning', 'error', 'unknown'))
);

create unique index alerts_unended_idx on crm_sync.alerts (check_name, concern) where ended_at is null;
create index alerts_ended_untold_idx on crm_sync.alerts (ended_at) where told_at is not null and recovery_told_at is null;

alter table crm_sync.alerts enable row level security;

create function crm_sync.alert(p_now timestamptz default clock_timestamp())
returns table (step text, affected int)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_is_well boolean := true;
begin
    perform from crm_sync.heartbeat for no key update skip locked;
    if not found then
        return;
    end if;
    foreach step in array array['answers', 'alerts', 'messages', 'heartbeat'] loop
        -- Who can not tell of troubles is not well.
        continue when step = 'heartbeat' and not v_is_well;
        affected := crm_sync._alert_step(step, p_now);
        v_is_well := v_is_well and not (step = 'alerts' and affected is null);
        return next;
    end loop;
end;
$$;

create function crm_sync._alert_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_checks text[];
begin
    case p_step
        when 'answers' then return crm_sync._take_message_answers(p_now);
        when 'alerts' then
            v_checks := crm_sync._checks_to_alert(p_now);
            perform crm_sync._observe(p_now, v_checks);
            return crm_sync._tell(p_now, v_checks);
        when 'messages' then return crm_sync._post_messages(p_now);
        when 'heartbeat' then return crm_sync._beat(p_now);
    end case;
exception when others then
    -- Without Vault or pg_net nobody can be called; the log is written all the same.
    perform crm_sync._note_fault('alert: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

create function crm_sync._checks_to_alert(p_now timestamptz)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A copy speaks of nothing else: its troubles are nobody's, and go to the original's chat.
    if crm_sync._is_a_copy((select settings.started_on from crm_sync.settings)) then
        return array['restored_copy'];
    end if;
    -- missing_rows reads tables: every quarter of an hour. Of alerts that do not arrive no alert can tell.
    return array(
        select checks.name
        from unnest(crm_sync._checks()) as checks (name)
        where checks.name <> 'alerts'
          and (checks.name <> 'missing_rows' or extract(minute from p_now)::int % 15 = 0)
    );
end;
$$;

create function crm_sync._observe(p_now timestamptz, p_checks text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    with findings as materialized (
        select * from crm_sync._findings(p_now, p_checks)
    ),
    troubles as materialized (
        select findings.check_name, coalesce(concerns.key, '') as concern, findings.level, findings.detail, findings.mend,
               coalesce(concerns.value::bigint, 0) as amount
        from findings
        left join lateral jsonb_each_text(findings.concerns) as concerns on true
        where findings.level <> 'ok'
    ),
    -- What comes back before its end was told has not ended.
    reopened as (
        update crm_sync.alerts
        set ended_at = null, level = troubles.level, detail = troubles.detail, mend = troubles.mend, amount = troubles.amount
        from troubles
        where alerts.check_name = troubles.check_name and alerts.concern = troubles.concern
          and alerts.ended_at is not null and alerts.told_at is not null and alerts.recovery_told_at is null
        returning alerts.check_name, alerts.concern
    ),
    raised as (
        insert into crm_sync.alerts (check_name, concern, level, detail, mend, amount, raised_at)
        select troubles.check_name, troubles.concern, troubles.level, troubles.detail, troubles.mend, troubles.amount, p_now
        from troubles
        where (troubles.check_name, troubles.concern) not in (select reopened.check_name, reopened.concern from reopened)
        -- What could not be looked at is what it was. Of what was told and is fewer now, more is news again.
        on conflict (check_name, concern) where ended_at is null do update
        set level = excluded.level, detail = excluded.detail, mend = excluded.mend, amount = excluded.amount,
            told_amount = least(alerts.told_amount, excluded.amount)
        where excluded.level <> 'unknown' or alerts.level = 'unknown'
    )
    update crm_sync.alerts
    set ended_at = p_now
    where alerts.ended_at is null
      and (alerts.check_name = any (p_checks) or alerts.check_name <> all (crm_sync._checks()))
      and not exists (
          select from troubles
          where troubles.check_name = alerts.check_name
            and (troubles.concern = alerts.concern or (troubles.level = 'unknown' and alerts.level <> 'unknown'))
      )
      and not exists (
          select from findings where findings.check_name = alerts.check_name and alerts.concern = any (findings.blind)
      );
end;
$$;

create function crm_sync._tell(p_now timestamptz, p_checks text[])
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alerts     text[];
    v_recoveries text[];
    v_line       text;
begin
    -- A check speaks in one line of all its destinations or routes.
    with told as (
        update crm_sync.alerts
        set told_at = p_now, told_level = alerts.level, told_amount = alerts.amount
        where alerts.alert_id in (select due.alert_id from crm_sync._alerts_to_tell(p_now, p_checks) as due)
        returning alerts.*
    )
    select coalesce(array_agg(distinct format('%s %s: %s', told.level, told.check_name, told.detail)
                              || coalesce(e'\n    ' || told.mend, '')), '{}') into v_alerts
    from told;
    with told as (
        update crm_sync.alerts
        set recovery_told_at = p_now
        where alerts.alert_id in (select due.alert_id from crm_sync._recoveries_to_tell(p_now) as due)
        returning alerts.*
    )
    select coalesce(array_agg(concat_ws(' ', told.check_name, nullif(told.concern, ''), 'after', crm_sync._span(told.ended_at - told.raised_at))
                              order by told.check_name, told.concern), '{}') into v_recoveries
    from told;
    foreach v_line in array v_alerts loop
        raise log 'crm-sync alert: %', split_part(v_line, e'\n', 1);
    end loop;
    foreach v_line in array v_recoveries loop
        raise log 'crm-sync recovered: %', v_line;
    end loop;
    insert into crm_sync.alert_messages (text, written_at)
    select string_agg(lines.line, e'\n'), p_now
    from (
        select unnest(v_alerts) as line
        union all
        select 'recovered ' || recoveries.line from unnest(v_recoveries) as recoveries (line)
    ) as lines
    having count(*) > 0;
    return cardinality(v_alerts) + cardinality(v_recoveries);
end;
$$;

create function crm_sync._alerts_to_tell(p_now timestamptz, p_checks text[])
returns table (alert_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select alerts.alert_id
    from crm_sync.alerts
    cross join crm_sync.settings
    where alerts.ended_at is null
      and alerts.check_name = any (p_checks)
      -- Another session's lock ends by itself.
      and (alerts.level <> 'unknown' or alerts.raised_at <= p_now - interval '10 minutes')
      and case
          -- What comes and goes is told once in a window.
          when alerts.told_at is null then not exists (
              select from crm_sync.alerts as earlier
              where earlier.check_name = alerts.check_name and earlier.concern = alerts.concern
                and earlier.told_at > p_now - settings.alert_window
                and (earlier.told_level = 'error' or alerts.level <> 'error'))
          when alerts.level = 'error' and alerts.told_level <> 'error' then true
          when alerts.amount > alerts.told_amount then alerts.told_at <= p_now - settings.alert_window
          else alerts.told_at <= p_now - settings.alert_reminder
      end;
end;
$$;

create function crm_sync._recoveries_to_tell(p_now timestamptz)
returns table (alert_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What only seemed to be over comes back within minutes. Of what could not be looked at, nothing has recovered.
    return query
    select alerts.alert_id
    from crm_sync.alerts
    where alerts.ended_at <= p_now - interval '5 minutes'
      and alerts.told_at is not null
      and alerts.recovery_told_at is null
      and (alerts.told_level <> 'unknown' or not exists (
          select from crm_sync.alerts as others where others.check_name = alerts.check_name and others.ended_at is null));
end;
$$;

comment on table crm_sync.alerts is
    'Troubles that health() found, each from raised_at to ended_at; concern: the destination or route that it is about, empty: the whole; amount: how many, where it can grow. Not told yet: told_at is null. No personal data.';
comment on function crm_sync.alert(timestamptz) is
    'Looks at health(), tells what is new and what is over, and posts the heartbeat when it is due: through the function, to CRM_SYNC_ALERT_URL (Slack-compatible) and CRM_SYNC_HEARTBEAT_URL; and in the server''s log. Scheduled by start(), each minute. Safe to repeat: the same trouble is told once in settings.alert_window; its end when it has been over for five minutes. A breaker that opens and closes between two looks is told of by nobody. Returns each step with its count; nothing while another runs. Role: owner.';
comment on function crm_sync._alert_step(text, timestamptz) is 'One step of alert(); an error is noted and ends the step alone.';
comment on function crm_sync._checks_to_alert(timestamptz) is 'The checks to look at in this minute.';
comment on function crm_sync._observe(timestamptz, text[]) is 'Raises, keeps up to date and ends alerts.';
comment on function crm_sync._tell(timestamptz, text[]) is 'Writes one message of what is to be told, and a line each in the log; returns how many.';
comment on function crm_sync._alerts_to_tell(timestamptz, text[]) is
    'Of these checks: new ones; those that became an error, grew, or last as long as settings.alert_reminder.';
comment on function crm_sync._recoveries_to_tell(timestamptz) is 'Told ones that have been over for five minutes.';

revoke all on function crm_sync.alert(timestamptz), crm_sync._alert_step(text, timestamptz), crm_sync._checks_to_alert(timestamptz),
    crm_sync._observe(timestamptz, text[]), crm_sync._tell(timestamptz, text[]), crm_sync._alerts_to_tell(timestamptz, text[]), crm_sync._recoveries_to_tell(timestamptz) from public;

grant select on crm_sync.alerts to crm_sync_reader, crm_sync_operator;

create policy readers_see_alerts on crm_sync.alerts
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/10_observe/dead_letters.sql

-- What waits for a person: dead deliveries, why, and what mends each. No personal data.

create view crm_sync.dead_letters
with (security_invoker = on)
as
select deliveries.delivery_id, deliveries.finished_at as dead_at, deliveries.route, deliveries.destination,
       deliveries.table_name, deliveries.row_id, deliveries.attempt_count,
       deliveries.last_status, deliveries.last_error_code, deliveries.last_error,
       case
           when deliveries.last_error_code = 'invalid_record' then 'correct the row; it is sent again by itself'
           when deliveries.last_error_code = 'invalid_payload' then 'correct the mapper, deploy, redeliver'
           when deliveries.last_error_code = 'too_large' then 'shorten the row; it is sent again by itself'
           when deliveries.last_error_code = 'poison' then 'the function fails on this one: read its log, deploy, redeliver'
           when deliveries.last_outcome = 'reject' then 'correct the row, or let the receiver take it and redeliver'
           else 'redeliver'
       end as mend,
       deliveries.captured_at, deliveries.ordering_key
from crm_sync.deliveries
where deliveries.status = 'dead';

comment on view crm_sync.dead_letters is
    'Deliveries that wait for a person, with what mends them: select * from crm_sync.dead_letters order by dead_at; redeliver(ids) or cancel(ids). No personal data. Roles: crm_sync_reader, crm_sync_operator.';

grant select on crm_sync.dead_letters to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/10_observe/delivery_log.sql

-- What happened to which row: the ledger without the record, for people. No personal data.

create view crm_sync.delivery_log
with (security_invoker = on)
as
select deliveries.delivery_id, deliveries.captured_at, deliveries.route, deliveries.destination,
       deliveries.table_name, deliveries.row_id, deliveries.operation, deliveries.ordering_key,
       deliveries.status, deliveries.attempt_count, deliveries.next_attempt_at, deliveries.is_parked,
       deliveries.last_outcome, deliveries.last_status, deliveries.last_error_code, deliveries.last_error,
       deliveries.superseded_by, deliveries.finished_at, deliveries.idempotency_key
from crm_sync.deliveries;

comment on view crm_sync.delivery_log is 'Every delivery with its state, without the record. Start here: select * from crm_sync.delivery_log where row_id = ''…''.';

-- The view runs with the reader's rights: on the ledger's columns, all but the record.
grant select (
    delivery_id, captured_at, route, destination, table_name, row_id, operation, ordering_key, status, attempt_count,
    next_attempt_at, is_parked, last_outcome, last_status, last_error_code, last_error, superseded_by, finished_at,
    idempotency_key
) on crm_sync.deliveries to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.delivery_log to crm_sync_reader, crm_sync_operator;

create policy readers_see_deliveries on crm_sync.deliveries
    for select to crm_sync_reader, crm_sync_operator using (true);

-- sql/crm_sync/10_observe/health.sql

-- health(): is all well, and if not, what mends it. One row per check, each in a block of its own. It waits for no other
-- machine (the function's reachability is what its last answer said), and for a lock no longer than vacuum holds one.
-- Definer: readers have no rights on Vault, pg_cron and the tables that hold personal data.

create type crm_sync.finding as (
    level     text,
    detail    text,
    mend      text,
    concerns  jsonb,
    blind     text[]
);

comment on type crm_sync.finding is
    'level: ok; warning: somebody should look; error: rows do not reach a receiver, or may not; unknown: the check could not look. concerns: the destinations or routes it is about, each with how many (null: no matter); null: the whole. blind: those that can not be judged now, of which it says nothing.';

create function crm_sync.health(p_now timestamptz default clock_timestamp())
returns table (check_name text, level text, detail text, mend text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
begin
    return query
    select findings.check_name, findings.level, findings.detail, findings.mend
    from crm_sync._findings(p_now, crm_sync._checks()) as findings;
end;
$$;

create function crm_sync._checks()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array[
        'running', 'platform', 'secrets', 'pg_net_worker', 'pg_net_queue', 'cron_jobs', 'cron_runs', 'cron_history', 'tick',
        'function', 'signature', 'breakers', 'paused', 'backlog', 'envelopes', 'dead_letters', 'silence',
        'triggers', 'columns', 'capture_failures', 'unstored_changes', 'missing_rows', 'faults', 'restored_copy', 'alerts'
    ];
$$;

create function crm_sync._findings(p_now timestamptz, p_checks text[])
returns table (check_name text, level text, detail text, mend text, concerns jsonb, blind text[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    foreach check_name in array p_checks loop
        select finding.* into level, detail, mend, concerns, blind from crm_sync._checked(check_name, p_now) as finding;
        return next;
    end loop;
end;
$$;

create function crm_sync._checked(p_check text, p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_finding crm_sync.finding;
begin
    execute format('select finding.* from crm_sync.%I($1) as finding', '_check_' || p_check) into v_finding using p_now;
    return v_finding;
exception when others then
    return row('unknown', format('could not look (SQLSTATE %s)', sqlstate), case
        when sqlstate = '55P03' then 'Another session holds a lock; look again.'
        else 'See the check "platform".'
    end, null, null)::crm_sync.finding;
end;
$$;

create function crm_sync._finding(
    p_is_ok boolean, p_fine text, p_level text, p_detail text, p_mend text, p_concerns jsonb default null, p_blind text[] default null
)
returns crm_sync.finding
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_is_ok then row('ok', p_fine, null, null, p_blind)::crm_sync.finding
        else row(p_level, p_detail, p_mend, p_concerns, p_blind)::crm_sync.finding
    end;
$$;

create function crm_sync._span(p_span interval)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_span < interval '2 minutes' then greatest(0, round(extract(epoch from p_span))) || ' s'
        when p_span < interval '2 hours' then floor(extract(epoch from p_span) / 60) || ' min'
        when p_span < interval '2 days' then floor(extract(epoch from p_span) / 3600) || ' h'
        else floor(extract(epoch from p_span) / 86400) || ' days'
    end;
$$;

create function crm_sync._ago(p_at timestamptz, p_now timestamptz)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(crm_sync._span(p_now - p_at) || ' ago', 'never');
$$;

comment on function crm_sync.health(timestamptz) is
    'One row per check: level (ok, warning, error, unknown), detail without personal data, and the statement or step that mends it (null: nothing to mend). Waits for a lock 50 ms at most, and calls nobody; changes nothing; safe to repeat. Roles: crm_sync_reader, crm_sync_operator. Raises nothing: a check that can not look says unknown.';
comment on function crm_sync._checked(text, timestamptz) is 'One check of health(); an error makes it unknown and ends it alone.';
comment on function crm_sync._finding(boolean, text, text, text, text, jsonb, text[]) is 'ok with a word on what is fine, or else level, detail and mend; in either case what it is blind to.';
comment on function crm_sync._ago(timestamptz, timestamptz) is 'How long ago, in words; null: never.';
comment on function crm_sync._span(interval) is 'A length of time in words; null for null.';
comment on function crm_sync._checks() is 'The checks of health(), each a function _check_<name>, in the order in which a cause comes before what it causes.';
comment on function crm_sync._findings(timestamptz, text[]) is 'What these checks say.';

revoke all on function crm_sync.health(timestamptz), crm_sync._checked(text, timestamptz),
    crm_sync._finding(boolean, text, text, text, text, jsonb, text[]), crm_sync._ago(timestamptz, timestamptz),
    crm_sync._span(interval), crm_sync._checks(), crm_sync._findings(timestamptz, text[]) from public;
grant execute on function crm_sync.health(timestamptz) to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/10_observe/health_deliveries.sql

-- The checks of health() on what is under way: the function, the receivers, what waits, what died, what fell silent, and
-- whether anybody was told.

create function crm_sync._function_complaint()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A function that answers nobody leaves its words with the deliveries that wait for it.
    return (
        select coalesce((
            select deliveries.last_error
            from crm_sync.deliveries
            where deliveries.ordering_key = breakers.last_failed_key
              and deliveries.status in ('pending', 'in_flight')
              and deliveries.last_error_code = 'no_usable_answer'
            order by deliveries.delivery_id
            limit 1
        ), 'no usable answer')
        from crm_sync.breakers
        where breakers.breaker = 'function' and breakers.failures_in_a_row > 0
    );
end;
$$;

create function crm_sync._check_function(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_breaker   crm_sync.breakers;
    v_complaint text := crm_sync._function_complaint();
begin
    select * into strict v_breaker from crm_sync.breakers where breakers.breaker = 'function';
    return crm_sync._finding(
        v_complaint is null or crm_sync._is_about_signature(v_complaint),
        case when v_complaint is not null then 'answers: see signature'
             when v_breaker.last_success_at is null then 'not called yet'
             else 'answered ' || crm_sync._ago(v_breaker.last_success_at, p_now) end,
        'error',
        format('%s, for %s; answered %s', v_complaint,
               crm_sync._span(p_now - v_breaker.failing_since), crm_sync._ago(v_breaker.last_success_at, p_now)),
        case
            when v_complaint like 'HTTP 404%' then 'supabase functions deploy crm-sync; is crm_sync_function_url in Vault right?'
            when v_complaint like 'HTTP 500%' then 'supabase secrets set CRM_SYNC_SIGNING_SECRET=whsec_…; else the function''s own log'
            when v_complaint like 'HTTP 546%' or v_complaint like 'HTTP 50%' then 'The platform''s limits or an outage: the function''s own log, status.supabase.com'
            else 'Is crm_sync_function_url in Vault right? select * from crm_sync.http_log order by dispatched_at desc limit 10;'
        end);
end;
$$;

create function crm_sync._check_signature(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_complaint text := crm_sync._function_complaint();
begin
    return crm_sync._finding(
        v_complaint is null or not crm_sync._is_about_signature(v_complaint), 'not refused', 'error',
        'function and database do not know each other''s signature: ' || v_complaint,
        'Vault''s crm_sync_signing_secret and the function''s CRM_SYNC_SIGNING_SECRET must share a whsec_… (several: separated by a space); deploy with verify_jwt = false; the clocks must agree within 5 min.');
end;
$$;

create function crm_sync._is_about_signature(p_complaint text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- 401: ours was refused. An answer that only the function gives, and not signed as we would: the other way round.
    select p_complaint ~ '^HTTP (401|200|207|409),';
$$;

create function crm_sync._check_breakers(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_open     text;
    v_concerns jsonb;
begin
    select string_agg(format(
               '%s has not been called for %s (%s)', breakers.breaker, crm_sync._span(p_now - breakers.opened_at), breakers.reason
           ), '; ' order by breakers.breaker),
           jsonb_object_agg(breakers.breaker, null)
    into v_open, v_concerns
    from crm_sync.breakers
    where breakers.breaker <> 'function' and breakers.state <> 'closed';
    return crm_sync._finding(
        v_open is null, 'every destination is called', 'error', v_open,
        'It is probed by itself, and goes on with the first success; nothing is lost meanwhile. Why: select last_error_code, last_error, count(*) from crm_sync.delivery_log where status = ''pending'' group by 1, 2; misconfigured: mend the function''s secrets.', v_concerns);
end;
$$;

create function crm_sync._check_paused(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_paused   text;
    v_concerns jsonb;
begin
    select string_agg(destinations.destination, ', ' order by destinations.destination), jsonb_object_agg(destinations.destination, null)
    into v_paused, v_concerns
    from crm_sync.destinations
    where destinations.is_paused;
    return crm_sync._finding(
        v_paused is null, 'nothing is paused', 'warning', 'paused: ' || v_paused,
        format('select crm_sync.resume(%L);', split_part(v_paused, ', ', 1)), v_concerns);
end;
$$;

create function crm_sync._check_backlog(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit    interval := (select settings.backlog_age_limit from crm_sync.settings);
    v_late     text;
    v_concerns jsonb;
begin
    -- What waits for a stop, a pause or a breaker, or on a copy, waits for a reason that has a check of its own.
    select string_agg(format('%s: due for %s', open.destination, crm_sync._span(p_now - oldest.next_attempt_at)), '; ' order by open.destination),
           jsonb_object_agg(open.destination, null)
    into v_late, v_concerns
    from crm_sync._destinations_in_service() as open (destination)
    cross join lateral (
        select deliveries.next_attempt_at
        from crm_sync.deliveries
        where deliveries.destination = open.destination
          and deliveries.status = 'pending' and not deliveries.is_parked and not deliveries.is_backfill
        order by deliveries.next_attempt_at
        limit 1
    ) as oldest
    where oldest.next_attempt_at < p_now - v_limit;
    return crm_sync._finding(
        v_late is null, 'nothing is due for longer than ' || v_limit, 'error', v_late,
        'select * from crm_sync.route_health; does the tick dispatch? select * from crm_sync.tick(); is a rate or limit too low? select * from crm_sync.destinations;', v_concerns,
        array(select destinations.destination from crm_sync.destinations
              where destinations.destination not in (select open.destination from crm_sync._destinations_in_service() as open (destination))));
end;
$$;

create function crm_sync._destinations_in_service()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select destinations.destination
    from crm_sync.destinations
    cross join crm_sync.settings
    where settings.is_running
      and not crm_sync._is_a_copy(settings.started_on)
      and not destinations.is_paused
      and not exists (
          select from crm_sync.breakers
          where breakers.breaker in (destinations.destination, 'function') and breakers.state <> 'closed'
      );
end;
$$;

create function crm_sync._check_envelopes(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_oldest timestamptz := (select min(envelopes.dispatched_at) from crm_sync.envelopes where envelopes.status = 'in_flight');
    v_limit  interval := (select settings.lease + interval '1 minute' from crm_sync.settings);
begin
    return crm_sync._finding(
        v_oldest is null or v_oldest > p_now - v_limit,
        case when v_oldest is null then 'none is under way' else 'the oldest under way left ' || crm_sync._ago(v_oldest, p_now) end, 'error',
        'one has been under way for ' || crm_sync._span(p_now - v_oldest),
        'The tick settles what is under way: select * from crm_sync.tick(); what it said: select * from crm_sync.faults order by fault_id desc limit 10;');
end;
$$;

create function crm_sync._check_dead_letters(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead     text;
    v_concerns jsonb;
begin
    select string_agg(format('%s of %s (%s)', dead.count, dead.route, dead.codes), '; ' order by dead.route),
           jsonb_object_agg(dead.route, dead.count)
    into v_dead, v_concerns
    from (
        select deliveries.route, count(*) as count, string_agg(distinct deliveries.last_error_code, ', ') as codes
        from crm_sync.deliveries
        where deliveries.status = 'dead'
        group by deliveries.route
    ) as dead;
    return crm_sync._finding(
        v_dead is null, 'none', 'error', 'dead: ' || v_dead,
        'select * from crm_sync.dead_letters; a corrected row is sent again by itself, another is by select * from crm_sync.redeliver(array[…]); or given up by select * from crm_sync.cancel(array[…]);', v_concerns);
end;
$$;

create function crm_sync._check_silence(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_silent   text;
    v_concerns jsonb;
    v_judged   text[];
begin
    select string_agg(format('%s: last change %s, usually one every %s min', gaps.route,
                             crm_sync._ago(gaps.last_captured_at, p_now), ceil(extract(epoch from gaps.usual_gap) / 60)),
                      '; ' order by gaps.route) filter (where gaps.is_silent),
           jsonb_object_agg(gaps.route, null) filter (where gaps.is_silent),
           coalesce(array_agg(gaps.route) filter (where gaps.is_silent is not null), '{}')
    into v_silent, v_concerns, v_judged
    from crm_sync._route_gaps(p_now) as gaps;
    return crm_sync._finding(
        v_silent is null, 'no route is quieter than usual', 'warning', v_silent,
        'Does the application still write? Is capture on? See the checks "triggers" and "missing_rows". A site that is quieter for good: update crm_sync.settings set silence_factor = …;', v_concerns,
        -- So quiet that others have pushed it out of sight.
        array(select attachments.route from crm_sync.attachments where attachments.route <> all (v_judged)));
end;
$$;

create function crm_sync._route_gaps(p_now timestamptz, p_window int default 20000)
returns table (route text, last_captured_at timestamptz, usual_gap interval, longest_gap interval, is_silent boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- By minutes with a change, so that a burst counts once. Nights and week-ends are the longest gaps; before two days of
    -- history none of them may have been seen.
    return query
    with recent as (
        select newest.route, newest.captured_at
        from (
            select deliveries.route, deliveries.captured_at, deliveries.is_backfill, deliveries.operation
            from crm_sync.deliveries
            order by deliveries.delivery_id desc
            limit p_window
        ) as newest
        where not newest.is_backfill
          and newest.operation in ('INSERT', 'UPDATE')
          and newest.route in (select attachments.route from crm_sync.attachments)
    ),
    gaps as (
        select minutes.route, minutes.captured_at,
               minutes.captured_at - lag(minutes.captured_at) over (partition by minutes.route order by minutes.captured_at) as gap
        from (
            select recent.route, max(recent.captured_at) as captured_at
            from recent
            group by recent.route, date_trunc('minute', recent.captured_at)
        ) as minutes
    ),
    measured as (
        select gaps.route, max(gaps.captured_at) as last_at, avg(gaps.gap) as usual, max(gaps.gap) as longest,
               count(gaps.gap) as gap_count, max(gaps.captured_at) - min(gaps.captured_at) as span
        from gaps
        group by gaps.route
    )
    select measured.route, measured.last_at, measured.usual, measured.longest,
           case when measured.gap_count >= 10 then p_now - measured.last_at > greatest(
               settings.silence_factor * measured.usual, 2 * measured.longest,
               case when measured.span > interval '2 days' then interval '1 hour' else interval '1 day' end) end
    from measured
    cross join crm_sync.settings;
end;
$$;

create function crm_sync._check_alerts(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_told_at timestamptz := (select max(messages.written_at) from crm_sync.alert_messages as messages where messages.outcome = 'delivered');
    v_untold  crm_sync.alert_messages;
begin
    select * into v_untold from crm_sync.alert_messages as messages
    where messages.outcome is distinct from 'delivered'
      and messages.written_at between p_now - interval '1 day' and p_now - interval '5 minutes'
    order by messages.written_at desc
    limit 1;
    return crm_sync._finding(
        v_untold.message_id is null, 'last told: ' || crm_sync._ago(v_told_at, p_now), 'warning',
        format('an alert of %s did not arrive: %s', crm_sync._ago(v_untold.written_at, p_now), coalesce(v_untold.error, 'no answer')),
        'supabase secrets set CRM_SYNC_ALERT_URL=https://…; then select * from crm_sync.test_alert();');
end;
$$;

comment on function crm_sync._function_complaint() is 'What was wrong with the function''s last answer, by the deliveries that wait for it; null: nothing.';
comment on function crm_sync._is_about_signature(text) is 'Whether such an answer speaks of signatures.';
comment on function crm_sync._check_function(timestamptz) is 'Check: the function''s last answer was one.';
comment on function crm_sync._check_signature(timestamptz) is 'Check: function and database verify each other.';
comment on function crm_sync._check_breakers(timestamptz) is 'Check: no destination''s breaker is open.';
comment on function crm_sync._check_paused(timestamptz) is 'Check: no destination is paused.';
comment on function crm_sync._check_backlog(timestamptz) is 'Check: nothing that could leave is due for longer than settings.backlog_age_limit.';
comment on function crm_sync._destinations_in_service() is 'Destinations to which something could leave now.';
comment on function crm_sync._check_envelopes(timestamptz) is 'Check: nothing is under way for longer than its lease and a minute.';
comment on function crm_sync._check_dead_letters(timestamptz) is 'Check: nothing is dead.';
comment on function crm_sync._check_silence(timestamptz) is 'Check: no route is quiet for many times its usual gap (settings.silence_factor), and twice its longest.';
comment on function crm_sync._route_gaps(timestamptz, int) is
    'The time between changes of each route, over so many of the newest deliveries; of routes with fewer than ten gaps is_silent is null.';
comment on function crm_sync._check_alerts(timestamptz) is 'Check: the alerts of a day arrived.';

revoke all on function crm_sync._function_complaint(), crm_sync._is_about_signature(text), crm_sync._check_function(timestamptz),
    crm_sync._check_signature(timestamptz), crm_sync._check_breakers(timestamptz), crm_sync._check_paused(timestamptz),
    crm_sync._check_backlog(timestamptz), crm_sync._destinations_in_service(), crm_sync._check_envelopes(timestamptz),
    crm_sync._check_dead_letters(timestamptz), crm_sync._check_silence(timestamptz),
    crm_sync._route_gaps(timestamptz, int), crm_sync._check_alerts(timestamptz) from public;

-- sql/crm_sync/10_observe/health_platform.sql

-- The checks of health() on what carries us: the switch, extensions, Vault, pg_net, pg_cron, and the server itself.

create function crm_sync._check_running(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_stopped crm_sync.operations;
begin
    select * into v_stopped from crm_sync.operations
    where operations.action = 'stop' order by operations.operation_id desc limit 1;
    return crm_sync._finding(
        (select settings.is_running from crm_sync.settings), 'started', 'error',
        coalesce(format('stopped by %s %s', v_stopped.operator, crm_sync._ago(v_stopped.operated_at, p_now)), 'never started')
            || ': nothing leaves, capture goes on',
        'select crm_sync.start();');
end;
$$;

create function crm_sync._check_platform(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    return crm_sync._finding(
        v_missing is null, 'pg_net, pg_cron and Vault are there', 'error', 'missing: ' || v_missing,
        'create extension pg_net; create extension pg_cron; on Supabase also under Database → Extensions. Then select crm_sync.start();');
end;
$$;

create function crm_sync._check_secrets(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function crm_sync.function_access := crm_sync._function_access();
    v_wrong    text;
begin
    select string_agg(said.wrong, '; ') into v_wrong
    from (values
        (case when v_function.url is null then 'crm_sync_function_url is missing'
              when v_function.url !~ '^https?://' then 'crm_sync_function_url is no URL' end),
        (case when v_function.secrets is null then 'crm_sync_signing_secret is missing'
              when exists (select from unnest(v_function.secrets) as secrets (secret)
                           where secrets.secret !~ '^whsec_([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$')
              then 'crm_sync_signing_secret is not whsec_<base64>' end)
    ) as said (wrong);
    return crm_sync._finding(
        v_wrong is null, 'Vault holds URL and signing secret', 'error', v_wrong,
        'select vault.create_secret(''whsec_…'', ''crm_sync_signing_secret''); to change one: select vault.update_secret(id, ''…'') from vault.secrets where name = ''…''; the function must know the same signing secret.');
end;
$$;

create function crm_sync._check_pg_net_worker(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_up boolean := crm_sync._pg_net_is_up();
begin
    if v_is_up is null then
        return row('unknown', 'this pg_net can not be asked', 'alter extension pg_net update;', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        v_is_up, 'pg_net''s worker runs', 'error', 'pg_net''s worker does not run: nothing leaves',
        'select net.worker_restart(); if that does not help, restart the database.');
end;
$$;

create function crm_sync._check_pg_net_queue(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queued  record;
    v_is_down boolean := crm_sync._pg_net_is_up() is false;
begin
    select count(*) as ours, min(envelopes.dispatched_at) as oldest_at into v_queued
    from crm_sync.envelopes
    join net.http_request_queue as queue
      on queue.id = envelopes.request_id and queue.headers ->> 'webhook-id' = envelopes.envelope_id::text
    where envelopes.status = 'in_flight';
    return crm_sync._finding(
        v_queued.oldest_at is null or v_queued.oldest_at > p_now - interval '30 seconds' or v_is_down,
        format('%s of our requests wait in pg_net', v_queued.ours), 'error',
        format('%s of our requests wait in pg_net, the oldest for %s', v_queued.ours, crm_sync._span(p_now - v_queued.oldest_at)),
        'select net.wake(); who else fills the queue: select url, count(*) from net.http_request_queue group by url order by 2 desc;',
        null, case when v_is_down then array[''] end);
end;
$$;

create function crm_sync._jobs()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array['crm_sync_tick', 'crm_sync_wake', 'crm_sync_alert', 'crm_sync_purge', 'crm_sync_repair'];
$$;

create function crm_sync._check_cron_jobs(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing  text;
    v_concerns jsonb;
begin
    if not (select settings.is_running from crm_sync.settings) then
        return row('ok', 'none while stopped', null, null, null)::crm_sync.finding;
    end if;
    select string_agg(wanted.name, ', ' order by wanted.name), jsonb_object_agg(wanted.name, null) into v_missing, v_concerns
    from unnest(crm_sync._jobs()) as wanted (name)
    where not exists (
        select from cron.job as jobs
        where jobs.jobname = wanted.name and jobs.active and jobs.database = current_database()
    );
    return crm_sync._finding(
        v_missing is null, 'all are scheduled', 'error', 'not scheduled, or inactive: ' || v_missing, 'select crm_sync.start();',
        v_concerns);
end;
$$;

create function crm_sync._check_cron_runs(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failing  text;
    v_concerns jsonb;
begin
    select string_agg(format('%s, last %s', jobs.jobname, crm_sync._ago(last.start_time, p_now)), '; ' order by jobs.jobname),
           jsonb_object_agg(jobs.jobname, null)
    into v_failing, v_concerns
    from cron.job as jobs
    cross join lateral (
        select runs.status, runs.start_time
        from cron.job_run_details as runs
        -- A run that goes on may take a minute, and came after the one that failed.
        where runs.jobid = jobs.jobid and runs.status in ('succeeded', 'failed', 'running')
        order by runs.runid desc
        limit 1
    ) as last
    where jobs.jobname = any (crm_sync._jobs()) and last.status = 'failed';
    return crm_sync._finding(
        v_failing is null, 'no last run failed', 'error', 'the last run failed: ' || v_failing,
        'select command, return_message, start_time from cron.job_run_details where status = ''failed'' order by runid desc limit 10;', v_concerns);
end;
$$;

create function crm_sync._check_cron_history(p_now timestamptz, p_limit int default 100000)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint := (select count(*) from (select from cron.job_run_details limit p_limit + 1) as some_runs);
begin
    return crm_sync._finding(
        v_count <= p_limit, format('%s lines in cron.job_run_details', v_count), 'warning',
        format('more than %s lines in cron.job_run_details', p_limit),
        'select * from crm_sync.purge(); takes away ours; those of other jobs: delete from cron.job_run_details where end_time < now() - interval ''7 days'';');
end;
$$;

create function crm_sync._check_tick(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job   record;
    v_last  timestamptz;
    v_limit interval;
begin
    select jobs.jobid, jobs.schedule into v_job from cron.job as jobs where jobs.jobname = 'crm_sync_tick' and jobs.active limit 1;
    if v_job.jobid is null then
        return row('ok', 'not scheduled: see cron_jobs', null, null, '{""}')::crm_sync.finding;
    end if;
    v_limit := case when v_job.schedule ~ 'second' then interval '1 minute' else interval '15 minutes' end;
    -- While requests are under way one run ticks again and again, each time in a transaction of its own.
    select greatest(runs.start_time, sessions.xact_start) into v_last
    from cron.job_run_details as runs
    left join pg_stat_activity as sessions
      on sessions.pid = runs.job_pid and runs.status = 'running' and sessions.backend_start <= runs.start_time
    -- One that is still connecting has not begun.
    where runs.jobid = v_job.jobid and runs.status <> 'failed' and runs.start_time is not null
    order by runs.runid desc
    limit 1;
    if v_last is null and current_setting('cron.log_run', true) = 'off' then
        return row('unknown', 'pg_cron keeps no history (cron.log_run = off)', 'cron.log_run = on', null, null)::crm_sync.finding;
    end if;
    return crm_sync._finding(
        coalesce(v_last, (select max(operations.operated_at) from crm_sync.operations where operations.action = 'start')) > p_now - v_limit,
        case when v_last is null then 'started, the first tick is to come' else 'last tick ' || crm_sync._ago(v_last, p_now) end, 'error',
        'last tick ' || crm_sync._ago(v_last, p_now),
        'Is pg_cron at work? select * from cron.job_run_details order by runid desc limit 5; does a tick hang? select pid, wait_event, query from pg_stat_activity where query like ''%crm_sync.tick%''; by hand: select * from crm_sync.tick();');
end;
$$;

create function crm_sync._check_restored_copy(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._finding(
        not crm_sync._is_a_copy((select settings.started_on from crm_sync.settings)), 'the server on which it was started', 'error',
        'not the server on which it was started: a restored backup, a copy, or a new primary; nothing leaves',
        'If it takes the original''s place, or shall send to a CRM of its own: select crm_sync.start(); if it is a copy: select crm_sync.stop(); and take the crm_sync_% secrets out of its Vault.');
end;
$$;

comment on function crm_sync._check_running(timestamptz) is 'Check: started.';
comment on function crm_sync._check_platform(timestamptz) is 'Check: extensions are there.';
comment on function crm_sync._check_secrets(timestamptz) is 'Check: Vault holds what dispatch needs, in the right form.';
comment on function crm_sync._check_pg_net_worker(timestamptz) is 'Check: pg_net''s worker runs.';
comment on function crm_sync._check_pg_net_queue(timestamptz) is 'Check: our requests do not wait in pg_net for more than 30 s.';
comment on function crm_sync._jobs() is 'The jobs that start() schedules.';
comment on function crm_sync._check_cron_jobs(timestamptz) is 'Check: our jobs are scheduled and active.';
comment on function crm_sync._check_cron_runs(timestamptz) is 'Check: the last run of none of them failed.';
comment on function crm_sync._check_cron_history(timestamptz, int) is 'Check: pg_cron''s history, which nobody else purges, stays small.';
comment on function crm_sync._check_tick(timestamptz) is 'Check: the tick ran within the last minute (15 where it is not scheduled by seconds).';
comment on function crm_sync._check_restored_copy(timestamptz) is 'Check: server, timeline and database are those of the last start().';

revoke all on function crm_sync._check_running(timestamptz), crm_sync._check_platform(timestamptz), crm_sync._check_secrets(timestamptz),
    crm_sync._check_pg_net_worker(timestamptz), crm_sync._check_pg_net_queue(timestamptz), crm_sync._jobs(), crm_sync._check_cron_jobs(timestamptz),
    crm_sync._check_cron_runs(timestamptz), crm_sync._check_cron_history(timestamptz, int), crm_sync._check_tick(timestamptz),
    crm_sync._check_restored_copy(timestamptz) from public;

-- sql/crm_sync/10_observe/health_tables.sql

-- The checks of health() on capture: its triggers, the tables under them, and what it missed.

create function crm_sync._check_triggers(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_off      text;
    v_dropped  text;
    v_concerns jsonb;
begin
    select string_agg(format('%s on %s', wanted.trigger, wanted.table_name), ', ' order by wanted.table_name, wanted.trigger)
               filter (where triggers.tgenabled not in ('O', 'A')),
           string_agg(format('%s on %s', wanted.trigger, wanted.table_name), ', ' order by wanted.table_name, wanted.trigger)
               filter (where triggers.oid is null),
           jsonb_object_agg(format('%s on %s', wanted.trigger, wanted.table_name), null)
               filter (where triggers.oid is null or triggers.tgenabled not in ('O', 'A'))
    into v_off, v_dropped, v_concerns
    from (
        select attachments.table_name, 'crm_sync_capture_insert' as trigger from crm_sync.attachments
        union
        select attachments.table_name, 'crm_sync_capture_update' from crm_sync.attachments
        union
        select related.table_name, 'crm_sync_capture_update' from crm_sync.related_attachments as related
        union
        values ('crm_sync.deliveries', 'dispatch_at_commit')
    ) as wanted
    left join pg_catalog.pg_trigger as triggers
      on triggers.tgrelid = to_regclass(wanted.table_name) and triggers.tgname = wanted.trigger
    where to_regclass(wanted.table_name) is not null;
    return crm_sync._finding(
        v_off is null and v_dropped is null, 'all there and enabled', 'error',
        concat_ws('; ', 'dropped: ' || v_dropped, 'disabled: ' || v_off),
        concat_ws(' ',
            case when v_dropped is not null then 'select crm_sync.reattach();' end,
            case when v_off is not null then 'alter table … enable trigger …;' end,
            'Then what was missed: select * from crm_sync.repair_missing();'),
        v_concerns);
end;
$$;

create function crm_sync._check_columns(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_broken   text;
    v_concerns jsonb;
begin
    select string_agg(broken.what, '; ' order by broken.table_name), jsonb_object_agg(broken.table_name, null)
    into v_broken, v_concerns
    from (
        select attached.table_name, coalesce(
            case when to_regclass(attached.table_name) is null then attached.table_name || ' is gone' end,
            attached.table_name || ' has no column ' || crm_sync._missing_columns(attached.table_name),
            crm_sync._why_not_captured(attached.table_name)
        ) as what
        from (
            select attachments.table_name from crm_sync.attachments
            union
            select related.table_name from crm_sync.related_attachments as related
        ) as attached
    ) as broken
    where broken.what is not null;
    return crm_sync._finding(
        v_broken is null, 'the tables are as they were attached', 'error', v_broken,
        'Attach again with the columns as they are now: select crm_sync.attach(…); or rename back. What capture could not write is kept and sent then. A table that is gone: delete from crm_sync.attachments where table_name = …;',
        v_concerns);
end;
$$;

create function crm_sync._missing_columns(p_table_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(distinct quote_ident(named.name), ', ')
        from (
            select unnest(attachments.watched || attachments.columns) as name
            from crm_sync.attachments where attachments.table_name = p_table_name
            union
            select unnest(related.watched)
            from crm_sync.related_attachments as related where related.table_name = p_table_name
        ) as named
        where not exists (
            select from pg_catalog.pg_attribute as attributes
            where attributes.attrelid = to_regclass(p_table_name) and attributes.attname = named.name
              and attributes.attnum > 0 and not attributes.attisdropped
        )
    );
end;
$$;

create function crm_sync._why_not_captured(p_table_name text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_evaluable(p_table_name);
    return null;
exception
    when sqlstate 'CS004' then
        -- Names a column or function at most; anything else that goes wrong here is no fault of the table.
        return case when sqlerrm ~ '(does not exist|is of type|cannot cast|operator)' then crm_sync._harmless_message(sqlstate, sqlerrm) end;
end;
$$;

create function crm_sync._check_capture_failures(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed record;
begin
    select count(*) as count, min(failures.failed_at) as oldest_at,
           string_agg(distinct format('%s (SQLSTATE %s)', failures.table_name, failures.sql_state), ', ') as tables,
           min(failures.detail) as detail
    into v_failed
    from crm_sync.capture_failures as failures;
    return crm_sync._finding(
        v_failed.count = 0, 'none', 'error',
        format('%s statements wait to be captured, the oldest for %s: %s', v_failed.count,
               crm_sync._span(p_now - v_failed.oldest_at), concat_ws(': ', v_failed.tables, v_failed.detail)),
        'They are kept and captured by the tick once the cause is gone; a table that was changed: see the check "columns". A lock (55P03) ends by itself.',
        jsonb_build_object('', v_failed.count));
end;
$$;

create function crm_sync._check_unstored_changes(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seen  crm_sync.unstored_seen;
    v_value bigint := (select last_value from crm_sync.unstored_changes where is_called);
begin
    select * into v_seen from crm_sync.unstored_seen;
    return crm_sync._finding(
        coalesce(v_value, 0) <= coalesce(v_seen.value, 0) and v_seen.horizon is null, 'none', 'warning',
        'changes could be neither captured nor stored; the tick looks for them',
        'select * from crm_sync.repair_missing(); as soon as no transaction is older than they are the tick looks once more and this ends.');
end;
$$;

create function crm_sync._check_missing_rows(p_now timestamptz)
returns crm_sync.finding
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
    v_found      text;
    v_count      bigint;
    v_missing    text;
    v_skipped    text;
    v_concerns   jsonb;
begin
    for v_table_name in select distinct attachments.table_name from crm_sync.attachments order by 1 loop
        if not crm_sync._is_quick_to_search(v_table_name) then
            v_skipped := concat_ws(', ', v_skipped, v_table_name);
            continue;
        end if;
        begin
            select string_agg(format('%s of %s for %s', missing.count, v_table_name, missing.route), ', '), sum(missing.count)
            into v_found, v_count
            from (
                select gaps.route, count(*) as count
                from crm_sync.find_missing(v_table_name::regclass, p_now - interval '1 day') as gaps
                where not exists (
                    select from crm_sync.capture_failures as failures
                    where failures.table_name = v_table_name and gaps.row_id = any (failures.row_ids))
                group by gaps.route
            ) as missing;
            if v_found is not null then
                v_missing := concat_ws(', ', v_missing, v_found);
                v_concerns := coalesce(v_concerns, '{}') || jsonb_build_object(v_table_name, v_count);
            end if;
        exception when undefined_column or undefined_table or undefined_function or datatype_mismatch then
            v_skipped := concat_ws(', ', v_skipped, v_table_name);
        end;
    end loop;
    return crm_sync._finding(
        v_missing is null, 'none within a day' || coalesce('; not looked at: ' || v_skipped, ''), 'error',
        'never sent as they are: ' || v_missing,
        'select * from crm_sync.find_missing(''…''); up to 100 rows: select * from crm_sync.repair_missing(); more, if they are to be sent: select * from crm_sync.backfill(''<route>'', p_since => now() - interval ''1 day'');',
        v_concerns);
end;
$$;

create function crm_sync._is_quick_to_search(p_table_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A small table, or one with an index that begins with the time column.
    return exists (
        select from pg_catalog.pg_attribute as attributes
        join pg_catalog.pg_class as classes on classes.oid = attributes.attrelid
        where attributes.attrelid = to_regclass(p_table_name)
          and attributes.attname in ('updated_at', 'created_at') and not attributes.attisdropped
          and (classes.relkind = 'r' and pg_relation_size(classes.oid) <= 50000000
               or exists (
                   select from pg_catalog.pg_index as indexes
                   where indexes.indrelid = classes.oid and indexes.indkey[0] = attributes.attnum
                     and attributes.attnum = (
                         select others.attnum from pg_catalog.pg_attribute as others
                         where others.attrelid = classes.oid and others.attname in ('updated_at', 'created_at') and not others.attisdropped
                         order by others.attname desc limit 1)))
    );
end;
$$;

create function crm_sync._check_faults(p_now timestamptz)
returns crm_sync.finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_faults   text;
    v_concerns jsonb;
begin
    select string_agg(distinct concat_ws(': ', format('%s (SQLSTATE %s)', faults.place, faults.sql_state), faults.detail), '; '),
           jsonb_object_agg(faults.place, null)
    into v_faults, v_concerns
    from crm_sync.faults
    where faults.noticed_at > p_now - interval '10 minutes';
    return crm_sync._finding(
        v_faults is null, 'none in ten minutes', 'warning', v_faults,
        'select * from crm_sync.faults order by fault_id desc limit 20; green ten minutes after the last one.', v_concerns);
end;
$$;

comment on function crm_sync._check_triggers(timestamptz) is 'Check: the triggers of capture, and the one that dispatches at commit, are there and enabled.';
comment on function crm_sync._check_columns(timestamptz) is 'Check: attached tables have what attach() was told of.';
comment on function crm_sync._missing_columns(text) is 'Columns given to attach() that the table no longer has; null: none.';
comment on function crm_sync._why_not_captured(text) is 'What no longer can be evaluated for a table; null: nothing.';
comment on function crm_sync._check_capture_failures(timestamptz) is 'Check: nothing waits to be captured.';
comment on function crm_sync._check_unstored_changes(timestamptz) is 'Check: every change could at least be stored.';
comment on function crm_sync._check_missing_rows(timestamptz) is 'Check: find_missing() finds nothing of the last day, in the tables where it is quick.';
comment on function crm_sync._is_quick_to_search(text) is 'Whether looking for the rows of the last day is cheap.';
comment on function crm_sync._check_faults(timestamptz) is 'Check: our own code caught no error in ten minutes.';

revoke all on function crm_sync._check_triggers(timestamptz), crm_sync._check_columns(timestamptz), crm_sync._missing_columns(text),
    crm_sync._why_not_captured(text), crm_sync._check_capture_failures(timestamptz), crm_sync._check_unstored_changes(timestamptz),
    crm_sync._check_missing_rows(timestamptz), crm_sync._is_quick_to_search(text), crm_sync._check_faults(timestamptz) from public;

-- sql/crm_sync/10_observe/http_log.sql

-- Our requests beside what pg_net knows of them. Through a function: a view on net.* would stand in the way of pg_net's
-- updates. Definer: readers have no rights on the envelopes. No content of an answer: it may be a stranger's.

create function crm_sync._http_log()
returns table (
    envelope_id uuid, request_id bigint, destination text, delivery_count int, is_probe boolean, dispatched_at timestamptz,
    status text, settled_at timestamptz, is_queued boolean, answered_at timestamptz, http_status int, timed_out boolean,
    error text, error_code text, is_signed_as_ours boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
#variable_conflict use_column
begin
    -- pg_net keeps answers for 6 hours; an answer's time is the start of its batch. Ids begin anew after a crash.
    return query
    select envelopes.envelope_id, envelopes.request_id, envelopes.destination, envelopes.delivery_count, envelopes.is_probe,
           envelopes.dispatched_at, envelopes.status, envelopes.settled_at,
           exists (
               select from net.http_request_queue as queue
               where queue.id = envelopes.request_id and queue.headers ->> 'webhook-id' = envelopes.envelope_id::text),
           answers.created, coalesce(envelopes.http_status, answers.status_code), answers.timed_out, answers.error_msg,
           -- One word, as the platform and our function write them.
           substring(left(answers.content, 1000) from '"(?:error|code)"\s*:\s*"([A-Za-z_]{1,60})"'),
           exists (
               select from jsonb_each_text(answers.headers) as headers
               where lower(headers.key) = 'webhook-id' and headers.value = envelopes.envelope_id::text)
    from crm_sync.envelopes
    left join net._http_response as answers
      on answers.id = envelopes.request_id
     and answers.created between envelopes.dispatched_at - interval '10 minutes' and envelopes.dispatched_at + interval '1 hour'
    where envelopes.dispatched_at > now() - interval '7 hours' or envelopes.status = 'in_flight';
end;
$$;

create view crm_sync.http_log
with (security_invoker = on)
as
select * from crm_sync._http_log();

comment on function crm_sync._http_log() is
    'What the view http_log shows. Error: 55P03 while pg_net is being changed (50 ms). Roles: crm_sync_reader, crm_sync_operator.';
comment on view crm_sync.http_log is
    'Each request of the last 7 hours beside pg_net''s queue and answers: select * from crm_sync.http_log order by dispatched_at desc limit 20. is_signed_as_ours: the answer names our envelope. No personal data. Roles: crm_sync_reader, crm_sync_operator.';

revoke all on function crm_sync._http_log() from public;
grant execute on function crm_sync._http_log() to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.http_log to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/10_observe/platform.sql

-- What the platform says of itself: which parts are there, whether pg_net's worker lives, which server this is.

create function crm_sync._missing_platform()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(parts.name, ', ')
        from (values
            ('pg_net (net.http_post)', to_regprocedure('net.http_post(text, jsonb, jsonb, jsonb, integer)') is not null),
            ('pg_net (net.wake)', to_regprocedure('net.wake()') is not null),
            ('pg_cron (cron.schedule)', to_regprocedure('cron.schedule(text, text, text)') is not null),
            ('Vault (vault.decrypted_secrets)', to_regclass('vault.decrypted_secrets') is not null)
        ) as parts (name, is_there)
        where not parts.is_there
    );
end;
$$;

create function crm_sync._pg_net_is_up()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- An older pg_net can not be asked.
    if to_regprocedure('net.check_worker_is_up()') is null then
        return null;
    end if;
    perform net.check_worker_is_up();
    return true;
exception when raise_exception then
    return false;
end;
$$;

comment on function crm_sync._missing_platform() is 'The parts of pg_net, pg_cron and Vault that are not there; null: all are.';
comment on function crm_sync._pg_net_is_up() is 'Whether pg_net''s worker runs; null: this pg_net can not be asked.';

revoke all on function crm_sync._missing_platform(), crm_sync._pg_net_is_up() from public;

-- sql/crm_sync/10_observe/route_health.sql

-- Each route at a glance: what waits, what died, what was the last to arrive, and whether it is quieter than usual.

create function crm_sync._route_health(p_now timestamptz default clock_timestamp())
returns table (
    route text, destination text, tables text[], state text, pending_count bigint, in_flight_count bigint, dead_count bigint,
    oldest_pending_at timestamptz, last_captured_at timestamptz, last_delivered_at timestamptz, usual_gap interval, is_silent boolean
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with unfinished as (
        select deliveries.route,
               count(*) filter (where deliveries.status = 'pending') as pending_count,
               count(*) filter (where deliveries.status = 'in_flight') as in_flight_count,
               min(deliveries.captured_at) filter (where deliveries.status = 'pending') as oldest_pending_at
        from crm_sync.deliveries
        where deliveries.status in ('pending', 'in_flight')
        group by deliveries.route
    ),
    finished as (
        select deliveries.route, count(*) filter (where deliveries.status = 'dead') as dead_count,
               max(deliveries.finished_at) filter (where deliveries.status = 'delivered') as last_delivered_at
        from crm_sync.deliveries
        where deliveries.status in ('dead', 'delivered')
        group by deliveries.route
    )
    select routes.route, routes.destination,
           array(select attachments.table_name from crm_sync.attachments where attachments.route = routes.route order by 1),
           crm_sync._destination_state(routes.destination),
           coalesce(unfinished.pending_count, 0), coalesce(unfinished.in_flight_count, 0), coalesce(finished.dead_count, 0),
           unfinished.oldest_pending_at, gaps.last_captured_at, finished.last_delivered_at, gaps.usual_gap,
           coalesce(gaps.is_silent, false)
    from crm_sync.routes
    left join unfinished on unfinished.route = routes.route
    left join finished on finished.route = routes.route
    left join crm_sync._route_gaps(p_now) as gaps on gaps.route = routes.route
    order by routes.position;
end;
$$;

create function crm_sync._destination_state(p_destination text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when not settings.is_running then 'stopped'
            when crm_sync._is_a_copy(settings.started_on) then 'a copy'
            when destinations.is_paused then 'paused'
            when functions.state <> 'closed' then 'function down'
            when breakers.state <> 'closed' then case when breakers.reason = 'misconfigured' then 'misconfigured' else 'down' end
            else 'open'
        end
        from crm_sync.settings
        cross join crm_sync.destinations
        join crm_sync.breakers on breakers.breaker = destinations.destination
        join crm_sync.breakers as functions on functions.breaker = 'function'
        where destinations.destination = p_destination
    );
end;
$$;

create view crm_sync.route_health
with (security_invoker = on)
as
select * from crm_sync._route_health();

comment on function crm_sync._route_health(timestamptz) is 'What the view route_health shows. Roles: crm_sync_reader, crm_sync_operator.';
comment on function crm_sync._destination_state(text) is 'stopped, a copy, paused, function down, misconfigured, down, or open; the first that holds.';
comment on view crm_sync.route_health is
    'Each route: its tables and destination, whether anything can leave (open, stopped, a copy, paused, function down, misconfigured, down), what waits, died and arrived, and whether it is silent for many times its usual gap. Reads the whole ledger once. No personal data. Roles: crm_sync_reader, crm_sync_operator.';

revoke all on function crm_sync._route_health(timestamptz), crm_sync._destination_state(text) from public;
grant execute on function crm_sync._route_health(timestamptz) to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.route_health to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/10_observe/row_status.sql

-- How a row stands, in a few words for the office. Of several routes the one that needs somebody comes first, then what
-- waits, then the newest. Definer: readers have no rights on the ledger's other tables.

create function crm_sync.row_status(p_table regclass, p_row_id text, p_now timestamptz default clock_timestamp())
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivery crm_sync.deliveries;
begin
    perform crm_sync._require_attached(p_table);
    select newest.* into v_delivery
    from (
        select distinct on (deliveries.route) deliveries.*
        from crm_sync.deliveries
        where deliveries.row_id = p_row_id and deliveries.table_name = crm_sync._table_name(p_table)
        order by deliveries.route, deliveries.delivery_id desc
    ) as newest
    order by array_position(array['dead', 'pending', 'in_flight', 'delivered', 'superseded', 'cancelled'], newest.status),
             newest.delivery_id desc
    limit 1;
    if exists (
        select from crm_sync.capture_failures as failures
        where failures.table_name = crm_sync._table_name(p_table) and p_row_id = any (failures.row_ids)
    ) then
        return 'waiting: its last change is still to be captured';
    end if;
    return case v_delivery.status
        when 'delivered' then 'delivered ' || crm_sync._office_time(v_delivery.finished_at, p_now)
        when 'in_flight' then 'being sent'
        when 'pending' then 'waiting: ' || crm_sync._why_waiting(v_delivery, p_now)
        when 'dead' then crm_sync._why_dead(v_delivery)
        when 'superseded' then 'delivered with a newer change'
        when 'cancelled' then 'not sent: ' || coalesce(replace(v_delivery.last_error_code, '_', ' '), 'cancelled')
        else 'nothing to send'
    end;
end;
$$;

create function crm_sync._office_time(p_at timestamptz, p_now timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select to_char(p_at at time zone settings.office_time_zone,
                   case when (p_at at time zone settings.office_time_zone)::date = (p_now at time zone settings.office_time_zone)::date
                        then 'HH24:MI' else 'YYYY-MM-DD HH24:MI' end)
    from crm_sync.settings;
$$;

create function crm_sync._why_waiting(p_delivery crm_sync.deliveries, p_now timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state   text := crm_sync._destination_state(p_delivery.destination);
    v_breaker crm_sync.breakers;
begin
    select * into v_breaker from crm_sync.breakers
    where breakers.breaker = case when v_state = 'function down' then 'function' else p_delivery.destination end;
    return case
        when v_state = 'stopped' then 'sending is stopped'
        when v_state = 'a copy' then 'this is a copy, which sends nothing'
        when v_state = 'paused' then p_delivery.destination || ' is paused'
        when v_state = 'function down' then 'sending is down since ' || crm_sync._office_time(v_breaker.opened_at, p_now)
        when v_state = 'down' then format('%s down since %s', p_delivery.destination, crm_sync._office_time(v_breaker.opened_at, p_now))
        when v_state = 'misconfigured' or p_delivery.last_outcome = 'misconfigured'
            then format('%s is not set up (%s)', p_delivery.destination, coalesce(p_delivery.last_error_code, v_breaker.reason))
        when p_delivery.is_parked then 'an earlier change goes first'
        when p_delivery.last_outcome is null or p_delivery.next_attempt_at <= p_now then 'it is sent next'
        when p_delivery.attempt_count = 0 then 'not sent yet, again at ' || crm_sync._office_time(p_delivery.next_attempt_at, p_now)
        else format('tried %s times, again at %s', p_delivery.attempt_count, crm_sync._office_time(p_delivery.next_attempt_at, p_now))
    end;
end;
$$;

create function crm_sync._why_dead(p_delivery crm_sync.deliveries)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_delivery.last_error_code = 'invalid_record' and p_delivery.last_error is not null
            -- 'quantity: expected …; unit_price: expected …'
            then 'needs correction: ' || array_to_string(array(
                select matches.match[1] from regexp_matches(p_delivery.last_error, '(?:^|; )([A-Za-z0-9_.]+): expected', 'g') as matches (match)), ', ')
        when p_delivery.last_outcome = 'reject' then format(
            'needs correction: refused by %s%s', p_delivery.destination, coalesce(' (' || p_delivery.last_status || ')', ''))
        else 'not delivered: ' || replace(coalesce(p_delivery.last_error_code, 'attempts used up'), '_', ' ')
    end;
end;
$$;

comment on function crm_sync.row_status(regclass, text, timestamptz) is
    'A few words on a row: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity'', ''nothing to send''. Times by settings.office_time_zone, with the date unless it is today. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator; for the dashboard public.crm_sync_row_status(). Error: CS023 nothing is captured from this table.';
comment on function crm_sync._office_time(timestamptz, timestamptz) is 'A time by the office''s clock; with its date unless that is today.';
comment on function crm_sync._why_waiting(crm_sync.deliveries, timestamptz) is 'What a pending delivery waits for, in words.';
comment on function crm_sync._why_dead(crm_sync.deliveries) is 'What is wrong with a dead delivery: the fields to correct where they are known.';

revoke all on function crm_sync.row_status(regclass, text, timestamptz), crm_sync._office_time(timestamptz, timestamptz),
    crm_sync._why_waiting(crm_sync.deliveries, timestamptz), crm_sync._why_dead(crm_sync.deliveries) from public;
grant execute on function crm_sync.row_status(regclass, text, timestamptz) to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/10_observe/trace.sql

-- The life of one row: every delivery of it and every attempt, in order, and what an operator did to them.
-- Definer: readers have no rights on the ledger's other tables. No personal data.

create function crm_sync.trace(p_table regclass, p_row_id text)
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
begin
    perform crm_sync._require_attached(p_table);
    v_ids := crm_sync._deliveries_telling_of(p_table, p_row_id);
    return query
    select steps.at, steps.delivery_id, steps.route, steps.step, nullif(steps.detail, '')
    from (
        select * from crm_sync._captures_of(v_ids)
        union all
        select * from crm_sync._attempts_of(v_ids)
        union all
        select * from crm_sync._states_of(v_ids)
        union all
        select * from crm_sync._operations_on(v_ids, crm_sync._table_name(p_table), p_row_id)
        union all
        select failures.failed_at, null, null, 'missed by capture',
               format('SQLSTATE %s; captured again from %s on', failures.sql_state, failures.next_retry_at)
        from crm_sync.capture_failures as failures
        where failures.table_name = crm_sync._table_name(p_table) and p_row_id = any (failures.row_ids)
    ) as steps (at, delivery_id, route, step, detail)
    order by steps.at, steps.delivery_id;
end;
$$;

create function crm_sync._captures_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select deliveries.captured_at, deliveries.delivery_id, deliveries.route, 'captured',
           concat_ws(' ', deliveries.operation, 'of', deliveries.table_name, deliveries.row_id,
                     case when deliveries.is_backfill then '(backfill)' end)
    from crm_sync.deliveries
    where deliveries.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._attempts_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select attempts.settled_at, attempts.delivery_id, deliveries.route,
           case when attempts.is_counted then 'attempt ' || attempts.attempt else 'not counted' end || ': ' || attempts.outcome,
           concat_ws('; ', 'HTTP ' || attempts.status, attempts.error_code, attempts.error,
                     format('sent %s ms before, envelope %s',
                            round(extract(epoch from attempts.settled_at - attempts.dispatched_at) * 1000), attempts.envelope_id))
    from crm_sync.delivery_attempts as attempts
    join crm_sync.deliveries on deliveries.delivery_id = attempts.delivery_id
    where attempts.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._states_of(p_delivery_ids bigint[])
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case deliveries.status
               when 'pending' then greatest(deliveries.next_attempt_at, deliveries.captured_at)
               when 'in_flight' then envelopes.dispatched_at
               else deliveries.finished_at
           end,
           deliveries.delivery_id, deliveries.route,
           case deliveries.status when 'pending' then 'waits' when 'in_flight' then 'in flight' else deliveries.status end,
           case deliveries.status
               when 'pending' then concat_ws('; ',
                   case when deliveries.is_parked then 'behind another of its key'
                        else nullif(crm_sync._destination_state(deliveries.destination), 'open') end,
                   'next attempt at the time given')
               when 'in_flight' then 'envelope ' || deliveries.envelope_id
               when 'superseded' then 'by delivery ' || deliveries.superseded_by
               when 'delivered' then ''
               else deliveries.last_error_code
           end
    from crm_sync.deliveries
    left join crm_sync.envelopes on envelopes.envelope_id = deliveries.envelope_id
    where deliveries.delivery_id = any (p_delivery_ids);
$$;

create function crm_sync._operations_on(p_delivery_ids bigint[], p_table_name text, p_row_id text)
returns table (at timestamptz, delivery_id bigint, route text, step text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select operations.operated_at, deliveries.delivery_id, deliveries.route, operations.action,
           concat_ws(': ', 'by ' || operations.operator, operations.note)
    from crm_sync.operations
    left join crm_sync.deliveries
      on deliveries.delivery_id = any (p_delivery_ids)
     and operations.arguments -> 'delivery_ids' @> to_jsonb(deliveries.delivery_id)
    where deliveries.delivery_id is not null
       or (operations.arguments ->> 'table' = p_table_name and operations.arguments ->> 'row_id' = p_row_id);
$$;

create function crm_sync._require_attached(p_table regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from crm_sync.attachments where attachments.table_name = crm_sync._table_name(p_table))
        and not exists (select from crm_sync.related_attachments as related where related.table_name = crm_sync._table_name(p_table))
        and not exists (select from crm_sync.deliveries where deliveries.table_name = crm_sync._table_name(p_table)) then
        raise exception 'nothing is captured from %', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', (
                      select string_agg(attached.table_name, ', ' order by attached.table_name)
                      from (select attachments.table_name from crm_sync.attachments
                            union select related.table_name from crm_sync.related_attachments as related) as attached));
    end if;
end;
$$;

comment on function crm_sync.trace(regclass, text) is
    'What happened to a row, in order of time: captured, each attempt with outcome, status and error, waits or how it ended, and each operator''s call. Of a row whose values others tell of (a customer), theirs. Changes nothing; no personal data. Roles: crm_sync_reader, crm_sync_operator. Error: CS023 nothing is captured from this table. No rows: nothing of this row was ever captured.';
comment on function crm_sync._captures_of(bigint[]) is 'When they were captured.';
comment on function crm_sync._attempts_of(bigint[]) is 'Their attempts.';
comment on function crm_sync._states_of(bigint[]) is 'How they stand now.';
comment on function crm_sync._operations_on(bigint[], text, text) is 'Operators'' calls that named one of them, or their row.';
comment on function crm_sync._require_attached(regclass) is 'Raises CS023 unless something is, or was, captured from the table.';

revoke all on function crm_sync.trace(regclass, text), crm_sync._captures_of(bigint[]), crm_sync._attempts_of(bigint[]),
    crm_sync._states_of(bigint[]), crm_sync._operations_on(bigint[], text, text), crm_sync._require_attached(regclass) from public;
grant execute on function crm_sync.trace(regclass, text) to crm_sync_reader, crm_sync_operator;

-- sql/crm_sync/11_schedule/start_stop.sql

-- start() and stop(): the schedule in pg_cron, and the one switch that everything that leaves asks first.

create function crm_sync.start(p_every text default '2 seconds')
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
begin
    perform crm_sync._require_platform();
    perform crm_sync._unschedule();
    perform cron.schedule('crm_sync_tick', p_every, crm_sync._tick_command());
    perform cron.schedule('crm_sync_wake', '*/10 * * * *', 'select crm_sync._wake_forgotten_keys()');
    perform cron.schedule('crm_sync_alert', '* * * * *', 'select crm_sync.alert()');
    perform cron.schedule('crm_sync_purge', '17 * * * *', 'select crm_sync.purge()');
    perform cron.schedule('crm_sync_repair', '43 4 * * *', 'select crm_sync.repair_missing()');
    update crm_sync.settings set is_running = true, started_on = crm_sync._server_identity() returning * into v_settings;
    perform crm_sync._note_operation('start', jsonb_build_object('every', p_every), 1);
    return v_settings;
end;
$$;

create function crm_sync.stop()
returns crm_sync.settings
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
    v_envelope uuid;
    v_count    int := 0;
begin
    update crm_sync.settings set is_running = false returning * into v_settings;
    perform crm_sync._unschedule();
    for v_envelope in select envelopes.envelope_id from crm_sync.envelopes where envelopes.status = 'in_flight' loop
        v_count := v_count + crm_sync._settle(crm_sync._take_back(v_envelope, clock_timestamp()), clock_timestamp());
    end loop;
    perform crm_sync._note_operation('stop', '{}', v_count);
    return v_settings;
end;
$$;

create function crm_sync._unschedule()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('cron.job') is null then
        return;
    end if;
    -- By id: unscheduling an unknown name raises, and scheduling a known one leaves it inactive if it was.
    perform cron.unschedule(jobs.jobid) from cron.job as jobs 
    where jobs.jobname = any (crm_sync._jobs());
end;
$$;

create function crm_sync._require_platform()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text := crm_sync._missing_platform();
begin
    if v_missing is not null then
        raise exception 'crm-sync can not start without %', v_missing
            using errcode = 'CS012', hint = 'create extension pg_net; create extension pg_cron; on Supabase also under Database → Extensions.';
    end if;
end;
$$;

comment on function crm_sync.start(text) is
    'Schedules the tick (every ''N seconds'' or a cron expression) and lets deliveries leave. Safe to repeat; changes the interval. Role: owner. Error: CS012 pg_net, pg_cron or Vault is missing.';
comment on function crm_sync.stop() is
    'Nothing leaves any more: no tick, no dispatch at commit, our requests still in pg_net''s queue are taken back. Capture goes on; start() sends what was captured. Waits for a tick that is running. Safe to repeat. Role: owner.';
comment on function crm_sync._unschedule() is 'Removes the jobs of ours that are there.';
comment on function crm_sync._require_platform() is 'Raises CS012 unless pg_net, pg_cron and Vault are there.';

revoke all on function crm_sync.start(text), crm_sync.stop(), crm_sync._unschedule(), crm_sync._require_platform() from public;

-- sql/crm_sync/11_schedule/tick.sql

-- The tick, run by pg_cron every 2 seconds: what failed to be captured, answers, what is due. One at a time. Each step in
-- a block of its own: a step that fails, or that would wait for an operator's lock, is noted in crm_sync.faults and stops
-- no other.

create function crm_sync.tick(p_now timestamptz default clock_timestamp())
returns table (step text, affected int)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '1s' set plan_cache_mode = 'force_generic_plan'
-- By the index, whatever the statistics say: they are as old as the last analyze, and a burst is younger.
set enable_seqscan = 'off' set jit = 'off'
as $$
begin
    perform crm_sync._require_read_committed();
    perform from crm_sync.settings for no key update skip locked;
    if not found then
        return;
    end if;
    foreach step in array array['capture_missed', 'capture_related', 'reconcile', 'dispatch'] loop
        affected := crm_sync._tick_step(step, p_now);
        return next;
    end loop;
end;
$$;

create function crm_sync._tick_step(p_step text, p_now timestamptz)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    case p_step
        when 'capture_missed' then return crm_sync._capture_missed(p_now);
        when 'capture_related' then return crm_sync._capture_related(p_now);
        when 'reconcile' then return crm_sync._reconcile(p_now);
        when 'dispatch' then return crm_sync._dispatch_due(p_now);
    end case;
exception when others then
    perform crm_sync._note_fault('tick: ' || p_step, sqlstate, sqlerrm);
    return null;
end;
$$;

create function crm_sync._require_read_committed()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'crm_sync.tick() runs under read committed only'
            using errcode = 'CS011', hint = 'Each step must see what the one before it waited for; begin isolation level read committed.';
    end if;
end;
$$;

comment on function crm_sync.tick(timestamptz) is
    'One round of the engine: capture what was missed, reconcile, dispatch what is due. Returns each step with what it did; null: it failed, see crm_sync.faults. Returns nothing while another tick runs. Safe to repeat at any time. Role: owner. Error: CS011 wrong isolation level.';
comment on function crm_sync._tick_step(text, timestamptz) is 'One step of the tick; an error is noted and ends the step alone.';
comment on function crm_sync._require_read_committed() is 'Raises CS011 under repeatable read or serializable.';

revoke all on function crm_sync.tick(timestamptz), crm_sync._tick_step(text, timestamptz), crm_sync._require_read_committed() from public;

-- sql/crm_sync/11_schedule/tick_again.sql

-- While requests are under way, pg_cron's one run ticks again and again, each tick a transaction of its own: a quiet site has
-- one tick an interval, a busy one waits neither for pg_cron nor for a new session's plans. The loop is the scheduled command
-- itself (_tick_command): a procedure that commits could not pin its search_path.

create function crm_sync._tick_command()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'do $tick$ begin loop perform crm_sync.tick(); commit; exit when not crm_sync._shall_tick_again(); end loop; end $tick$'
$$;

create function crm_sync._shall_tick_again(p_for interval default '1 minute', p_pause interval default '0.25 seconds')
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timeout interval := current_setting('statement_timeout')::interval;
    -- From the first tick to the last it is one statement, which ends before it is ended.
    v_for     interval := case when v_timeout > interval '0' then least(p_for, 0.75 * v_timeout) else p_for end;
begin
    -- Settings before envelopes, as in the tick: whoever alters both meets no deadlock.
    if clock_timestamp() >= statement_timestamp() + v_for
        or not (select settings.is_running from crm_sync.settings)
        or not exists (select from crm_sync.envelopes where envelopes.status = 'in_flight') then
        return false;
    end if;
    perform pg_sleep_for(p_pause);
    -- Once more after the pause: who has called stop() meanwhile meets no tick.
    return (select settings.is_running from crm_sync.settings);
end;
$$;

comment on function crm_sync._tick_command() is 'What start() schedules: a tick, and more while requests are under way.';
comment on function crm_sync._shall_tick_again(interval, interval) is
    'Pauses if requests are under way and there is time; whether another tick shall follow. The time counts from the statement''s begin.';

revoke all on function crm_sync._tick_command(), crm_sync._shall_tick_again(interval, interval) from public;

-- sql/crm_sync/12_dashboard/definers.sql

-- What the application's dashboard may ask for, with the owner's rights: the only functions of this schema that the data
-- API's roles may execute, and each first looks whether the caller is an administrator.

create function crm_sync.dashboard_deliveries(p_table text, p_row_id text, p_status text, p_before bigint, p_limit int)
returns table (
    delivery_id bigint, captured_at timestamptz, route text, destination text, table_name text, row_id text, status text,
    attempt_count int, next_attempt_at timestamptz, last_status int, last_error_code text, last_error text, finished_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform crm_sync._require_administrator();
    if p_status <> all (array['pending', 'in_flight', 'delivered', 'dead', 'superseded', 'cancelled']) then
        raise exception 'there is no status "%"', p_status
            using errcode = 'CS024', hint = 'pending, in_flight, delivered, dead, superseded, cancelled';
    end if;
    return query
    select deliveries.delivery_id, deliveries.captured_at, deliveries.route, deliveries.destination, deliveries.table_name,
           deliveries.row_id, deliveries.status, deliveries.attempt_count,
           case when deliveries.status = 'pending' then deliveries.next_attempt_at end,
           deliveries.last_status, deliveries.last_error_code, deliveries.last_error, deliveries.finished_at
    from crm_sync.deliveries
    where (p_table is null or deliveries.table_name = crm_sync._attached_table(p_table))
      and (p_row_id is null or deliveries.row_id = p_row_id)
      and (p_status is null or deliveries.status = p_status)
      and (p_before is null or deliveries.delivery_id < p_before)
    order by deliveries.delivery_id desc
    limit least(greatest(p_limit, 1), 1000);
end;
$$;

create function crm_sync.dashboard_row_status(p_table text, p_row_id text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_administrator();
    return crm_sync.row_status(crm_sync._attached_table(p_table)::regclass, p_row_id);
end;
$$;

create function crm_sync.dashboard_redeliver(p_delivery_ids bigint[], p_table text, p_row_id text, p_note text)
returns table (delivery_id bigint, redelivered boolean, status text, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ids bigint[] := p_delivery_ids;
begin
    perform crm_sync._require_administrator();
    if num_nulls(p_delivery_ids, p_table) <> 1 or num_nulls(p_table, p_row_id) = 1 then
        raise exception 'redeliver what?' using errcode = 'CS025', hint = 'Give p_delivery_ids, or p_table and p_row_id.';
    end if;
    if p_table is not null then
        -- Of each route the newest: what is older has been told, or is no longer true.
        v_ids := array(
            select max(deliveries.delivery_id) from crm_sync.deliveries
            where deliveries.row_id = p_row_id and deliveries.table_name = crm_sync._attached_table(p_table)
            group by deliveries.route);
    end if;
    if v_ids = '{}' then
        return query select null::bigint, false, null::text, 'nothing was captured of this row';
        return;
    end if;
    for delivery_id, redelivered, reason in select results.* from crm_sync.redeliver(v_ids, false, p_note) as results loop
        status := (select deliveries.status from crm_sync.deliveries where deliveries.delivery_id = dashboard_redeliver.delivery_id);
        return next;
    end loop;
end;
$$;

create function crm_sync.dashboard_health()
returns table (check_name text, level text, detail text, mend text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform crm_sync._require_administrator();
    return query select * from crm_sync.health();
end;
$$;

comment on function crm_sync.dashboard_deliveries(text, text, text, bigint, int) is 'Behind public.crm_sync_deliveries(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_row_status(text, text) is 'Behind public.crm_sync_row_status(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_redeliver(bigint[], text, text, text) is 'Behind public.crm_sync_redeliver(). Roles: authenticated, service_role.';
comment on function crm_sync.dashboard_health() is 'Behind public.crm_sync_health(). Roles: authenticated, service_role.';

revoke all on function crm_sync.dashboard_deliveries(text, text, text, bigint, int), crm_sync.dashboard_row_status(text, text),
    crm_sync.dashboard_redeliver(bigint[], text, text, text), crm_sync.dashboard_health() from public;

-- sql/crm_sync/12_dashboard/public.sql

-- What @supabase/supabase-js calls: rpc('crm_sync_redeliver', { p_table: 'requests', p_row_id: id }). Invoker functions;
-- who may is decided behind them. Not for anon.

create function public.crm_sync_deliveries(
    p_table text default null, p_row_id text default null, p_status text default null,
    p_before bigint default null, p_limit int default 50
)
returns table (
    delivery_id bigint, captured_at timestamptz, route text, destination text, table_name text, row_id text, status text,
    attempt_count int, next_attempt_at timestamptz, last_status int, last_error_code text, last_error text, finished_at timestamptz
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_deliveries(p_table, p_row_id, p_status, p_before, p_limit);
$$;

create function public.crm_sync_row_status(p_table text, p_row_id text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select crm_sync.dashboard_row_status(p_table, p_row_id);
$$;

create function public.crm_sync_redeliver(
    p_delivery_ids bigint[] default null, p_table text default null, p_row_id text default null, p_note text default null
)
returns table (delivery_id bigint, redelivered boolean, status text, reason text)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_redeliver(p_delivery_ids, p_table, p_row_id, p_note);
$$;

create function public.crm_sync_health()
returns table (check_name text, level text, detail text, mend text)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select * from crm_sync.dashboard_health();
$$;

comment on function public.crm_sync_deliveries(text, text, text, bigint, int) is
    'Deliveries, newest first, 50 by default and 1,000 at most; by table, row id and status; p_before: those before this id. No personal data, changes nothing. For administrators (crm_sync.settings.administrator_claim) and the server''s key. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS024 no such status.';
comment on function public.crm_sync_row_status(text, text) is
    'A row in a few words: ''delivered 14:02'', ''waiting: monelec down since 13:50'', ''needs correction: quantity''. Changes nothing. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table.';
comment on function public.crm_sync_redeliver(bigint[], text, text, text) is
    'Sends deliveries again, by their ids or the newest of each route of a row; says of each its new status, or why it was refused. Leaves a line in crm_sync.operations. Safe to repeat: what is pending stays so. For administrators. Errors: 42501 not an administrator, CS023 nothing is captured from the table, CS025 neither ids nor a row.';
comment on function public.crm_sync_health() is 'crm_sync.health(), for a status page. Changes nothing. For administrators. Error: 42501 not an administrator.';

revoke all on function public.crm_sync_deliveries(text, text, text, bigint, int), public.crm_sync_row_status(text, text),
    public.crm_sync_redeliver(bigint[], text, text, text), public.crm_sync_health() from public;

-- sql/crm_sync/12_dashboard/rights.sql

-- Who may use the dashboard's functions: a signed-in administrator by their token's claim, and the server's own key.

create function crm_sync._is_administrator()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings crm_sync.settings;
    v_claim    jsonb;
begin
    -- The caller's role, whoever's rights this runs with: the data API sets it for each call.
    if current_setting('role') = 'service_role' then
        return true;
    end if;
    select * into strict v_settings from crm_sync.settings;
    v_claim := nullif(current_setting('request.jwt.claims', true), '')::jsonb #> v_settings.administrator_claim;
    return current_setting('role') = 'authenticated' and coalesce(case jsonb_typeof(v_claim)
        when 'string' then v_claim #>> '{}' = any (v_settings.administrator_roles)
        when 'array' then v_claim ?| v_settings.administrator_roles
    end, false);
end;
$$;

create function crm_sync._require_administrator()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not crm_sync._is_administrator() then
        raise exception 'only an administrator may do this'
            using errcode = '42501',
                  hint = format('The signed-in person''s token must say so at %s (crm_sync.settings.administrator_claim, administrator_roles).',
                                (select array_to_string(settings.administrator_claim, '.') from crm_sync.settings));
    end if;
end;
$$;

create function crm_sync._attached_table(p_table text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text;
begin
    select attached.table_name into v_table_name
    from (
        select attachments.table_name from crm_sync.attachments
        union
        select related.table_name from crm_sync.related_attachments as related
    ) as attached
    where attached.table_name in (p_table, 'public.' || p_table, 'public.' || quote_ident(p_table))
    order by attached.table_name = p_table desc
    limit 1;
    if v_table_name is null then
        raise exception 'nothing is captured from "%"', p_table
            using errcode = 'CS023',
                  hint = format('attached tables: %s', (
                      select string_agg(distinct attachments.table_name, ', ') from crm_sync.attachments));
    end if;
    return v_table_name;
end;
$$;

comment on function crm_sync._is_administrator() is
    'Whether the caller''s token names an administrator (settings.administrator_claim), or they hold the server''s key.';
comment on function crm_sync._require_administrator() is 'Raises 42501 unless the caller is an administrator.';
comment on function crm_sync._attached_table(text) is 'The full name of an attached table, given with or without public. Raises CS023 unless there is one.';

revoke all on function crm_sync._is_administrator(), crm_sync._require_administrator(), crm_sync._attached_table(text) from public;

-- Administrators call these and nothing else in crm_sync. A Postgres without Supabase's data API has none of the three roles.
do $$
declare
    v_public constant text := 'public.crm_sync_deliveries(text, text, text, bigint, int), public.crm_sync_row_status(text, text), '
        'public.crm_sync_redeliver(bigint[], text, text, text), public.crm_sync_health()';
    v_behind constant text := 'crm_sync.dashboard_deliveries(text, text, text, bigint, int), crm_sync.dashboard_row_status(text, text), '
        'crm_sync.dashboard_redeliver(bigint[], text, text, text), crm_sync.dashboard_health()';
    v_role   text;
begin
    foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
        continue when to_regrole(v_role) is null;
        -- The platform gives each new function of public to all three.
        execute format('revoke all on function %s from %I', v_public, v_role);
        continue when v_role = 'anon';
        execute format('grant usage on schema crm_sync to %I', v_role);
        execute format('grant execute on function %s, %s to %I', v_public, v_behind, v_role);
    end loop;
end
$$;
