-- What a model costs from a moment on: nano-dollars per 1,000,000 units.

-- The limit keeps every product with a request's units within a bigint.
create domain billing.price as bigint check (value between 0 and 1000000000000000);

create domain billing.quantity as bigint check (value between 0 and 1000000000);

create table billing.prices (
    model text not null check (model <> ''),
    version integer not null check (version > 0),
    effective_from timestamptz not null,
    input_tokens billing.price not null,
    cached_input_tokens billing.price,
    output_tokens billing.price not null,
    published_at timestamptz not null default now(),
    primary key (model, version),
    unique (model, effective_from)
);

comment on column billing.prices.cached_input_tokens is 'Where there is none, cached tokens cost what others do.';

create trigger append_only
before update or delete or truncate on billing.prices
for each statement execute function billing.refuse_change();

-- What a request costs: the sum of units x price, rounded once, half up. `div` is exact; `/` of numerics is not.
create function billing.compute_charge(
    p_price billing.prices, p_input_tokens bigint, p_cached_input_tokens bigint, p_output_tokens bigint
)
returns bigint
language sql
immutable
return div(
    p_input_tokens::numeric * p_price.input_tokens
    + p_cached_input_tokens::numeric * coalesce(p_price.cached_input_tokens, p_price.input_tokens)
    + p_output_tokens::numeric * p_price.output_tokens
    + 500000,
    1000000
)::bigint;

-- What must be held for a request: rounded up, and as if every input token were of the dearer kind.
create function billing.compute_hold(p_price billing.prices, p_input_tokens bigint, p_output_tokens bigint)
returns bigint
language sql
immutable
return div(
    p_input_tokens::numeric * greatest(p_price.input_tokens, p_price.cached_input_tokens)
    + p_output_tokens::numeric * p_price.output_tokens
    + 999999,
    1000000
)::bigint;

-- The most output tokens whose hold, together with the prompt's, is no more than the amount; null if there is no limit.
-- Not above zero where the amount does not cover the prompt.
create function billing.compute_affordable(p_price billing.prices, p_input_tokens bigint, p_amount bigint)
returns numeric
language sql
immutable
return div(
    p_amount::numeric * 1000000
    - p_input_tokens::numeric * greatest(p_price.input_tokens, p_price.cached_input_tokens),
    nullif(p_price.output_tokens, 0)::numeric
);
