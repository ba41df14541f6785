-- Our requests beside what pg_net knows of them. Through a function: a view on net.* would stand in the way of pg_net's
-- updates. Definer: readers have no rights on the envelopes. No content of an answer: it may be a stranger's.

create function crm_sync._http_log()
returns table (
    envelope_id uuid, request_id bigint, destination text, delivery_count int, is_probe boolean, dispatched_at timestamptz,
    status text, settled_at timestamptz, is_queued boolean, answered_at timestamptz, http_status int, timed_out boolean,
    error text, error_code text, is_signed_as_ours boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
#variable_conflict use_column
begin
    -- pg_net keeps answers for 6 hours; an answer's time is the start of its batch. Ids begin anew after a crash.
    return query
    select envelopes.envelope_id, envelopes.request_id, envelopes.destination, envelopes.delivery_count, envelopes.is_probe,
           envelopes.dispatched_at, envelopes.status, envelopes.settled_at,
           exists (
               select from net.http_request_queue as queue
               where queue.id = envelopes.request_id and queue.headers ->> 'webhook-id' = envelopes.envelope_id::text),
           answers.created, coalesce(envelopes.http_status, answers.status_code), answers.timed_out, answers.error_msg,
           -- One word, as the platform and our function write them.
           substring(left(answers.content, 1000) from '"(?:error|code)"\s*:\s*"([A-Za-z_]{1,60})"'),
           exists (
               select from jsonb_each_text(answers.headers) as headers
               where lower(headers.key) = 'webhook-id' and headers.value = envelopes.envelope_id::text)
    from crm_sync.envelopes
    left join net._http_response as answers
      on answers.id = envelopes.request_id
     and answers.created between envelopes.dispatched_at - interval '10 minutes' and envelopes.dispatched_at + interval '1 hour'
    where envelopes.status = 'in_flight'
       or (envelopes.settled_at > now() - interval '7 hours' and envelopes.dispatched_at > now() - interval '7 hours');
end;
$$;

create view crm_sync.http_log
with (security_invoker = on)
as
select * from crm_sync._http_log();

comment on function crm_sync._http_log() is
    'What the view http_log shows. Error: 55P03 while pg_net is being changed (50 ms). Roles: crm_sync_reader, crm_sync_operator.';
comment on view crm_sync.http_log is
    'Each request of the last 7 hours beside pg_net''s queue and answers: select * from crm_sync.http_log order by dispatched_at desc limit 20. is_signed_as_ours: the answer names our envelope. No personal data. Roles: crm_sync_reader, crm_sync_operator.';

revoke all on function crm_sync._http_log() from public;
grant execute on function crm_sync._http_log() to crm_sync_reader, crm_sync_operator;
grant select on crm_sync.http_log to crm_sync_reader, crm_sync_operator;
