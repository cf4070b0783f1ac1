-- Pay held reservations with money that was taken at the counter: it comes into the wallet, and pays, in one transaction.
--
-- Answers what was taken (`total`, minor units), the ledger's line of it, and `freed` as pay_reservations does; or a
-- `refusal`, and then the caller rolls back. p_agreed is what the clerk has said that it costs; null for whatever.
-- Locks: seats by id and reservations (lock_held) before the balance, as everywhere.
--
-- `paid` says nothing. Processes of 1.0 ask for all columns, and go on while this takes the place of theirs: of another
-- number of columns PostgreSQL would refuse each one's next call, within a sale.
create or replace function pay_at_counter(
    p_fan bigint, p_reservations bigint[], p_agreed bigint, p_note text, p_actor bigint, p_most bigint,
    p_at timestamptz, out refusal text, out total bigint, out entry bigint, out freed bigint[], out paid bigint[]
)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    v_held bigint[];
    v_seats bigint[];
begin
    select sum(r.price), array_agg(r.id order by r.id), array_agg(r.seat order by r.id) into total, v_held, v_seats
      from own_reservations(p_fan, p_reservations, p_at) r
     where r.state = 'RESERVING';
    refusal := case
        when v_held is null or cardinality(v_held) < cardinality(p_reservations) then 'hold_expired'
        when total <> p_agreed then 'price_changed'
        when not lock_held(p_fan, v_held, v_seats, p_at) then 'hold_expired'
    end;
    if refusal is not null then
        return;
    end if;
    select b.id into entry
      from book_entry(p_fan, 'ADJUSTMENT', total, null, null, null, p_note, p_actor, p_most, p_at) b;
    if entry is null then
        refusal := 'balance_too_large';
        return;
    end if;
    select p.refusal, p.freed into refusal, freed from pay_reservations(p_fan, v_held, p_at) p limit 1;
end
$$;
