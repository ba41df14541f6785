begin;
set local search_path = public, extensions;
select plan(1);

select results_eq(
    $$select (crm_sync._read_result('11111111-1111-4111-8111-111111111111', jsonb_build_object('retry_after', given))).retry_after
      from unnest(array[-5, 0, 1, 7]) as given$$,
    array[0, 0, 1, 7], 'in seconds');

select * from finish();
rollback;
