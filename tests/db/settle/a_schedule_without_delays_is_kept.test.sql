begin;
set local search_path = public, extensions;
select plan(2);

select is(crm_sync._delay('{0 seconds}', 1, 'retry', null, '1 hour'), interval '0', 'no Retry-After asks for no second');
select is(crm_sync._delay('{0 seconds}', 1, 'retry', 1, '1 hour'), interval '1 second', 'one of a second does');

select * from finish();
rollback;
