begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
-- The headers of an answer that the function signed: the id is part of what is signed.
create function pg_temp.signed(p_id text, p_content text, p_secret text default 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=') returns jsonb language sql as $$
    select jsonb_build_object('webhook-id', p_id, 'webhook-timestamp', '1760000000',
                              'webhook-signature', crm_sync._signatures(p_id, '1760000000', p_content, array[p_secret]))
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
-- Truly signed, but it speaks of the other envelope's delivery, too.
insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, pg_temp.signed(envelope_id::text, content), content, now()
from crm_sync.envelopes cross join lateral (
    select jsonb_build_object('envelope_id', envelope_id, 'results', (
        select jsonb_agg(jsonb_build_object('delivery_id', delivery_id, 'outcome', 'reject')) from crm_sync.deliveries where captured_at >= now()))::text as content) as made
where dispatched_at >= now() and destination = 'monelec';
delete from net.http_request_queue using crm_sync.envelopes where request_id = id and dispatched_at >= now() and destination = 'monelec';
select crm_sync.tick();

select results_eq(
    $$select route, status from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('lead', 'dead'), ('order_confirmation', 'in_flight')$$, 'what is in flight in another one stays so');

select * from finish();
rollback;
