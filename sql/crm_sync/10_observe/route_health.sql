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

create view crm_sync.route_health
with (security_invoker = on)
as
select * from crm_sync._route_health();

comment on function crm_sync._route_health(timestamptz) is 'What the view route_health shows. Roles: crm_sync_reader, crm_sync_operator.';
comment on view crm_sync.route_health is
    'Each route: its tables and destination, whether anything can leave (open, stopped, a copy, paused, function down, misconfigured, down), what waits, died and arrived, and whether it is silent for many times its usual gap. Reads the whole ledger once. No personal data. Roles: crm_sync_reader, crm_sync_operator.';

revoke all on function crm_sync._route_health(timestamptz) from public;
grant execute on function crm_sync._route_health(timestamptz) to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.route_health to crm_sync_reader, crm_sync_operator;
