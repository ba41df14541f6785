begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text);
select is_empty($$select * from crm_sync.detach('public.visits')$$, 'a table that was never attached is none');
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
select crm_sync.detach('public.visits');
select is_empty($$select * from crm_sync.detach('public.visits')$$, 'nor one that was detached before');

select * from finish();
rollback;
