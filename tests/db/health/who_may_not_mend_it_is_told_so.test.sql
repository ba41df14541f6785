begin;
set local search_path = public, extensions;
select plan(6);
select crm_sync.stop();
select crm_sync.pause('monelec', 'made');
insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
values (gen_random_uuid(), 'monelec', 1, 1, now() - interval '1 day', now() - interval '1 day');
create function pg_temp.mend(p_check text) returns text language sql as
    $$ select mend from crm_sync.health() where check_name = p_check $$;

select is(pg_temp.mend('running'), 'select crm_sync.start();', 'the owner is told what to run');
grant crm_sync_reader, crm_sync_operator to current_user;
set local role crm_sync_operator;
create temp table operators as select pg_temp.mend('running') as running, pg_temp.mend('paused') as paused, pg_temp.mend('envelopes') as envelopes;
set local role crm_sync_reader;
create temp table readers as select pg_temp.mend('paused') as paused;
reset role;
select is((select running from operators), 'select crm_sync.start(); It takes more rights than yours: start().', 'an operator, that it is not for them');
select is((select paused from operators), 'select crm_sync.resume(''monelec'');', 'what they may is theirs');
select matches((select envelopes from operators), 'order by xact_start; It takes more rights than yours: tick\(\)\.$', 'of several the one that they may not');
select is((select paused from readers), 'select crm_sync.resume(''monelec''); It takes more rights than yours: resume().', 'a reader may look alone');
select is(
    crm_sync._mend_for('update crm_sync.settings set is_running = true; select crm_sync.tick(); select * from crm_sync.settings;', 'crm_sync_operator'),
    'update crm_sync.settings set is_running = true; select crm_sync.tick(); select * from crm_sync.settings; It takes more rights than yours: settings, tick().',
    'a table that they may not change counts likewise');

select * from finish();
rollback;
