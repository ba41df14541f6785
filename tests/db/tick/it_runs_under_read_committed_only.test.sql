begin isolation level repeatable read;
set local search_path = public, extensions;
select plan(1);

select throws_ok('select crm_sync.tick()', 'CS011', 'crm_sync.tick() runs under read committed only', 'elsewhere it would not see what it waited for');

select * from finish();
rollback;
