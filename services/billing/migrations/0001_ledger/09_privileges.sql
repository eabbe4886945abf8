-- Each role may do what it is for, and nothing else. Functions run as their owner.

grant usage on schema billing to billing_gateway, billing_admin;
grant usage on schema reports to billing_reporter, billing_admin;

grant execute on function
billing.admit(uuid, bytea, text, bigint, bigint, bigint, interval),
billing.extend(bigint, bigint, interval),
billing.settle(bigint, bigint, bigint, bigint),
billing.renew(bigint[], interval),
billing.expire()
to billing_gateway;

grant execute on function
billing.open_account(text),
billing.add_key(text, text, bytea, boolean),
billing.revoke_key(text, text),
billing.credit(text, bigint, text),
billing.publish_price(text, integer, timestamptz, bigint, bigint, bigint)
to billing_admin;

grant select on all tables in schema reports to billing_reporter, billing_admin;

-- Whoever reads a view calls the functions in it.
grant execute on function
billing.compute_hold(billing.prices, bigint, bigint),
billing.compute_charge(billing.prices, bigint, bigint, bigint)
to billing_reporter, billing_admin;
