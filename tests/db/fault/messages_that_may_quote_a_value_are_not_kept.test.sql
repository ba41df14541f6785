begin;
set local search_path = public, extensions;
select plan(8);

select is(crm_sync._harmless_message(sql_state, 'Key (email)=(ada@example.test) already exists.'), null, sql_state)
from unnest(array['23505', '22P02', '23514', 'P0001', 'XX000', '57014']) as sql_state;
select is(crm_sync._harmless_message('42703', 'column new.label does not exist'), 'column new.label does not exist', 'names are kept');
select is(crm_sync._harmless_message('CS010', repeat('x', 600)), repeat('x', 500), 'so are our own words, 500 characters of them');

select * from finish();
rollback;
