-- Credit a top-up that its provider has collected, once, whoever reports it first: a step of the caller's transaction,
-- which has locked seats and reservations before.
--
-- Answers null, or why nothing was written: 'credited_before', 'balance_too_large', or 'closed_by_staff', who gave the
-- money back or booked it otherwise. Locks: the top-up, then the balance.
create or replace function credit_top_up(
    p_top_up bigint, p_method text, p_provider_reference text, p_most bigint, p_at timestamptz
) returns text
language plpgsql volatile
as $$
declare
    v_top_up record;
    v_entry bigint;
begin
    select t.user_id, t.amount, t.entry_id, t.failure, t.idempotency_key, t.request_hash into strict v_top_up
      from top_up t
     where t.id = p_top_up
       for no key update;
    if v_top_up.entry_id is not null then
        return 'credited_before';
    end if;
    -- BY_STAFF of wallet/models/top_ups.py.
    if v_top_up.failure in ('booked_by_hand', 'giving_back', 'given_back') then
        return 'closed_by_staff';
    end if;
    select e.id into v_entry
      from book_entry(
        v_top_up.user_id, 'CHARGE', v_top_up.amount, null, v_top_up.idempotency_key,
        case when v_top_up.idempotency_key is not null then v_top_up.request_hash end, '', null, p_most, p_at) e;
    if v_entry is null then
        return 'balance_too_large';
    end if;
    update top_up t
       set state = 'SUCCEEDED', entry_id = v_entry, method = p_method, failure = '', updated_state_at = p_at,
           provider_reference = coalesce(p_provider_reference, t.provider_reference), next_look_at = null
     where t.id = p_top_up;
    return null;
end
$$;

-- What a top-up is for.
create or replace function top_up_order(p_top_up bigint) returns table (fan bigint, reservations bigint[])
language sql stable
as $$ select t.user_id, t.reservations from top_up t where t.id = p_top_up $$;

-- Note what came of a top-up that was for a booking: a step of the transaction that credited it. One that paid owes no
-- mail of its own: the booking's says how it was paid.
create or replace function note_outcome(p_top_up bigint, p_outcome text) returns void
language sql volatile
as $$
    update top_up t
       set outcome = p_outcome, receipt_mail_at = case when p_outcome = 'PAID' then t.updated_state_at end
     where t.id = p_top_up
$$;
