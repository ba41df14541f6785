begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (email) select 'ada@example.test' where false;
update leads set email = 'eve@example.test' where id = '10000000-0000-4000-8000-000000000001';

select is_empty(
    $$select delivery_id from crm_sync.deliveries where captured_at >= now()$$,
    'the triggers fire for empty statements, too, and write nothing');

select * from finish();
rollback;
