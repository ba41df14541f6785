begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

create table public.visits (id int primary key, label text, is_test boolean);
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$, p_condition => 'not new.is_test');
alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
insert into visits values (1, 'a', false), (2, 'b', true);
alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
select crm_sync.tick();

select is(
    (select array_agg(ordering_key) from crm_sync.deliveries where captured_at >= now()), array['visit:1'],
    'what was missed is judged as the trigger would have');

select * from finish();
rollback;
