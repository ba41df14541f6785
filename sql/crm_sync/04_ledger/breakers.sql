-- One breaker for each destination, and one for the Edge Function itself, whose failures are no receiver's fault.
-- Opened and closed by settle, half-opened by the tick's dispatch for its probe, both under the tick's lock; dispatch at commit reads.

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
