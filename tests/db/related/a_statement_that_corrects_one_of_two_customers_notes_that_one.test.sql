begin;
set local search_path = public, extensions;
select plan(1);

insert into customers (id, email) values
    ('20000000-0000-4000-8000-000000000001', 'ada@example.test'), ('20000000-0000-4000-8000-000000000002', 'bob@before.test');
update customers set email = replace(email, 'before', 'example');
select results_eq(
    $$select row_id from crm_sync.related_changes$$,
    array['20000000-0000-4000-8000-000000000002'], 'the other one is as it was');

select * from finish();
rollback;
