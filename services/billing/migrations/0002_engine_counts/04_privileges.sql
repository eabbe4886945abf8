grant execute on function billing.settle(bigint, bigint, bigint, bigint, bigint) to billing_gateway;
