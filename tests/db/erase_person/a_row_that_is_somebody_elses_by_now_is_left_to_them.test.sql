begin;
set local search_path = public, extensions;
select plan(3);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
update crm_sync.deliveries set status = 'delivered', finished_at = now(), claimed_at = now(), record = '{"email": "ada@example.test"}';
update leads set email = 'bob@example.test';
select results_eq(
    $$select kind, data ->> 'email' from crm_sync.export_person('ada@example.test')$$,
    $$values ('delivery', 'ada@example.test')$$, 'what told of them, and not the row as it is now');
select crm_sync.erase_person('ada@example.test', p_count_only => false);
select results_eq(
    'select status, record from crm_sync.deliveries order by delivery_id',
    $$values ('delivered', null::jsonb), ('pending', null)$$, 'the other one''s change still leaves');
select results_eq(
    $$select kind, status from crm_sync.export_person('bob@example.test') order by kind, delivery_id$$,
    $$values ('delivery', 'delivered'), ('delivery', 'pending'), ('row', null)$$, 'who is found by their own row');

select * from finish();
rollback;
