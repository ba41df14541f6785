begin;
set local search_path = public, extensions;
select plan(6);

create table public.notes (id text primary key, body text);
select crm_sync.attach('public.notes', 'lead', array['body'], $$'note:' || new.id$$);
create table public.authors (id text primary key, name text);
select crm_sync.attach_related('public.authors', 'lead', 'public.notes', array['name'], $$select new.id$$);
select crm_sync.attach('public.authors', 'lead', array['name'], $$'author:' || new.id$$);
insert into notes values ('007', 'hello'), ('seven', 'hello');
insert into authors values ('ada', 'Ada');
select crm_sync.detach('notes');
alter table notes drop constraint notes_pkey, drop column id, add column id int generated always as identity primary key;
select results_eq($$select row_id from crm_sync.erase('notes', 'seven') join crm_sync.deliveries using (delivery_id)$$,
    array['seven'], 'of a table that was detached and has another key now');
select results_eq($$select row_id from crm_sync.erase('notes', '007') join crm_sync.deliveries using (delivery_id)$$,
    array['007'], 'also where the new key would spell it another way');

select crm_sync.attach('public.notes', 'lead', array['body'], $$'note:' || new.id$$);
alter table authors drop constraint authors_pkey, drop column id, add column id int generated always as identity primary key;
select crm_sync.attach_related('public.authors', 'lead', 'public.notes', array['name'], $$select new.id::text$$);
select crm_sync.attach('public.authors', 'lead', array['name'], $$'author:' || new.id$$);
select is((select count(*)::int from crm_sync.trace('authors', 'ada')), 2, 'of one on which others depend: trace()');
select results_eq($$select status from crm_sync.erase('authors', 'ada')$$, array['cancelled'], 'and erase()');

drop table notes;
select is(crm_sync._row_id('public.notes', 'seven'), 'seven', 'of one that is gone');
select is(crm_sync._row_id('public.notes', 'eight'), 'eight', 'whatever it is');

select * from finish();
rollback;
