begin;
set local search_path = public, extensions;
select plan(3);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
create function pg_temp.posted() returns int language sql as $$
    select post_count from crm_sync.alert_messages where text = 'a trouble'
$$;
insert into crm_sync.alert_messages (text, written_at) values ('a trouble', now());
do $$
begin
    for n in 0 .. 24 * 60 - 1 loop
        perform crm_sync._post_messages(now() + n * interval '1 minute');
        delete from net.http_request_queue;
    end loop;
end
$$;
select cmp_ok(pg_temp.posted(), '<=', 60, 'ever more rarely');
select cmp_ok(pg_temp.posted(), '>=', 45, 'but on and on');
select crm_sync.alert(now() + '24 hours 1 minute');
select is((select outcome from crm_sync.alert_messages where text = 'a trouble' and closed_at is not null), 'unknown', 'and then no more');

select * from finish();
rollback;
