-- A clock that the test sets, in place of the database's own: whatever is called now() or clock_timestamp() from here on
-- tells this time, in the engine as in the application. As the superuser, in a database of the test, before anything else
-- is installed; column defaults are bound to the clock that there was when they were made.

create schema simulation;

create table simulation.clock (at timestamptz not null);
insert into simulation.clock values ('2026-01-05T08:00:00Z');

grant usage on schema simulation to public;
grant select on simulation.clock to public;

alter function pg_catalog.clock_timestamp() rename to true_clock_timestamp;
alter function pg_catalog.now() rename to true_now;

create function pg_catalog.clock_timestamp()
returns timestamptz
language plpgsql
volatile
as $$
begin
    return (select clock.at from simulation.clock);
end;
$$;

create function pg_catalog.now()
returns timestamptz
language plpgsql
stable
as $$
begin
    return (select clock.at from simulation.clock);
end;
$$;

alter table net._http_response alter column created set default now();
