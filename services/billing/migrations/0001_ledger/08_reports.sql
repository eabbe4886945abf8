-- What people read. Amounts are nano-dollars.

create view reports.accounts as
select
    a.name as account,
    w.balance,
    w.held,
    w.balance - w.held as available,
    a.created_at
from billing.accounts as a
inner join billing.wallets as w on a.id = w.account_id;

create view reports.keys as
select
    a.name as account,
    k.name as key,
    k.created_at,
    k.revoked_at
from billing.keys as k
inner join billing.accounts as a on k.account_id = a.id;

create view reports.prices as
select
    model,
    version,
    effective_from,
    input_tokens,
    cached_input_tokens,
    output_tokens,
    published_at
from billing.prices;

-- One row a request that was admitted.
create view reports.requests as
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
    s.created_at as settled_at
from billing.holds as h
inner join billing.accounts as a on h.account_id = a.id
inner join billing.keys as k on h.key_id = k.id
left join billing.settlements as s on h.id = s.hold_id;

create view reports.extensions as
select
    h.request_id,
    e.hold_id,
    e.output_tokens,
    e.added_amount,
    e.created_at
from billing.extensions as e
inner join billing.holds as h on e.hold_id = h.id;

create view reports.entries as
select
    e.transaction_id,
    t.kind,
    e.book,
    a.name as account,
    e.amount,
    e.balance_after,
    h.request_id,
    c.reference,
    t.created_at
from billing.entries as e
inner join billing.transactions as t on e.transaction_id = t.id
left join billing.accounts as a on e.account_id = a.id
left join billing.credits as c on e.transaction_id = c.transaction_id
left join billing.settlements as s on e.transaction_id = s.transaction_id
left join billing.holds as h on s.hold_id = h.id;

-- The sum of each book; they sum to zero. All wallets together may hold more than a bigint does.
create view reports.books as
select
    b.book,
    coalesce(sum(e.amount), 0) as amount
from (values ('wallet'), ('payments'), ('revenue')) as b (book)
left join billing.entries as e on b.book = e.book
group by b.book;

-- The books are right if this is empty: whatever does not add up, with what it should be and what it is.
create view reports.problems as
select
    'a transaction sums to zero' as rule,
    'transaction ' || t.id as subject,
    '0' as expected,
    coalesce(sum(e.amount)::text, 'no entries') as found
from billing.transactions as t
left join billing.entries as e on t.id = e.transaction_id
group by t.id
having sum(e.amount) is distinct from 0
union all
select
    'a balance is the sum of the wallet''s entries',
    'account ' || a.name,
    coalesce(sum(e.amount), 0)::text,
    coalesce(w.balance::text, 'no wallet')
from billing.accounts as a
left join billing.wallets as w on a.id = w.account_id
left join billing.entries as e on a.id = e.account_id
group by a.name, w.balance
having coalesce(sum(e.amount), 0) is distinct from w.balance
union all
select
    'what is held is the sum of the open holds',
    'account ' || a.name,
    coalesce(sum(h.amount), 0)::text,
    w.held::text
from billing.wallets as w
inner join billing.accounts as a on w.account_id = a.id
left join billing.holds as h on w.account_id = h.account_id and h.state = 'open'
group by a.name, w.held
having coalesce(sum(h.amount), 0) <> w.held
union all
select
    'a balance after an entry is the sum up to it',
    'transaction ' || chained.transaction_id,
    chained.total::text,
    chained.balance_after::text
from (
    select
        transaction_id,
        balance_after,
        sum(amount) over (partition by account_id order by transaction_id) as total
    from billing.entries
    where book = 'wallet'
) as chained
where chained.total <> chained.balance_after
union all
select
    'a wallet gains from payments and loses to revenue',
    'transaction ' || t.id,
    case t.kind when 'credit' then 'payments' else 'revenue' end,
    e.book
from billing.transactions as t
inner join billing.entries as e on t.id = e.transaction_id and e.book <> 'wallet'
where e.book <> case t.kind when 'credit' then 'payments' else 'revenue' end
union all
select
    'a hold is what its tokens cost at its price',
    'hold ' || h.id,
    billing.compute_hold(p, h.input_tokens, h.output_tokens)::text,
    h.amount::text
from billing.holds as h
inner join billing.prices as p on h.model = p.model and h.price_version = p.version
where billing.compute_hold(p, h.input_tokens, h.output_tokens) <> h.amount
union all
select
    'a charge is what was delivered at the hold''s price',
    'hold ' || h.id,
    billing.compute_charge(p, s.input_tokens, s.cached_input_tokens, s.output_tokens)::text,
    (s.charge + s.shortfall)::text
from billing.settlements as s
inner join billing.holds as h on s.hold_id = h.id
inner join billing.prices as p on h.model = p.model and h.price_version = p.version
where
    billing.compute_charge(p, s.input_tokens, s.cached_input_tokens, s.output_tokens)
    <> s.charge + s.shortfall
union all
select
    'a charge is at most its hold',
    'hold ' || h.id,
    'at most ' || h.amount,
    s.charge::text
from billing.settlements as s
inner join billing.holds as h on s.hold_id = h.id
where s.charge > h.amount
union all
select
    'a settlement moved its charge out of its account''s wallet',
    'hold ' || h.id,
    (-s.charge)::text,
    coalesce(e.amount::text, 'nothing')
from billing.settlements as s
inner join billing.holds as h on s.hold_id = h.id
left join billing.entries as e
    on s.transaction_id = e.transaction_id and e.book = 'wallet' and h.account_id = e.account_id
where coalesce(e.amount, 0) <> -s.charge
union all
select
    'a charge belongs to a settlement and a credit to a payment',
    'transaction ' || t.id,
    'one',
    'none'
from billing.transactions as t
left join billing.settlements as s on t.id = s.transaction_id
left join billing.credits as c on t.id = c.transaction_id
where case t.kind when 'charge' then s.hold_id is null else c.transaction_id is null end
union all
select
    'a hold is settled if it has a settlement, and only then',
    'hold ' || h.id,
    case when s.hold_id is null then 'open or expired' else 'settled' end,
    h.state
from billing.holds as h
left join billing.settlements as s on h.id = s.hold_id
where (h.state = 'settled') <> (s.hold_id is not null);
