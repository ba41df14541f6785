begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text, note text);
insert into visits values (1, 'a', 'x');
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
select crm_sync.attach('public.visits', 'lead', array['note'], $$'call:' || new.id$$, p_condition => $$new.label = 'a'$$);
update visits set label = 'b';
update visits set note = 'y';
update visits set label = 'a', note = 'z';

select results_eq(
    $$select operation, ordering_key from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('UPDATE', 'call:1')$$, 'the newest call''s columns, key and condition');

select * from finish();
rollback;
