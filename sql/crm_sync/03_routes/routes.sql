-- What is sent where. Which rows fire a route is decided by attach(); what the payload looks like, by the function's mapper.

create table crm_sync.routes (
    route        text  primary key,
    kind         text  not null,
    destination  text  not null references crm_sync.destinations (destination),
    position     int   not null unique,
    constraint kind_is_state_or_event check (kind in ('state', 'event'))
);

create index routes_of_destination_idx on crm_sync.routes (destination);

insert into crm_sync.routes (position, route, kind, destination) values
    (1, 'lead',               'state', 'monelec'),
    (2, 'request',            'state', 'monelec'),
    (3, 'payment_session',    'event', 'monelec'),
    (4, 'payment_intent',     'event', 'monelec'),
    (5, 'payment_status',     'state', 'monelec'),
    (6, 'order_confirmation', 'event', 'elementor');

alter table crm_sync.routes enable row level security;

comment on table crm_sync.routes is 'What is sent for which change, to which destination. A route of the function''s registry has a row here.';
comment on column crm_sync.routes.kind is
    'state: the record is read when the delivery is first dispatched, the newest wins. event: it happened once and is sent as captured.';
comment on column crm_sync.routes.position is 'One statement that fires several routes for a row captures them in this order.';

grant select on crm_sync.routes to crm_sync_reader, crm_sync_operator;

create policy readers_see_routes on crm_sync.routes
    for select to crm_sync_reader, crm_sync_operator using (true);
