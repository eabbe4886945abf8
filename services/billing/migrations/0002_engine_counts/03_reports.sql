-- A view is only ever made wider at its end.
create or replace view reports.requests as
select
    h.request_id,
    h.id as hold_id,
    h.state,
    a.name as account,
    k.name as key,
    h.model,
    h.price_version,
    h.input_tokens as held_input_tokens,
    h.output_tokens as held_output_tokens,
    h.amount as held_amount,
    h.lease_until,
    h.created_at as admitted_at,
    s.input_tokens,
    s.cached_input_tokens,
    s.output_tokens,
    s.charge,
    s.shortfall,
    s.late,
    s.transaction_id,
    s.created_at as settled_at,
    s.output_tokens + c.undelivered_output_tokens as engine_output_tokens
from billing.holds as h
inner join billing.accounts as a on h.account_id = a.id
inner join billing.keys as k on h.key_id = k.id
left join billing.settlements as s on h.id = s.hold_id
left join billing.engine_counts as c on h.id = c.hold_id;

comment on column reports.requests.engine_output_tokens is
'The engine''s last count that its gateway read: at least the output tokens. Null where the gateway told none.';
