-- What gateways do, one call a step. Any of it may be called again: the answer is the same, the money moves once.
-- Locks: a wallet alone, or holds in the order of their ids and then wallets in the order of theirs.

create type billing.admission as (
    verdict text,
    hold_id bigint,
    account text,
    price_version integer,
    input_tokens_price bigint,
    cached_input_tokens_price bigint,
    output_tokens_price bigint,
    output_tokens bigint,
    amount bigint
);

-- Checks key, model and wallet, and holds for `p_most` output tokens or as many as the wallet covers, but for no fewer
-- than `p_least`.
create function billing.admit(
    p_request_id uuid,
    p_key_hash bytea,
    p_model text,
    p_input_tokens bigint,
    p_least bigint,
    p_most bigint,
    p_lease interval
)
returns billing.admission
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_key billing.keys;
    v_price billing.prices;
    v_available bigint;
    v_hold billing.holds;
    v_result billing.admission;
begin
    if p_least is null or p_least < 1 or p_most is null or p_most < p_least then
        raise exception 'output tokens: given % to %; allowed: at least 1, and no more than the most', p_least, p_most;
    end if;

    select * into v_key from billing.keys where hash = p_key_hash;
    if not found then
        v_result.verdict := 'unknown_key';
        return v_result;
    elsif v_key.revoked_at is not null then
        v_result.verdict := 'revoked_key';
        return v_result;
    end if;

    select w.balance - w.held into strict v_available
    from billing.wallets as w where w.account_id = v_key.account_id
    for update;

    -- Looked up under the wallet's lock: the same request may be asked for twice at once.
    select * into v_hold from billing.holds where request_id = p_request_id;
    if found then
        select * into strict v_price from billing.prices
        where model = v_hold.model and version = v_hold.price_version;
        if v_hold.key_id <> v_key.id or v_hold.state <> 'open' then
            raise exception 'request % was admitted before, with another key, or has ended', p_request_id;
        end if;
    else
        select * into v_price from billing.prices
        where model = p_model and effective_from <= now()
        order by effective_from desc limit 1;
        if not found then
            v_result.verdict := 'unknown_model';
            return v_result;
        end if;

        v_hold.output_tokens := greatest(
            least(p_most, billing.compute_affordable(v_price, p_input_tokens, v_available)), 0
        );
        v_hold.amount := billing.compute_hold(v_price, p_input_tokens, v_hold.output_tokens);
        if v_hold.output_tokens < p_least or v_hold.amount > v_available then
            v_result.verdict := 'insufficient_funds';
            return v_result;
        end if;

        update billing.wallets set held = held + v_hold.amount where account_id = v_key.account_id;
        insert into billing.holds (
            request_id, account_id, key_id, model, price_version, input_tokens, output_tokens, amount, lease_until
        )
        values (
            p_request_id, v_key.account_id, v_key.id, p_model, v_price.version, p_input_tokens, v_hold.output_tokens,
            v_hold.amount, now() + p_lease
        )
        returning * into v_hold;
    end if;

    v_result.verdict := 'admitted';
    v_result.hold_id := v_hold.id;
    select name into strict v_result.account from billing.accounts where id = v_hold.account_id;
    v_result.price_version := v_price.version;
    v_result.input_tokens_price := v_price.input_tokens;
    v_result.cached_input_tokens_price := coalesce(v_price.cached_input_tokens, v_price.input_tokens);
    v_result.output_tokens_price := v_price.output_tokens;
    v_result.output_tokens := v_hold.output_tokens;
    v_result.amount := v_hold.amount;
    return v_result;
end;
$$;

-- Makes a hold cover so many output tokens in all; returns whether it does.
create function billing.extend(p_hold_id bigint, p_output_tokens bigint, p_lease interval)
returns boolean
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_hold billing.holds;
    v_price billing.prices;
    v_added bigint;
begin
    select * into v_hold from billing.holds where id = p_hold_id and state = 'open' for update;
    if not found then
        return false;
    end if;
    if v_hold.output_tokens >= p_output_tokens then
        return true;
    end if;

    select * into strict v_price from billing.prices where model = v_hold.model and version = v_hold.price_version;
    v_added := billing.compute_hold(v_price, v_hold.input_tokens, p_output_tokens) - v_hold.amount;
    update billing.wallets set held = held + v_added
    where account_id = v_hold.account_id and balance - held >= v_added;
    if not found then
        return false;
    end if;

    update billing.holds
    set
        output_tokens = p_output_tokens,
        amount = amount + v_added,
        lease_until = greatest(lease_until, now() + p_lease)
    where id = p_hold_id;
    insert into billing.extensions (hold_id, output_tokens, added_amount)
    values (p_hold_id, p_output_tokens, v_added);
    return true;
