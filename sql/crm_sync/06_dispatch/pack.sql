-- Packs deliveries into envelopes. A key stays within one envelope, in order; a delivery whose envelopes failed travels
-- with half as many others each time, at last alone; one larger than an envelope travels alone.

create function crm_sync._pack(
    p_keys text[], p_bytes int[], p_failure_counts int[], p_max_deliveries int, p_max_bytes int, p_max_envelopes int
)
returns int[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_envelopes int[] := array[]::int[];
    v_envelope  int := 0;
    v_count     int := 0;
    v_bytes     int := 0;
    v_limit     int;
    v_own_limit int;
    v_fits      boolean;
    v_cut_key   text;
begin
    for i in 1 .. coalesce(cardinality(p_keys), 0) loop
        v_own_limit := greatest(1, p_max_deliveries >> least(p_failure_counts[i], 30));
        v_fits := v_envelope > 0 and v_count < least(v_limit, v_own_limit) and v_bytes + p_bytes[i] <= p_max_bytes;
        if p_keys[i] = v_cut_key or (not v_fits and (
            v_envelope = p_max_envelopes or (i > 1 and p_keys[i] = p_keys[i - 1])
        )) then
            -- The rest of a key waits for the answer to its beginning; with no envelope left, so does all else.
            v_cut_key := p_keys[i];
            v_envelopes := v_envelopes || null::int;
            continue;
        end if;
        if not v_fits then
            v_envelope := v_envelope + 1;
            v_count := 0;
            v_bytes := 0;
            v_limit := p_max_deliveries;
        end if;
        v_limit := least(v_limit, v_own_limit);
        v_count := v_count + 1;
        v_bytes := v_bytes + p_bytes[i];
        v_envelopes := v_envelopes || v_envelope;
    end loop;
    return v_envelopes;
end;
$$;

comment on function crm_sync._pack(text[], int[], int[], int, int, int) is
    'For deliveries listed key by key: the number of each one''s envelope, from 1; null: not this time. Bytes are of the request body.';

revoke all on function crm_sync._pack(text[], int[], int[], int, int, int) from public;
