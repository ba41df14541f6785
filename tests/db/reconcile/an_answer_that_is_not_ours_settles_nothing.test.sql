begin;
set local search_path = public, extensions;
select plan(13);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create function pg_temp.signed(p_id text, p_content text, p_secret text) returns jsonb language sql as $$
    select jsonb_build_object('webhook-id', p_id, 'webhook-timestamp', '1760000000',
                              'webhook-signature', crm_sync._signatures(p_id, '1760000000', p_content, array[p_secret]))
$$;
insert into leads (id, email) select ('10000000-0000-4000-8000-0000000000' || n)::uuid, 'ada@example.test' from generate_series(10, 21) as n;
update crm_sync.settings set max_envelope_deliveries = 1;
update crm_sync.routes set last_delivered_at = null;
select crm_sync.tick();

create temp table sent as
select row_number() over (order by delivery_id)::int as n, delivery_id, envelope_id, request_id,
       format('{"envelope_id": "%s", "results": [{"delivery_id": %s, "outcome": "delivered", "status": 200}]}', envelope_id, delivery_id) as content
from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now();
create temp table answers (n int, case_name text, status_code int, headers jsonb, content text);
insert into answers
select cases.n, case_name, status_code, cases.headers, cases.content
from sent
join lateral (values
    (1,  'not signed',                        200, '{}'::jsonb, sent.content),
    (2,  'signed with another secret',        200, pg_temp.signed(envelope_id::text, sent.content, 'whsec_b3RoZXI='), sent.content),
    (3,  'signed for another body',           200, pg_temp.signed(envelope_id::text, '{}', 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='), sent.content),
    (4,  'of another envelope',               200, pg_temp.signed((select other.envelope_id::text from sent as other where other.n = 5),
                                                                   (select other.content from sent as other where other.n = 5), 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='),
                                                   (select other.content from sent as other where other.n = 5)),
    (5,  'ours outside, of another within',   200, pg_temp.signed(envelope_id::text, (select other.content from sent as other where other.n = 4), 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='),
                                                   (select other.content from sent as other where other.n = 4)),
    (6,  'no JSON',                           200, pg_temp.signed(envelope_id::text, '<html>', 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='), '<html>'),
    (7,  'JSON with a zero character',        200, pg_temp.signed(envelope_id::text, '{"a": "\u0000"}', 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='), '{"a": "\u0000"}'),
    (8,  'JSON too deep',                     200, pg_temp.signed(envelope_id::text, repeat('[', 200000), 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='), repeat('[', 200000)),
    (9,  'without results',                   200, pg_temp.signed(envelope_id::text, format('{"envelope_id": "%s"}', envelope_id), 'whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='), format('{"envelope_id": "%s"}', envelope_id)),
    (10, 'the gateway''s 401',                401, '{"content-type": "application/json"}', '{"msg": "Invalid JWT"}'),
    (11, 'the runtime''s 546',                546, '{}', 'WORKER_LIMIT'),
    (12, 'none in time',                      null, null, null)
) as cases (n, case_name, status_code, headers, content) on cases.n = sent.n;
delete from net.http_request_queue using sent where id = request_id;
insert into net._http_response (id, status_code, headers, content, timed_out, created)
select request_id, status_code, headers, answers.content, status_code is null, now() from answers join sent using (n);
select crm_sync._reconcile('2040-01-01 00:00:00+00');

select is(
    jsonb_build_array(deliveries.status, attempt_count, envelope_failure_count, last_outcome, last_error_code, last_error, envelopes.status, envelopes.http_status,
                      next_attempt_at = '2040-01-01 00:00:20+00'),
    jsonb_build_array('pending', 0, 1, 'unknown', 'no_usable_answer',
                      coalesce('HTTP ' || status_code || ', not signed by the function', 'no answer from the function'), 'failed', status_code, true),
    case_name)
from answers join sent using (n)
join crm_sync.deliveries using (delivery_id) join crm_sync.envelopes on envelopes.envelope_id = sent.envelope_id
order by n;
select is((select max(last_delivered_at) from crm_sync.routes where destination = 'monelec'), null, 'nor is it evidence of anything');

select * from finish();
rollback;
