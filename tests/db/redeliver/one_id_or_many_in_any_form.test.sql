begin;
set local search_path = public, extensions;
select plan(15);

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
create temp table ids as
select min(delivery_id) as one, max(delivery_id) as other, array_agg(delivery_id order by delivery_id) as two from crm_sync.deliveries;
create function pg_temp.answered(p_call text)
returns jsonb
language plpgsql
as $$
declare
    v_answer jsonb;
begin
    update crm_sync.deliveries set status = 'dead', finished_at = now();
    -- As typed: $one and $other are numbers in the statement.
    execute format(
        'select jsonb_agg(answer.* order by answer.delivery_id) from crm_sync.%s as answer',
        replace(replace(p_call, '$one', (select one::text from ids)), '$other', (select other::text from ids)))
    into v_answer;
    return v_answer;
end;
$$;
create temp table expected as
select jsonb_build_array(jsonb_build_object('delivery_id', one, 'redelivered', true, 'reason', null)) as one,
       jsonb_build_array(jsonb_build_object('delivery_id', one, 'redelivered', true, 'reason', null),
                         jsonb_build_object('delivery_id', other, 'redelivered', true, 'reason', null)) as two,
       jsonb_build_array(jsonb_build_object('delivery_id', one, 'cancelled', true, 'reason', null)) as cancelled,
       jsonb_build_array(jsonb_build_object('delivery_id', one, 'cancelled', true, 'reason', null),
                         jsonb_build_object('delivery_id', other, 'cancelled', true, 'reason', null)) as cancelled_two
from ids;

select is(pg_temp.answered('redeliver($one)'), one, 'redeliver: one number') from expected;
select is(pg_temp.answered($$redeliver('$one')$$), one, 'in quotes') from expected;
select is(pg_temp.answered($$redeliver($one, true, 'why')$$), one, 'with what else it takes') from expected;
select is(pg_temp.answered($$redeliver('{$one,$other}')$$), two, 'several as an array''s text') from expected;
select is(pg_temp.answered('redeliver(array[$one, $other])'), two, 'as an array') from expected;
select is(pg_temp.answered('redeliver(array[$one, $other]::bigint[], p_note => $$why$$)'), two, 'of the ledger''s own type') from expected;
select is(pg_temp.answered($$redeliver(p_delivery_ids => '{$one,$other}')$$), two, 'by name') from expected;
select is(pg_temp.answered('redeliver(array(select delivery_id from crm_sync.dead_letters))'), two, 'from a view') from expected;
select results_eq(
    $$select arguments -> 'delivery_ids', note from crm_sync.operations where action = 'redeliver' order by operation_id limit 3$$,
    $$select to_jsonb(array[one]), notes.note from ids cross join (values (1, null), (2, null), (3, 'why')) as notes (place, note) order by place$$,
    'each leaves the same line');
select throws_ok(
    $$select crm_sync.redeliver('abc')$$, 'CS057', '"abc" names no deliveries', 'what is none is refused');

select is(pg_temp.answered('cancel($one)'), cancelled, 'cancel: one number') from expected;
select is(pg_temp.answered($$cancel('$one', 'why')$$), cancelled, 'in quotes') from expected;
select is(pg_temp.answered($$cancel('{$one,$other}', 'why')$$), cancelled_two, 'several as an array''s text') from expected;
select is(pg_temp.answered('cancel(array[$one, $other])'), cancelled_two, 'as an array') from expected;
select is(pg_temp.answered($$cancel(p_delivery_ids => '{$one,$other}')$$), cancelled_two, 'by name') from expected;

select * from finish();
rollback;
