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
    'Newest delivery it took: of several that wait, the one that waited longest comes first.';

grant select on crm_sync.destinations to crm_sync_reader, crm_sync_operator;

create policy readers_see_destinations on crm_sync.destinations
    for select to crm_sync_reader, crm_sync_operator using (true);
