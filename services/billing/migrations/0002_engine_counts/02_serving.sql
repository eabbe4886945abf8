-- Settles as the function of four arguments does, and notes the engine's last count of output tokens with it; null:
-- nobody knows it. Gateways of before call the other one.
create function billing.settle(
    p_hold_id bigint,
    p_input_tokens bigint,
    p_cached_input_tokens bigint,
    p_output_tokens bigint,
    p_engine_output_tokens bigint
)
returns billing.settlements
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_is_settled boolean;
    v_settlement billing.settlements;
begin
    -- Looked up under the hold's lock: the same settlement may be asked for twice at once, and the first one stays.
    perform from billing.holds where id = p_hold_id for update;
    v_is_settled := exists (select from billing.settlements where hold_id = p_hold_id);
    v_settlement := billing.settle(p_hold_id, p_input_tokens, p_cached_input_tokens, p_output_tokens);
    if not v_is_settled and p_engine_output_tokens is not null then
        insert into billing.engine_counts (hold_id, undelivered_output_tokens)
        values (p_hold_id, p_engine_output_tokens - p_output_tokens);
    end if;
    return v_settlement;
end;
$$;
