-- Hold seats at the counter, for somebody whom staff serve: without a place in line, and at any time until the show begins.
-- A step of the caller's transaction, which has locked the fan's account and token (payments/domain/counter.py), so that
-- the limit is counted behind them; what is held here is paid in the same transaction.
--
-- Answers one row a reservation in the order of the seats' ids, or one row with a `refusal` and, for seat_unavailable and
-- seat_unknown, the seats at fault in `gone`. Seats of a live named hold are taken out of it only if p_named says so.
-- Locks: seats by id, without waiting for anybody.
create or replace function hold_at_counter(
    p_fan bigint, p_schedule bigint, p_seats bigint[], p_named boolean, p_complimentary boolean, p_booking text,
    p_hold_seconds float8, p_at timestamptz
) returns table (refusal text, gone bigint[], reservation bigint, price bigint)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    v_sale record;
    v_known bigint[];
    v_won record;
begin
    -- As for fans, but from ever on, and until the show begins.
    select s.concert_id, s.concert_date, s.tickets_per_fan, c.name,
           sale_refusal(c.status, s.canceled_at, '-infinity', s.concert_at, p_at) as refusal
      into v_sale
      from concert_schedule s join concert c on c.id = s.concert_id
     where s.id = p_schedule;
    select array_agg(s.id) into v_known
      from concert_seat s
     where s.id = any (p_seats) and s.concert_schedule_id = p_schedule;
    gone := array(select unnest(p_seats) except select unnest(v_known));
    refusal := case
        when v_sale.concert_id is null then 'schedule_unknown'
        when v_sale.refusal is not null then v_sale.refusal
        when cardinality(gone) > 0 then 'seat_unknown'
    end;

    -- The limit holds here as well.
    if refusal is null and hold_exceeds_limit(p_fan, p_schedule, p_seats, v_sale.tickets_per_fan, p_at) then
        refusal := 'ticket_limit_exceeded';
    end if;

    -- The seats: free, or kept by a named hold. Who loses them to somebody else hears it at once.
    if refusal is null then
        select array_agg(q.id) as seats,
               array_agg(q.id) filter (where q.status = 'TEMPORARY') as lapsed,
               array_agg(q.id) filter (where q.status = 'UNAVAILABLE') as named
          into v_won
          from (select s.id, s.status
                  from concert_seat s
                 where s.id = any (p_seats) and s.concert_schedule_id = p_schedule
                   and (seat_is_free(s.status, s.expired_at, p_at)
                        or p_named and s.status = 'UNAVAILABLE'
                           and exists (select from named_hold_seat h
                                        where h.concert_seat_id = s.id and h.outcome is null))
                 order by s.id
                   for no key update skip locked) q;
        gone := array(select unnest(p_seats) except select unnest(v_won.seats));
        if cardinality(gone) > 0 then
            refusal := 'seat_unavailable';
        end if;
    end if;
    if refusal is not null then
        return next;
        return;
    end if;

    update reservation r
       set status = 'CANCELED', updated_state_at = p_at
     where r.concert_seat_id = any (v_won.lapsed) and r.status = 'RESERVING';
    update named_hold_seat h
       set outcome = case when p_complimentary then 'COMPLIMENTARY' else 'SOLD' end, ended_at = p_at
     where h.concert_seat_id = any (v_won.named) and h.outcome is null;
    update concert_seat s set status = 'AVAILABLE' where s.id = any (v_won.named);
    update concert_seat s
       set status = 'TEMPORARY', user_id = p_fan, expired_at = p_at + make_interval(secs => p_hold_seconds)
     where s.id = any (p_seats);

    return query
    insert into reservation as r (
        booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name, concert_date,
        price, complimentary, status, expired_at, created_at, updated_state_at)
    select p_booking, v_sale.concert_id, p_schedule, s.id, p_fan, v_sale.name, v_sale.concert_date,
           case when p_complimentary then 0 else s.seat_price end, p_complimentary, 'RESERVING', s.expired_at, p_at, p_at
      from concert_seat s
     where s.id = any (p_seats)
     order by s.id
    returning null::text, null::bigint[], r.id, r.price;
end
$$;
