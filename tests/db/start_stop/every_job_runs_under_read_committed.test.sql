begin;
set local search_path = public, extensions;
select plan(2);

select is(
    (select count(*)::int from crm_sync._wanted_jobs() as wanted
     where wanted.command ~ '^do \$(\w+)\$ begin commit; set transaction isolation level read committed; .*crm_sync\..* end \$\1\$$'),
    5, 'each of the five, whatever the default of the database or the role');
select is_empty(
    $$select wanted.job from crm_sync._wanted_jobs() as wanted where wanted.command ~ 'crm_sync\..*commit;'$$,
    'to the end');

select * from finish();
rollback;
