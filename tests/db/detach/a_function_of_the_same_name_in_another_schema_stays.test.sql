begin;
set local search_path = public, extensions;
select plan(1);

create function public._capture__leads() returns int language sql as 'select 1';
select crm_sync.detach('public.leads');
select has_function('public', '_capture__leads', 'it is not ours');

select * from finish();
rollback;
