-- How far an engine had come with a request when its gateway read from it last.

-- No column of `settlements`: gateways of before go on while this is applied and afterwards. They have the call of
-- `settle` prepared, which returns a row of that table, and would lose a settlement to every row that is wider.
create table billing.engine_counts (
    hold_id bigint primary key references billing.settlements,
    undelivered_output_tokens bigint not null check (undelivered_output_tokens >= 0)
);

comment on table billing.engine_counts is
'One row a settlement whose gateway told the engine''s count; none for those of before.';
comment on column billing.engine_counts.undelivered_output_tokens is
'What the engine counted beyond the settlement''s output tokens: at least zero, as nothing else can be delivered.';

create trigger append_only
before update or delete or truncate on billing.engine_counts
for each statement execute function billing.refuse_change();
