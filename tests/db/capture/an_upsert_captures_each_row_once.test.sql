begin;
set local search_path = public, extensions;
select plan(1);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email)
values ('10000000-0000-4000-8000-000000000001', 'ada@corrected.test'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test')
on conflict (id) do update set email = excluded.email;

select results_eq(
    $$select row_id, operation from crm_sync.deliveries where captured_at >= now() order by row_id, delivery_id$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'INSERT'), ('10000000-0000-4000-8000-000000000001', 'UPDATE'),
             ('10000000-0000-4000-8000-000000000002', 'INSERT')$$,
    'the row that was there as an update, the other as an insert');

select * from finish();
rollback;
