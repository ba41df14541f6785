begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text, note text);
select crm_sync.attach('public.visits', 'lead', array['label', 'note'], $$'visit:' || new.id$$);
alter table visits drop column note;

select lives_ok($$insert into visits values (1, 'a')$$, 'the insert goes through');
select is((select label from visits), 'a', 'with its effect');

select * from finish();
rollback;
