-- What is sent where. Which rows fire a route is decided by attach(); what the payload looks like, by the function's mapper.

create table crm_sync.routes (
    route        text  primary key,
    kind         text  not null,
    destination  text  not null references crm_sync.destinations (destination),
    position     int   not null unique,
    test_record  jsonb,
    last_delivered_at  timestamptz,
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
comment on column crm_sync.routes.last_delivered_at is
    'Newest delivery of it that was taken: the evidence without which exhausted attempts do not make a delivery dead.';
comment on function crm_sync.define_route(text, text, text, jsonb) is
    'Makes a route known: its kind, state (the newest counts) or event (each counts), its destination, which it makes if need be, and what test_delivery() sends, or null. Safe to repeat; a test record is replaced. Role: owner. Errors: CS034 the route is there with another kind or destination, 23514 no such kind.';

revoke all on function crm_sync.define_route(text, text, text, jsonb) from public;
grant select on crm_sync.routes to crm_sync_reader, crm_sync_operator;

create policy readers_see_routes on crm_sync.routes
    for select to crm_sync_reader, crm_sync_operator using (true);
