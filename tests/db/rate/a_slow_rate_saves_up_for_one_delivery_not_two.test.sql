begin;
set local search_path = public, extensions;
select plan(2);

update crm_sync.destinations set rate_per_second = 0.1, rate_tokens = 0, rate_at = '2040-01-01 00:00:00+00' where destination = 'monelec';
select is(
    (select crm_sync._rate_allows(destinations, '2040-01-01 01:00:00+00') from crm_sync.destinations where destination = 'monelec'),
    1, 'after an hour');
select crm_sync._spend_rate('monelec', 1, '2040-01-01 01:00:00+00');
select is((select rate_tokens from crm_sync.destinations where destination = 'monelec'), 0::numeric, 'which is then spent');

select * from finish();
rollback;
