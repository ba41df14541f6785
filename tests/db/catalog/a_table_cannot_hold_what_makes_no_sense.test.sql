begin;
set local search_path = public, extensions;
select plan(8);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select throws_ok(
    'update crm_sync.deliveries set ' || assignment || ' where captured_at >= now()', '23514',
    format('new row for relation "deliveries" violates check constraint "%s"', constraint_name), constraint_name)
from (values
    ($$status = 'gone', finished_at = now()$$, 'status_is_known'),
    ($$status = 'in_flight', claimed_at = now()$$, 'in_flight_exactly_while_in_an_envelope'),
    ($$envelope_id = gen_random_uuid()$$, 'in_flight_exactly_while_in_an_envelope'),
    ($$status = 'delivered'$$, 'finished_exactly_when_final'),
    ($$finished_at = now()$$, 'finished_exactly_when_final'),
    ($$status = 'superseded', finished_at = now()$$, 'superseded_exactly_when_by_another'),
    ($$superseded_by = 1$$, 'superseded_exactly_when_by_another')
) as cases (assignment, constraint_name);

select throws_ok(
    'update crm_sync.settings set max_envelope_bytes = 100000', '23514',
    'new row for relation "settings" violates check constraint "a_delivery_may_fill_an_envelope"', 'which setting has to go along');

select * from finish();
rollback;
