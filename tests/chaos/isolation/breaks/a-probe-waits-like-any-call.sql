-- Probes are given the 8 s of an ordinary call.
alter function crm_sync._envelope_body(text, bigint[], boolean, timestamptz) rename to _envelope_body_with_its_limit;

create function crm_sync._envelope_body(p_destination text, p_delivery_ids bigint[], p_is_probe boolean, p_expires_at timestamptz)
returns jsonb
language plpgsql
as $$
declare
    v_body jsonb := crm_sync._envelope_body_with_its_limit(p_destination, p_delivery_ids, p_is_probe, p_expires_at);
begin
    return case when p_is_probe then jsonb_set(v_body, '{deliveries,0,timeout_ms}', '8000') else v_body end;
end;
$$;
