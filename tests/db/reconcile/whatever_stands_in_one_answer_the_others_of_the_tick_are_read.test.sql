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

insert into leads (id, email) select ('10000000-0000-4000-8000-0000000000' || n)::uuid, 'ada@example.test' from generate_series(10, 29) as n;
update crm_sync.settings set max_envelope_deliveries = 1;
select crm_sync.tick();
create temp table sent as
select row_number() over (order by delivery_id)::int as n, delivery_id, envelope_id, request_id
from crm_sync.deliveries join crm_sync.envelopes using (envelope_id) where captured_at >= now();
create temp table results (n int, result text);
insert into results values
    (1, '[]'), (2, '{}'), (3, 'null'), (4, '[null]'), (5, '[[]]'), (6, '"delivered"'), (7, '[{"delivery_id": "x", "outcome": "delivered"}]'),
    (8, '[{"delivery_id": null, "outcome": "delivered"}]'), (9, '[{"delivery_id": %s, "outcome": null}]'),
    (10, '[{"delivery_id": %s, "outcome": {"delivered": true}}]'), (11, '[{"delivery_id": %s, "outcome": "delivered", "status": "ok"}]'),
    (12, '[{"delivery_id": %s, "outcome": "retry", "retry_after": 99999999999999}]'), (13, '[{"delivery_id": %s, "outcome": "delivered", "error": "\u0000"}]'),
    (14, '[{"delivery_id": 1e400, "outcome": "delivered"}]'), (15, repeat('[', 5000) || repeat(']', 5000)),
    (16, repeat('[', 100000) || repeat(']', 100000)), (17, repeat('{"a":', 40000)), (18, '[{"delivery_id": %s, "outcome": "DELIVERED"}]'),
    (19, '[{"delivery_id": %s.5, "outcome": "delivered"}]'), (20, '[{"delivery_id": %s, "outcome": "delivered", "status": 201}]');
insert into net._http_response (id, status_code, headers, content, created)
select request_id, 200, pg_temp.signed(envelope_id::text, content), content, now()
from sent join results using (n)
cross join lateral (
    select '{"envelope_id": "' || envelope_id || '", "results": ' || replace(result, '%s', delivery_id::text) || '}' as content) as made;
delete from net.http_request_queue using sent where id = request_id;
update crm_sync.settings set is_running = false;
select results_eq($$select affected from crm_sync.tick() where step = 'reconcile'$$, array[20], 'the step does not fail');

select results_eq(
    $$select status, attempt_count, last_error_code, array_agg(n order by n) from crm_sync.deliveries join sent using (delivery_id) group by 1, 2, 3 order by 1$$,
    $$values ('delivered', 1, null, array[20]), ('pending', 0, 'no_usable_answer', array(select generate_series(1, 19)))$$, 'the one that is well is read');
select results_eq(
    $$select envelopes.status, count(*)::int from crm_sync.envelopes join sent using (envelope_id) group by 1 order by 1$$,
    $$values ('answered', 1), ('failed', 19)$$, 'of the others not a word is believed');

select * from finish();
rollback;
