begin;
set local search_path = public, extensions;
select plan(2);

select is_empty(
    $$select role, table_name, privilege
      from unnest(array['anon', 'authenticated']) as roles (role)
      cross join unnest(array['leads', 'customers', 'requests', 'payments', 'orders']) as tables (table_name)
      cross join unnest(array['select', 'insert', 'update', 'delete']) as privileges (privilege)
      where has_table_privilege(role, 'public.' || table_name, privilege)$$,
    'until the application grants it');
select is_empty(
    $$select oid::regclass from pg_class
      where oid in ('leads'::regclass, 'customers'::regclass, 'requests'::regclass, 'payments'::regclass, 'orders'::regclass) and not relrowsecurity$$,
    'and every one has row level security');

select * from finish();
rollback;
