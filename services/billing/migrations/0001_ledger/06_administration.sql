-- What administrators do. Each function may be called again with the same arguments: the second time changes nothing.

create function billing.find_account(p_account text)
returns bigint
language plpgsql
stable
as $$
declare
    v_id bigint;
begin
    select id into v_id from billing.accounts where name = p_account;
    if not found then
        perform billing.refuse(format('no account named %s', p_account));
    end if;
    return v_id;
end;
$$;

-- Returns whether the account is new.
create function billing.open_account(p_account text)
returns boolean
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_id bigint;
begin
    insert into billing.accounts (name) values (p_account) on conflict do nothing returning id into v_id;
    if v_id is null then
        return false;
    end if;
    insert into billing.wallets (account_id) values (v_id);
    return true;
end;
$$;

-- Returns whether the key is new. With `p_replace` another key of this name is revoked.
create function billing.add_key(p_account text, p_name text, p_hash bytea, p_replace boolean default false)
returns boolean
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_account_id bigint := billing.find_account(p_account);
    v_key billing.keys;
begin
    -- Two calls for one account come one after the other.
    perform from billing.accounts where id = v_account_id for no key update;

    select * into v_key from billing.keys where hash = p_hash;
    if found then
        if v_key.revoked_at is not null then
            perform billing.refuse('this key was revoked: make a new one');
        elsif (v_key.account_id, v_key.name) <> (v_account_id, p_name) then
            perform billing.refuse('this key is in use under another name or account: make a new one');
        end if;
        return false;
    end if;

    if p_replace then
        update billing.keys set revoked_at = now()
        where account_id = v_account_id and name = p_name and revoked_at is null;
    elsif exists (
        select from billing.keys where account_id = v_account_id and name = p_name and revoked_at is null
    ) then
        perform billing.refuse(format(
            'account %s has another key named %s: choose another name, or replace it', p_account, p_name
        ));
    end if;
    insert into billing.keys (account_id, name, hash) values (v_account_id, p_name, p_hash);
    return true;
end;
$$;

-- Returns whether there was a key of this name until now.
create function billing.revoke_key(p_account text, p_name text)
returns boolean
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_account_id bigint := billing.find_account(p_account);
begin
    update billing.keys set revoked_at = now()
    where account_id = v_account_id and name = p_name and revoked_at is null;
    if found then
        return true;
    end if;
    if not exists (select from billing.keys where account_id = v_account_id and name = p_name) then
        perform billing.refuse(format('account %s has no key named %s', p_account, p_name));
    end if;
    return false;
end;
$$;

create type billing.credit_result as (credited boolean, transaction_id bigint, balance bigint);

-- Adds a payment to a wallet, once for each reference.
create function billing.credit(p_account text, p_amount bigint, p_reference text)
returns billing.credit_result
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_account_id bigint := billing.find_account(p_account);
    v_entry billing.entries;
    v_result billing.credit_result;
begin
    if p_amount <= 0 then
        perform billing.refuse('a credit is more than zero');
    end if;
    -- Two calls with one reference come one after the other, whatever accounts they name.
    perform pg_advisory_xact_lock(hashtextextended('faregate credit ' || p_reference, 0));

    select e.* into v_entry
    from billing.credits as c
    inner join billing.entries as e on c.transaction_id = e.transaction_id and e.book = 'wallet'
    where c.reference = p_reference;
    if found and (v_entry.account_id, v_entry.amount) is distinct from (v_account_id, p_amount) then
        perform billing.refuse(format('reference %s was given to another credit: choose another one', p_reference));
    end if;

    v_result.credited := not found;
    if v_result.credited then
        v_result.transaction_id := billing.move('credit', v_account_id, p_amount, 'payments');
        insert into billing.credits (transaction_id, reference) values (v_result.transaction_id, p_reference);
    else
        v_result.transaction_id := v_entry.transaction_id;
    end if;
    select w.balance into v_result.balance from billing.wallets as w where w.account_id = v_account_id;
    return v_result;
end;
$$;

-- Returns whether the price is new. A published price never changes: another price is another version.
create function billing.publish_price(
    p_model text,
    p_version integer,
    p_effective_from timestamptz,
    p_input_tokens bigint,
    p_cached_input_tokens bigint,
    p_output_tokens bigint
)
returns boolean
language plpgsql
security definer set search_path = billing, pg_temp
as $$
declare
    v_price billing.prices;
begin
    perform pg_advisory_xact_lock(hashtextextended('faregate price ' || p_model, 0));

    select * into v_price from billing.prices where model = p_model and version = p_version;
    if found then
        if (v_price.effective_from, v_price.input_tokens, v_price.cached_input_tokens, v_price.output_tokens)
            is distinct from (p_effective_from, p_input_tokens, p_cached_input_tokens, p_output_tokens)
        then
            perform billing.refuse(format(
                'version %s of the price of %s is published and differs: give the new price a new version',
                p_version, p_model
            ));
        end if;
        return false;
    end if;

    select * into v_price from billing.prices
    where model = p_model and (version > p_version or effective_from >= p_effective_from)
    order by version desc limit 1;
    if found then
        perform billing.refuse(format(
            'version %s of the price of %s, in force from %s: version %s, in force from %s, is published already; '
            'a new price has a higher version and comes later',
            p_version, p_model, p_effective_from, v_price.version, v_price.effective_from
        ));
    end if;

    insert into billing.prices (
        model, version, effective_from, input_tokens, cached_input_tokens, output_tokens
    )
    values (p_model, p_version, p_effective_from, p_input_tokens, p_cached_input_tokens, p_output_tokens);
    return true;
end;
$$;
