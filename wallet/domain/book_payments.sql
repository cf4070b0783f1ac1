-- What a fan has; no row: nothing was ever booked. Written in the place of the call, so it is of the caller's moment.
create or replace function balance_of(p_fan bigint) returns table (amount bigint)
language sql stable
as $$ select b.amount from balance b where b.user_id = p_fan $$;

-- Take the prices of these payments off a fan's balance, all or nothing, and write a line for each.
--
-- A step of the caller's transaction, which has locked seats and reservations before; the payments themselves may be
-- written after it. Answers what is left; null: the fan has less, and nothing was written.
create or replace function book_payments(p_fan bigint, p_payments bigint[], p_prices bigint[], p_at timestamptz)
returns bigint
language plpgsql volatile
as $$
declare
    v_total bigint := 0;
    v_price bigint;
    v_balance record;
begin
    foreach v_price in array p_prices loop
        v_total := v_total + v_price;
    end loop;
    -- The guard and the write are one, and the fan's mutex from here on.
    update balance b
       set amount = b.amount - v_total, last_updated_at = p_at
     where b.user_id = p_fan and b.amount >= v_total
    returning b.id, b.amount into v_balance;
    if not found then
        return null;
    end if;
    -- amount_after runs from the old balance down to the new one.
    insert into balance_history (
        balance_id, user_id, kind, amount, amount_after, payment_id, note, created_at, updated_at)
    select v_balance.id, p_fan, 'PAYMENT', -paid.price,
           v_balance.amount + v_total - sum(paid.price) over (order by paid.id), paid.id, '', p_at, p_at
      from unnest(p_payments, p_prices) as paid (id, price)
     order by paid.id;
    return v_balance.amount;
end
$$;
