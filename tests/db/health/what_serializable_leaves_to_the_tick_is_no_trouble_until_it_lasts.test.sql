begin isolation level serializable;
set local search_path = public, extensions;
select plan(3);

insert into orders (order_number, status) values ('CMD-000001', 'confirmed');
update crm_sync.capture_failures set failed_at = now();
create function pg_temp.finding(p_after interval) returns text language sql as
    $$ select level || ': ' || detail from crm_sync.health(now() + p_after) where check_name = 'capture_failures' $$;
select is(pg_temp.finding('5 minutes'), 'ok: none', 'the next tick takes it');
select is(
    pg_temp.finding('5 minutes 1 second'),
    'error: 1 statements wait to be captured, the oldest for 5 min: public.orders (SQLSTATE CS064): written under serializable: the next tick captures it',
    'none did, for settings.backlog_age_limit');
update crm_sync.capture_failures set sql_state = '42703', detail = 'column is gone';
select is(
    pg_temp.finding('1 second'), 'error: 1 statements wait to be captured, the oldest for 1 s: public.orders (SQLSTATE 42703): column is gone',
    'the tick could not');

select * from finish();
rollback;
