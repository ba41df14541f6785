begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int, day date, label text, primary key (day, id));

select results_eq(
    $$select table_name, route, watched, columns, ordering_key, condition, transition, joined
      from crm_sync.attach('visits', 'lead', array['label'], $k$'visit:' || new.id$k$)$$,
    $$values ('public.visits', 'lead', array['label'], array['day', 'id', 'label'], $k$'visit:' || new.id$k$,
              'true', 'true', null::text)$$,
    'the record holds the primary key and what is watched');

select * from finish();
rollback;
