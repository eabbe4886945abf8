-- What is reserved for requests, and what became of it.

-- open: reserved. settled: charged exactly. expired: the lease ended, and the amount went back to the wallet.
create table billing.holds (
    id bigint generated always as identity primary key,
    request_id uuid not null unique,
    account_id bigint not null references billing.accounts,
    key_id bigint not null references billing.keys,
    model text not null,
    price_version integer not null,
    input_tokens billing.quantity not null,
    output_tokens billing.quantity not null,
    amount bigint not null check (amount >= 0),
    state text not null default 'open' check (state in ('open', 'settled', 'expired')),
    lease_until timestamptz not null,
    created_at timestamptz not null default now(),
    foreign key (model, price_version) references billing.prices
) with (fillfactor = 80);

comment on column billing.holds.input_tokens is 'The most that the prompt may be.';
comment on column billing.holds.output_tokens is 'How many are covered, with all extensions.';

-- Not by `lease_until`: renewing a lease would then write every index.
create index holds_open on billing.holds (id) where state = 'open';
create index holds_of_account on billing.holds (account_id, id);

create table billing.extensions (
    hold_id bigint not null references billing.holds,
    output_tokens billing.quantity not null,
    added_amount bigint not null check (added_amount >= 0),
    created_at timestamptz not null default now(),
    primary key (hold_id, output_tokens)
);

comment on column billing.extensions.output_tokens is 'How many are covered from then on.';

-- A hold's exact charge. Nothing was charged where there is no transaction.
create table billing.settlements (
    hold_id bigint primary key references billing.holds,
    transaction_id bigint unique references billing.transactions,
    input_tokens billing.quantity not null,
    cached_input_tokens billing.quantity not null,
    output_tokens billing.quantity not null,
    charge bigint not null check (charge >= 0),
    shortfall bigint not null check (shortfall >= 0),
    late boolean not null,
    created_at timestamptz not null default now(),
    check ((transaction_id is null) = (charge = 0))
);

comment on column billing.settlements.shortfall is 'What was delivered and could not be charged, in nano-dollars.';
comment on column billing.settlements.late is 'Whether the lease had ended before.';

create trigger append_only
before update or delete or truncate on billing.extensions
for each statement execute function billing.refuse_change();

create trigger append_only
before update or delete or truncate on billing.settlements
for each statement execute function billing.refuse_change();

create trigger append_only
before delete or truncate on billing.holds
for each statement execute function billing.refuse_change();

-- When `expire` last ran. The clock of leases stands still while it does not.
create table billing.lease_clock (
    one boolean primary key default true check (one),
    ticked_at timestamptz not null default now()
);

insert into billing.lease_clock default values;