end;
$$;

-- Charges what was delivered and gives the rest of the hold back. Never more than was held; after the lease ended never
-- more than the wallet still covers either: it may have been spent since.
create function billing.settle(
    p_hold_id bigint, p_input_tokens bigint, p_cached_input_tokens bigint, p_output_tokens bigint
)
returns billing.settlements
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_hold billing.holds;
    v_price billing.prices;
    v_available bigint;
    v_due bigint;
    v_settlement billing.settlements;
begin
    select * into v_hold from billing.holds where id = p_hold_id for update;
    if not found then
        raise exception 'no hold %', p_hold_id;
    end if;
    select * into v_settlement from billing.settlements where hold_id = p_hold_id;
    if found then
        return v_settlement;
    end if;

    select * into strict v_price from billing.prices where model = v_hold.model and version = v_hold.price_version;
    v_due := billing.compute_charge(v_price, p_input_tokens, p_cached_input_tokens, p_output_tokens);

    select w.balance - w.held into strict v_available
    from billing.wallets as w where w.account_id = v_hold.account_id
    for update;
    v_settlement.late := v_hold.state = 'expired';
    v_settlement.charge := case
        when v_settlement.late then least(v_due, v_hold.amount, v_available)
        else least(v_due, v_hold.amount)
    end;
    if v_settlement.charge > 0 then
        v_settlement.transaction_id := billing.move(
            'charge', v_hold.account_id, -v_settlement.charge, 'revenue',
            case when v_settlement.late then 0 else v_hold.amount end
        );
    elsif not v_settlement.late then
        update billing.wallets set held = held - v_hold.amount where account_id = v_hold.account_id;
    end if;

    update billing.holds set state = 'settled' where id = p_hold_id;
    insert into billing.settlements (
        hold_id, transaction_id, input_tokens, cached_input_tokens, output_tokens, charge, shortfall, late
    )
    values (
        p_hold_id, v_settlement.transaction_id, p_input_tokens, p_cached_input_tokens, p_output_tokens,
        v_settlement.charge, v_due - v_settlement.charge, v_settlement.late
    )
    returning * into v_settlement;
    return v_settlement;
end;
$$;

-- Renews the lease of those holds that are still open.
create function billing.renew(p_hold_ids bigint[], p_lease interval)
returns void
language sql
security definer set search_path = billing, pg_temp
as $$
    update billing.holds
    set lease_until = greatest(lease_until, now() + p_lease)
    where
        id in (
            select id from billing.holds where id = any(p_hold_ids) and state = 'open' order by id for update
        );
$$;

-- Gives back the holds whose lease has ended, at most 1,000 a call; returns how many. The first call after a silence of
-- more than ten seconds ends no lease but makes all of them longer by the silence: the database was away, or every
-- gateway was, and nobody could renew anything.
create function billing.expire()
returns integer
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_ticked_at timestamptz;
    v_now timestamptz;
    v_silence interval;
    v_ids bigint[];
begin
    select ticked_at into v_ticked_at from billing.lease_clock for update skip locked;
    if not found then
        return 0;
    end if;
    -- One reading of the clock: a standstill between two would never count as silence.
    v_now := clock_timestamp();
    v_silence := v_now - v_ticked_at;
    update billing.lease_clock set ticked_at = v_now;
    if v_silence > interval '10 seconds' then
        update billing.holds set lease_until = lease_until + v_silence
        where id in (select id from billing.holds where state = 'open' order by id for update);
        return 0;
    end if;

    select array_agg(id) into v_ids
    from (
        select id from billing.holds
        where state = 'open' and lease_until < now()
        order by id limit 1000
        for update skip locked
    ) as ended;
    if v_ids is null then
        return 0;
    end if;
    perform from billing.wallets
    where account_id in (select account_id from billing.holds where id = any(v_ids))
    order by account_id
    for update;
    update billing.wallets as w set held = w.held - h.amount
    from (
        select account_id, sum(amount) as amount from billing.holds where id = any(v_ids) group by account_id
    ) as h
    where w.account_id = h.account_id;
    update billing.holds set state = 'expired' where id = any(v_ids);
    return cardinality(v_ids);
end;
$$;
