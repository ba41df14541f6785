begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text);
select crm_sync.attach('visits', 'order_confirmation', array['label'], $$'visit:' || new.id$$,
                       p_transition => $$old.label = 'planned' and new.label = 'done'$$);
insert into visits values (1, 'done'), (2, 'planned');
select is_empty($$select delivery_id from crm_sync.deliveries where captured_at >= now()$$, 'a row inserted as done was never planned');
update visits set label = 'done';
select is((select array_agg(row_id) from crm_sync.deliveries where captured_at >= now()), array['2'], 'that one was');

select * from finish();
rollback;
