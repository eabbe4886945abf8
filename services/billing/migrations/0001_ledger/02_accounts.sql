-- Who pays, from what, and with which credentials. Amounts are nano-dollars (1e-9 USD).

create table billing.accounts (
    id bigint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    created_at timestamptz not null default now()
);

-- `balance` is the sum of the wallet's entries and `held` that of its open holds, kept here so that one row decides.
create table billing.wallets (
    account_id bigint primary key references billing.accounts,
    balance bigint not null default 0,
    held bigint not null default 0 check (held >= 0),
    constraint never_overdrawn check (balance >= held)
) with (fillfactor = 70);

create table billing.keys (
    id bigint generated always as identity primary key,
    account_id bigint not null references billing.accounts,
    name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    hash bytea not null unique check (length(hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- A name is free again once its key is revoked.
create unique index keys_by_name on billing.keys (account_id, name) where revoked_at is null;

comment on column billing.keys.hash is
'SHA-256 of the key. A key is 256 random bits, so how long the look-up of a hash takes tells nothing of use about it.';
