-- The ledger: double entry, append-only.

create table billing.transactions (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('credit', 'charge')),
    created_at timestamptz not null default now()
);

-- One amount on one side of a transaction. What a wallet gains is positive.
-- Books: `wallet` (an account's), `payments` (what customers paid in), `revenue` (what they used up).
create table billing.entries (
    transaction_id bigint not null references billing.transactions,
    book text not null check (book in ('wallet', 'payments', 'revenue')),
    account_id bigint references billing.accounts,
    amount bigint not null check (amount <> 0),
    balance_after bigint check (balance_after >= 0),
    primary key (transaction_id, book),
    check ((book = 'wallet') = (account_id is not null)),
    check ((book = 'wallet') = (balance_after is not null))
);

create index entries_of_account on billing.entries (account_id, transaction_id) where account_id is not null;

create table billing.credits (
    transaction_id bigint primary key references billing.transactions,
    reference text not null unique check (length(reference) between 1 and 200)
);

comment on column billing.credits.reference is
'Names the payment. The same credit asked for again, after a broken connection or by a second run, is given once.';

create function billing.check_sum()
returns trigger
language plpgsql
as $$
begin
    if exists (select from written group by transaction_id having sum(amount) <> 0) then
        raise exception 'the entries of a transaction are written together and sum to zero';
    end if;
    return null;
end;
$$;

create trigger zero_sum
after insert on billing.entries
referencing new table as written
for each statement execute function billing.check_sum();

create trigger append_only
before update or delete or truncate on billing.transactions
for each statement execute function billing.refuse_change();

create trigger append_only
before update or delete or truncate on billing.entries
for each statement execute function billing.refuse_change();

create trigger append_only
before update or delete or truncate on billing.credits
for each statement execute function billing.refuse_change();

-- Moves an amount into a wallet (below zero: out of it) from the book on the other side; returns the transaction.
-- Locks the wallet before the transaction has its number, so that a wallet's transactions are numbered in their order.
create function billing.move(
    p_kind text, p_account_id bigint, p_amount bigint, p_other_book text, p_released bigint default 0
)
returns bigint
language plpgsql
as $$
declare
    v_balance bigint;
    v_transaction bigint;
begin
    update billing.wallets
    set balance = balance + p_amount, held = held - p_released
    where account_id = p_account_id
    returning balance into strict v_balance;

    insert into billing.transactions (kind) values (p_kind) returning id into v_transaction;

    insert into billing.entries (transaction_id, book, account_id, amount, balance_after)
    values
        (v_transaction, 'wallet', p_account_id, p_amount, v_balance),
        (v_transaction, p_other_book, null, -p_amount, null);

    return v_transaction;
end;
$$;
