-- Which table bears an attached name is known from now on. The migration ends with a reattach(), which notes it.
-- instead of: create table crm_sync.attachments (
alter table crm_sync.attachments add column if not exists attached_table regclass;

-- Evidence before exhaustion goes by the route: an endpoint that is out for days says nothing of what it was to take.
-- instead of: create table crm_sync.routes (
alter table crm_sync.routes add column if not exists last_delivered_at timestamptz;

-- Whoever raised max_envelope_bytes alone was told that limits are positive.
-- instead of: create table crm_sync.settings (
alter table crm_sync.settings
    drop constraint if exists limits_are_positive,
    drop constraint if exists a_delivery_may_fill_an_envelope,
    add constraint limits_are_positive check (
        max_requests_in_flight > 0
        and max_deliveries_at_once > 0
        and max_envelope_deliveries between 1 and 1000
        and max_envelope_bytes > 0
        and max_posts_per_session >= 0
    ),
    add constraint a_delivery_may_fill_an_envelope check (max_delivery_bytes >= max_envelope_bytes);

-- What our own code could not do is no secret: health() tells it, and sends its readers to it.
drop policy if exists faults_are_for_the_owner_alone on crm_sync.faults;

-- A tick looks at no more corrections than it has time for: the function takes a number and a time.
drop function if exists crm_sync._capture_related();
