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
        and max_posts_per_session >= 0
    ),
    constraint a_delivery_may_fill_an_envelope check (max_delivery_bytes >= max_envelope_bytes),
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
    'Bytes of one request body. pg_net 0.20.4 never finishes a body above 65,536 bytes (mended in 0.20.5): raise this only on a newer pg_net, and max_delivery_bytes with it.';
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
