begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select is(
    (select columns from crm_sync.attach('visits', 'lead', array['label', 'id'], $$'visit:' || new.id$$)),
    array['label', 'id'], 'among the watched columns');

select * from finish();
rollback;
