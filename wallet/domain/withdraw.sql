-- Take a part of a top-up off the wallet and write down that it goes back by the way it came: a step of the caller's
-- transaction, which holds the locks of the top-up and of the balance.
--
-- Answers the withdrawal; null: the wallet has less, and nothing was written.
create or replace function take_withdrawal(
    p_top_up bigint, p_amount bigint, p_reference text, p_payment bigint, p_key text, p_hash text, p_note text,
    p_actor bigint, p_most bigint, p_next_look_at timestamptz, p_at timestamptz
) returns bigint
language plpgsql volatile
as $$
declare
    v_fan bigint;
    v_entry bigint;
    v_withdrawal bigint;
begin
    select t.user_id into strict v_fan from top_up t where t.id = p_top_up;
    select e.id into v_entry
      from book_entry(v_fan, 'WITHDRAWAL', -p_amount, null, null, null, p_note, p_actor, p_most, p_at) e;
    if v_entry is null then
        return null;
    end if;
    perform note_refunded(p_top_up, p_amount, p_at);
    insert into withdrawal (
        top_up_id, user_id, amount, state, reference, failure, entry_id, payment_id, note, actor_id, idempotency_key,
        request_hash, created_at, updated_state_at, next_look_at, looks)
    values (p_top_up, v_fan, p_amount, 'PENDING', p_reference, '', v_entry, p_payment, p_note, p_actor, p_key,
            p_hash, p_at, p_at, p_next_look_at, 0)
    returning id into v_withdrawal;
    return v_withdrawal;
end
$$;

-- Note how a withdrawal has ended, once, whoever reports it first; what couldn't be paid out is back in the wallet.
--
-- Answers null, or why nothing was written: 'settled_before', 'balance_too_large'. What was paid out may still fail: the
-- fan's bank sends it back. Locks: the top-up, which is the mutex of its withdrawals, then the balance.
create or replace function settle_withdrawal(
    p_withdrawal bigint, p_state text, p_failure text, p_provider_reference text, p_most bigint, p_at timestamptz
) returns text
language plpgsql volatile
as $$
declare
    v_withdrawal record;
    v_entry bigint;
begin
    perform from top_up t
      where t.id = (select w.top_up_id from withdrawal w where w.id = p_withdrawal)
        for no key update;
    -- Read by a statement of its own: whoever had the lock before has committed by now.
    select w.* into strict v_withdrawal from withdrawal w where w.id = p_withdrawal;
    if v_withdrawal.state in (p_state, 'FAILED') then
        return 'settled_before';
    end if;
    if p_state = 'FAILED' then
        select e.id into v_entry
          from book_entry(
            v_withdrawal.user_id, 'WITHDRAWAL', v_withdrawal.amount, null, null, null, v_withdrawal.note,
            v_withdrawal.actor_id, p_most, p_at) e;
        if v_entry is null then
            return 'balance_too_large';
        end if;
        perform note_refunded(v_withdrawal.top_up_id, -v_withdrawal.amount, p_at);
    end if;
    update withdrawal w
       set state = p_state, failure = p_failure, return_entry_id = v_entry, updated_state_at = p_at,
           provider_reference = coalesce(p_provider_reference, w.provider_reference), next_look_at = null,
           outcome_mail_at = null
     where w.id = p_withdrawal;
    return null;
end
$$;

-- Add to what has gone back of a top-up, or take it off again with a minus: a step of the above.
create or replace function note_refunded(p_top_up bigint, p_amount bigint, p_at timestamptz) returns void
language sql volatile
as $$
    update top_up t
       set refunded = t.refunded + p_amount, updated_state_at = p_at,
           state = case t.refunded + p_amount
               when 0 then 'SUCCEEDED' when t.amount then 'REFUNDED' else 'PARTLY_REFUNDED' end
     where t.id = p_top_up
$$;
