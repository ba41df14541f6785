begin;
set local search_path = public, extensions;
select plan(2);

select is(crm_sync._pack(array['a', 'b'], array[2000, 1], array[0, 0], 10, 1000, 1), array[1, null], 'alone in the one envelope that there is');
select is(crm_sync._pack(array['a', 'b'], array[1, 1], array[32, 0], 10, 1000, 2), array[1, 2], 'alone after 32 failures as after ten');

select * from finish();
rollback;
