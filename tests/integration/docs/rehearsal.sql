-- What the runbook and the snippets are rehearsed with: a system at work, and what can befall it. Each procedure commits
-- like the application and the tick do; the function and the receivers behind it are played by rehearsal.answer().
-- Ids and names are obvious fakes, and the same in every run: the runbook prints them.

create schema rehearsal;

-- pg_net's worker and a finished run of pg_cron, as health() looks for them.
create procedure rehearsal.works() language plpgsql as $$
begin
    perform set_config('application_name', 'pg_net 0.20.4 worker', false);
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, 'succeeded',
           clock_timestamp(), clock_timestamp()
    from cron.job where jobname = 'crm_sync_tick';
end
$$;

create procedure rehearsal.tick(p_later interval default '0') language plpgsql as $$
begin
    commit;
    perform crm_sync.tick(clock_timestamp() + p_later);
    commit;
    call rehearsal.works();
    commit;
end
$$;

-- Answers what is queued, signed as the function signs, until nothing is left of what leaves after it.
create procedure rehearsal.answer(p_outcome text, p_fields jsonb default '{}') language plpgsql as $$
begin
    commit;
    for round in 1 .. 4 loop
        with requests as (
            delete from net.http_request_queue as queue
            using crm_sync.envelopes
            where envelopes.request_id = queue.id and envelopes.status = 'in_flight'
            returning queue.id, envelopes.envelope_id, convert_from(queue.body, 'UTF8')::jsonb -> 'deliveries' as deliveries
        ),
        answers as (
            select requests.id, requests.envelope_id::text, jsonb_build_object('envelope_id', requests.envelope_id, 'results', (
                select jsonb_agg(jsonb_build_object('delivery_id', delivery -> 'id', 'outcome', p_outcome) || p_fields)
                from jsonb_array_elements(requests.deliveries) as delivery))::text as content
            from requests
        )
        insert into net._http_response (id, status_code, headers, content, created)
        select answers.id, 207, jsonb_build_object(
                   'webhook-id', answers.envelope_id, 'webhook-timestamp', '1760000000',
                   'webhook-signature', crm_sync._signatures(answers.envelope_id, '1760000000', answers.content, array[
                       (select decrypted_secret from vault.decrypted_secrets where name = 'crm_sync_signing_secret')])),
               answers.content, clock_timestamp()
        from answers;
        call rehearsal.tick();
    end loop;
end
$$;

-- What stands before the function, or the function itself, answers without knowing us.
create procedure rehearsal.refuse(p_http_status int, p_content text) language plpgsql as $$
begin
    commit;
    with requests as (
        delete from net.http_request_queue as queue
        using crm_sync.envelopes
        where envelopes.request_id = queue.id and envelopes.status = 'in_flight'
        returning queue.id
    )
    insert into net._http_response (id, status_code, headers, content, created)
    select requests.id, p_http_status, '{}', p_content, clock_timestamp() from requests;
    call rehearsal.tick();
end
$$;

create function rehearsal.lead_id(p_number int) returns uuid language sql as
$$ select ('10000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;

create procedure rehearsal.lead(p_number int) language plpgsql as $$
begin
    insert into public.leads (id, email, firstname, lastname, phone, source)
    values (rehearsal.lead_id(p_number), 'ada' || p_number || '@example.test', 'Ada', 'Example', '+33 6 00 00 00 0' || p_number, 'form');
    commit;
end
$$;

create procedure rehearsal.request() language plpgsql as $$
begin
    insert into public.customers (id, email, phone, full_name)
    values ('20000000-0000-4000-8000-000000000001', 'ada1@example.test', '06 00 00 00 01', 'Ada Example');
    insert into public.requests (id, customer_id, status, type_raccordement)
    values ('30000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'submitted', 'new');
    commit;
end
$$;

create procedure rehearsal.order(p_number int) language plpgsql as $$
begin
    insert into public.orders (id, order_number, client_name, client_phone, product_name, quantity, unit_price, total_amount, status)
    values (('50000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid, 'CMD-00000' || p_number, 'Ada Example', '+33 6 00 00 00 01',
            'Product', 1, 19.90, 19.90, 'confirmed');
    commit;
end
$$;

-- Three leads of today: one arrived, one was refused, one is tried again later.
create procedure rehearsal.some_deliveries() language plpgsql as $$
begin
    call rehearsal.lead(1);
    call rehearsal.request();
    call rehearsal.order(1);
    call rehearsal.answer('delivered', '{"status": 201}');
    call rehearsal.lead(2);
    call rehearsal.answer('reject', '{"status": 422, "error_code": "receiver_status_422", "error": "monelec answered 422: <email> is not known"}');
    call rehearsal.lead(3);
    call rehearsal.answer('retry', '{"status": 503, "error_code": "receiver_status_503", "error": "monelec answered 503"}');
    perform crm_sync.alert();
end
$$;

do $$
begin
    perform vault.create_secret('https://functions.example/functions/v1/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
    perform crm_sync.start();
end
$$;

create procedure rehearsal.nothing() language sql as '';
