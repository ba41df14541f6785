/**
 * Mutants that no operator makes: each takes away one of the rules on which the promises stand, where that takes more than
 * one edit. `from` stands exactly once in the function.
 */
export interface Designed {
  name: string;
  edits: { name: string; from: string; to: string }[];
}

export const DESIGNED: Designed[] = [
  {
    name: "the key lock is not taken",
    edits: [
      {
        name: "_lock_keys",
        from: "pg_try_advisory_xact_lock(1129467219, hashtext(p_destination || ' ' || v_key) & 1023)",
        to: "true",
      },
    ],
  },
  {
    name: "no fresh snapshot after the key lock: claimed in the statement that takes it",
    edits: [
      {
        name: "_dispatch_keys",
        from: "v_keys := crm_sync._lock_keys(p_destination, p_keys);",
        to: "v_keys := p_keys;",
      },
      {
        name: "_claimable",
        from: "select * from crm_sync._queue_of_keys(p_destination, p_keys)",
        to: "select * from crm_sync._queue_of_keys(p_destination, crm_sync._lock_keys(p_destination, p_keys))",
      },
      { name: "_claimable", from: "if cardinality(p_keys) = 1 then", to: "if false then" },
      // A function that is not volatile sees with its caller's snapshot.
      { name: "_queue_of_keys", from: "language plpgsql\n", to: "language plpgsql\nstable\n" },
    ],
  },
  {
    name: "the record of a state is built at capture",
    edits: [
      { name: "_fired_sql", from: "if v_route.kind = 'event' then", to: "if true then" },
      { name: "_fired_sql", from: "if v_route.kind = 'event' and", to: "if" },
      {
        name: "_record_function_sql",
        from: "if (select kind from crm_sync.routes where routes.route = p_attachment.route) = 'state' then",
        to: "if false then",
      },
    ],
  },
  {
    name: "the record is not frozen: built anew at each claim",
    edits: [
      {
        name: "_build_records",
        from: "if v_group.is_frozen then",
        to: "if false then",
      },
    ],
  },
  {
    name: "dispatch at commit under any isolation level",
    edits: [
      {
        name: "_dispatch_at_commit",
        from: " or current_setting('transaction_isolation') <> 'read committed'",
        to: "",
      },
    ],
  },
  {
    name: "queue and answers read in two statements",
    edits: [{ name: "_requests_in_flight", ...inTwoStatements() }],
  },
  {
    name: "queue and answers read in two statements, and no second look before lost",
    edits: [
      { name: "_requests_in_flight", ...inTwoStatements() },
      {
        name: "_take_missing",
        from: "where envelopes.envelope_id = any (p_envelope_ids)\n    loop",
        to: "where false\n    loop",
      },
    ],
  },
  {
    name: "the envelope id of an answer is not checked",
    edits: [
      {
        name: "_verified",
        from: "if v_headers ->> 'webhook-id' is distinct from p_id::text\n        or not",
        to: "if not",
      },
      {
        name: "_verified",
        from: "p_id::text, v_headers ->> 'webhook-timestamp'",
        to: "v_headers ->> 'webhook-id', v_headers ->> 'webhook-timestamp'",
      },
      {
        name: "_verified",
        from: "return case when v_answer ->> 'envelope_id' = p_id::text then v_answer end;",
        to: "return v_answer;",
      },
    ],
  },
  {
    name: "the signature of an answer is not checked",
    edits: [
      {
        name: "_is_signed_by_us",
        from: "return coalesce(",
        to: "return true; return coalesce(",
      },
    ],
  },
  {
    name: "a new idempotency key for each attempt",
    edits: [
      {
        name: "_envelope_body",
        from: "'idempotency_key', deliveries.idempotency_key,",
        to: "'idempotency_key', gen_random_uuid(),",
      },
    ],
  },
  {
    name: "signed with the time at which the transaction began",
    edits: [
      {
        name: "_signed_headers",
        from: "floor(extract(epoch from clock_timestamp()))",
        to: "floor(extract(epoch from now()))",
      },
    ],
  },
  {
    name: "the lease of an envelope begins with the transaction",
    edits: [
      {
        name: "_envelope_body",
        from: "select clock_timestamp() + settings.lease",
        to: "select now() + settings.lease",
      },
    ],
  },
];

/** Answers first, then the queue: what is answered in between is seen in neither. */
function inTwoStatements(): { from: string; to: string } {
  return {
    from: `begin
    -- An answer's created is the start of pg_net's batch, which can lie before our dispatch; it is the one indexed column.
    return query
    with in_flight as materialized (
        select envelopes.* from crm_sync.envelopes where envelopes.status = 'in_flight'
    )
    select in_flight.envelope_id, in_flight.lease_until, queue.id is not null, answers.id is not null,
           answers.status_code, answers.headers, answers.content
    from in_flight
    left join net.http_request_queue as queue
      on queue.id = in_flight.request_id
     and queue.headers ->> 'webhook-id' = in_flight.envelope_id::text
    left join net._http_response as answers`,
    to: `declare
    v_answers net._http_response[] := array(select answers from net._http_response as answers);
begin
    return query
    with in_flight as materialized (
        select envelopes.* from crm_sync.envelopes where envelopes.status = 'in_flight'
    )
    select in_flight.envelope_id, in_flight.lease_until, queue.id is not null, answers.id is not null,
           answers.status_code, answers.headers, answers.content
    from in_flight
    left join net.http_request_queue as queue
      on queue.id = in_flight.request_id
     and queue.headers ->> 'webhook-id' = in_flight.envelope_id::text
    left join unnest(v_answers) as answers`,
  };
}
