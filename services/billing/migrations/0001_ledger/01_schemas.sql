-- Tables and functions are in `billing`; what people read is in `reports`.

create schema billing;
create schema reports;

-- Functions are executable by everybody unless this is said before they are made.
alter default privileges revoke execute on functions from public;

create function billing.refuse_change()
returns trigger
language plpgsql
as $$
begin
    raise exception '% is append-only: what is written is never changed or removed', tg_table_name;
end;
$$;

-- A mistake of a person: the admin command prints the message and nothing else.
create function billing.refuse(p_message text)
returns void
language plpgsql
as $$
begin
    raise exception using message = p_message, errcode = 'FG001';
end;
$$;
