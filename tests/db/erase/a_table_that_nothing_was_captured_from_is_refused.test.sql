begin;
set local search_path = public, extensions;
select plan(4);

create table public.strangers (id int primary key, email text, updated_at timestamptz);
select throws_ok($$select crm_sync.erase('strangers', '1')$$, 'CS023', 'nothing is captured from public.strangers', 'erase()');
select throws_ok($$select crm_sync.find_missing('strangers')$$, 'CS023', 'nothing is captured from public.strangers', 'find_missing()');

select crm_sync.attach('public.strangers', 'lead', array['email'], $$'stranger:' || new.id$$);
alter table crm_sync.deliveries add constraint broken check (table_name <> 'public.strangers');
insert into strangers values (1, 'ada@example.test');
select crm_sync.detach('strangers');
select lives_ok($$select crm_sync.erase('strangers', '1')$$, 'of one that was detached since what capture could not write is erased');
select is_empty($$select from crm_sync.capture_failures where table_name = 'public.strangers'$$, 'and nothing is left');

select * from finish();
rollback;
