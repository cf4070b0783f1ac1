-- Change one balance and write the line that explains it: neither stands without the other.
--
-- A step of the caller's transaction, which has locked seats, reservations and payments before. Answers the line;
-- no row: the balance would drop below zero or hold more than p_most, and nothing was written.
create or replace function book_entry(
    p_fan bigint, p_kind text, p_amount bigint, p_payment bigint, p_key text, p_hash text, p_note text, p_actor bigint,
    p_most bigint, p_at timestamptz
) returns setof balance_history
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_balance record;
begin
    -- Two turns: all but a fan's first booking find their balance, so it is opened only when it was missed.
    for v_turn in 1..2 loop
        -- The guard and the write are one, so two bookings can't both pass on the same money.
        update balance b
           set amount = b.amount + p_amount, last_updated_at = p_at
         where b.user_id = p_fan
           and b.amount + p_amount between 0 and p_most
        returning b.id, b.amount into v_balance;
        exit when found or p_amount < 0 or v_turn = 2;
        -- Of two at once the second waits for the first here, and then does nothing.
        insert into balance (user_id, amount, last_updated_at) values (p_fan, 0, p_at)
            on conflict (user_id) do nothing;
    end loop;
    if v_balance.id is null then
        return;
    end if;
    -- The balance stays locked until the end of the transaction, so a fan's entries are numbered in the order in
    -- which they changed it, and amount_after is the running sum.
    return query
    insert into balance_history (
        balance_id, user_id, kind, amount, amount_after, payment_id, idempotency_key, request_hash, note, actor_id,
        created_at, updated_at)
    values (v_balance.id, p_fan, p_kind, p_amount, v_balance.amount, p_payment, p_key, p_hash, p_note, p_actor,
            p_at, p_at)
    returning *;
end
$$;
