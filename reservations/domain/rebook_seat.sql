-- The steps of giving a paid seat's reservation another seat or another fan, for who moves the money.

-- Lock what is to change: the seats of paid reservations and these, then the free seats that are to be had instead, none if
-- the reservations only change hands. Answers whose they are, or why it can't be and what is at fault: the seats.
--
-- A free seat is never waited for, and nothing of other seats after one is locked; so though it may be of a lower id than
-- those before, nobody waits in a circle. The reservations are looked at before it: who clicks twice must not be told that the
-- seat is gone, of which the first click makes use this moment.
create or replace function lock_for_rebooking(
    p_reservations bigint[], p_free bigint[], p_at timestamptz,
    out refusal text, out at_fault bigint[], out fan bigint
)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    v_old record;
    v_locked int;
    v_won bigint[];
begin
    select array_agg(r.concert_seat_id) as seats, count(*) as n, count(distinct r.user_id) as fans,
           min(r.user_id) as fan, count(distinct r.concert_id) as concerts, min(r.concert_id) as concert,
           array_agg(r.concert_schedule_id) as dates
      into v_old
      from reservation r
     where r.id = any (p_reservations) and r.status = 'RESERVED';
    fan := v_old.fan;
    refusal := case
        when v_old.n < cardinality(p_reservations) then 'not_paid'
        when v_old.fans > 1 or v_old.concerts > 1 then 'not_together'
    end;
    if refusal is not null then
        return;
    end if;

    perform from concert_seat s where s.id = any (v_old.seats) order by s.id for no key update;
    -- Behind the locks of their seats: refunded or changed meanwhile, by the fan or a colleague?
    perform from reservation r
      where r.id = any (p_reservations) and r.status = 'RESERVED'
      order by r.id
        for no key update;
    get diagnostics v_locked = row_count;
    if v_locked < cardinality(p_reservations) then
        refusal := 'not_paid';
        return;
    end if;

    -- Of the same concert, on a date that is played and still to come; during the show another seat of it will do.
    at_fault := array(select unnest(p_free) except
                      select s.id
                        from concert_seat s join concert_schedule d on d.id = s.concert_schedule_id
                       where s.id = any (p_free) and s.concert_id = v_old.concert and d.canceled_at is null
                         and (d.concert_at > p_at or d.id = any (v_old.dates)));
    if cardinality(at_fault) > 0 then
        refusal := 'seat_unknown';
        return;
    end if;
    select array_agg(q.id) into v_won
      from (select s.id
              from concert_seat s
             where s.id = any (p_free) and seat_is_free(s.status, s.expired_at, p_at)
             order by s.id
               for no key update skip locked) q;
    at_fault := array(select unnest(p_free) except select unnest(v_won));
    if cardinality(at_fault) > 0 then
        refusal := 'seat_unavailable';
    end if;
end
$$;

-- End a paid reservation, free its seat, and reserve a seat for a fan in its place: held and sold within one step. A hold
-- that has lapsed on it is over first. Answers the new reservation. What lock_for_rebooking has locked, and what was paid.
--
-- The same date keeps the name and the day under which it was booked; another date has its own.
create or replace function rebook_seat(
    p_reservation bigint, p_seat bigint, p_fan bigint, p_price bigint, p_at timestamptz
) returns bigint
language plpgsql volatile
as $$
declare
    v_old record;
    v_new bigint;
begin
    select r.* into strict v_old from reservation r where r.id = p_reservation;
    perform unsell_paid(p_reservation, v_old.concert_seat_id, p_at);
    update reservation r
       set status = 'CANCELED', updated_state_at = p_at
     where r.concert_seat_id = p_seat and r.status = 'RESERVING';
    update concert_seat s
       set status = 'TEMPORARY', user_id = p_fan, expired_at = p_at
     where s.id = p_seat;
    insert into reservation (
        booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name, concert_date,
        price, complimentary, status, expired_at, created_at, updated_state_at)
    select v_old.booking_reference, s.concert_id, s.concert_schedule_id, s.id, p_fan,
           case when s.concert_schedule_id = v_old.concert_schedule_id then v_old.concert_name else c.name end,
           case when s.concert_schedule_id = v_old.concert_schedule_id then v_old.concert_date else d.concert_date end,
           p_price, p_price = 0, 'RESERVING', p_at, p_at, p_at
      from concert_seat s
      join concert_schedule d on d.id = s.concert_schedule_id
      join concert c on c.id = s.concert_id
     where s.id = p_seat
    returning id into v_new;
    perform sell_held(array[v_new], array[p_seat], p_at);
    return v_new;
end
$$;
