begin;
set local search_path = public, extensions;
select plan(4);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table leads rename to contacts;
-- As 0.1.0 left a renamed table that was attached again: under both names, with the triggers of the old one.
insert into crm_sync.attachments (table_name, route, watched, columns, ordering_key)
select 'public.contacts', 'lead', '{email}', '{id,email}', $$'lead:' || new.id$$;
select crm_sync._finish_upgrade();
select is_empty('select place from crm_sync.faults', 'nothing is broken');
select results_eq(
    $$select table_name, watched, attached_at < now() from crm_sync.attachments where route = 'lead'$$,
    $$values ('public.contacts', '{email}'::text[], true)$$, 'what it was attached with last, since it was first');
insert into contacts (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select results_eq(
    $$select table_name, right(row_id, 1) from crm_sync.deliveries where captured_at >= now() order by 2$$,
    $$values ('public.contacts', '1'), ('public.contacts', '2')$$, 'it is captured by its name, and what waited is there, too');
select is(
    (select level from crm_sync.health() where check_name = 'triggers'), 'ok', 'and health() finds nothing');

select * from finish();
rollback;
