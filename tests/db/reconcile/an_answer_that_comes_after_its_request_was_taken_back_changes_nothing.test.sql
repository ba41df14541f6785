begin;
set local search_path = public, extensions;
select plan(3);
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
set constraints all immediate;
create temp table first_sent as
select delivery_id, envelope_id, request_id, format('{"envelope_id": "%s", "results": [{"delivery_id": %s, "outcome": "reject"}]}', envelope_id, delivery_id) as content
from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now();
select crm_sync.tick('2040-01-01 00:00:00+00');
select results_eq(
    $$select envelopes.status, count(*)::int from crm_sync.envelopes where dispatched_at >= now() group by 1 order by 1$$,
    $$values ('in_flight', 1), ('taken_back', 1)$$, 'its lease had ended: sent anew in the same tick');

insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, pg_temp.signed(envelope_id::text, content), content, now() from first_sent;
select crm_sync.tick('2040-01-01 00:00:01+00');
select results_eq(
    $$select status, attempt_count, last_outcome from crm_sync.deliveries where captured_at >= now()$$, $$values ('in_flight', 0, 'not_attempted')$$, 'the late one is of an envelope that is closed');

insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, pg_temp.signed(envelope_id::text, made.content), made.content, now()
from crm_sync.envelopes cross join lateral (
    select format('{"envelope_id": "%s", "results": [{"delivery_id": %s, "outcome": "delivered"}]}', envelopes.envelope_id, delivery_id) as content from first_sent) as made
where envelopes.status = 'in_flight' and dispatched_at >= now();
delete from net.http_request_queue using crm_sync.envelopes where request_id = id and envelopes.status = 'in_flight';
select crm_sync.tick('2040-01-01 00:00:02+00');
select is((select status from crm_sync.deliveries where captured_at >= now()), 'delivered', 'that of the open one counts');

select * from finish();
rollback;
