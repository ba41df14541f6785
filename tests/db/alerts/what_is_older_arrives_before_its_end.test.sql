begin;
set local search_path = public, extensions;
select plan(2);
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
select crm_sync.alert(now());
delete from net.http_request_queue;
select crm_sync.alert(now() + '1 minute');
delete from net.http_request_queue;
select crm_sync.alert(now() + '3 minutes');
delete from net.http_request_queue;
insert into crm_sync.alert_messages (text, written_at) values ('recovered', now() + '5 minutes');
select crm_sync.alert(now() + '6 minutes');
select results_eq(
    $$select convert_from(body, 'UTF8')::jsonb -> 'notice' ->> 'alert' from net.http_request_queue
      where convert_from(body, 'UTF8')::jsonb -> 'notice' ->> 'alert' ~ '^(a trouble|recovered)' order by id$$,
    $$values ('a trouble (written 6 min ago)'), ('recovered')$$, 'both at once, and it says when it was written');
select is(pg_temp.posted(), 4, 'though its own time had not come');

select * from finish();
rollback;
