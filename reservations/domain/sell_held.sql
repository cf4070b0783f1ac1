-- The steps of a sale, for who takes the money: read what is to be paid, lock it, sell it; and the way back. Each locks
-- seats by id and then reservations: the seat is the mutex of its reservation.

-- A fan's own ones of these reservations, as they are and as they read. Written in the place of the call.
create or replace function own_reservations(p_fan bigint, p_reservations bigint[], p_at timestamptz)
returns table (id bigint, seat bigint, schedule bigint, price bigint, status text, state text)
language sql stable
as $$
    select r.id, r.concert_seat_id, r.concert_schedule_id, r.price, r.status,
           reservation_state(r.status, r.expired_at, p_at)
      from reservation r
     where r.id = any (p_reservations) and r.user_id = p_fan
$$;

-- Of which of these schedules a fan holds seats. Written in the place of the call.
create or replace function schedules_held(p_fan bigint, p_schedules bigint[], p_at timestamptz)
returns table (schedule bigint)
language sql stable
as $$
    select r.concert_schedule_id
      from reservation r
     where r.user_id = p_fan and r.concert_schedule_id = any (p_schedules)
       and reservation_is_held(r.status, r.expired_at, p_at)
$$;

-- Lock what a fan holds; answers whether all of it is still so. The reservations are locked and looked at too, each
-- behind its seat: a fan who lost a seat and took it again while we waited would otherwise pay the dead one.
create or replace function lock_held(p_fan bigint, p_reservations bigint[], p_seats bigint[], p_at timestamptz)
returns boolean
language plpgsql volatile
as $$
declare
    v_locked int;
begin
    perform from concert_seat s join reservation r on r.concert_seat_id = s.id
      where s.id = any (p_seats) and s.user_id = p_fan and seat_is_held(s.status, s.expired_at, p_at)
        and r.id = any (p_reservations) and r.status = 'RESERVING'
      order by s.id
        for no key update;
    get diagnostics v_locked = row_count;
    return v_locked = cardinality(p_seats);
end
$$;

-- Sell what lock_held has locked; answers true.
create or replace function sell_held(p_reservations bigint[], p_seats bigint[], p_at timestamptz) returns boolean
language plpgsql volatile
as $$
begin
    with sold as (
        update concert_seat s
           set status = 'RESERVED', expired_at = null, reserved_at = p_at
         where s.id = any (p_seats))
    update reservation r
       set status = 'RESERVED', expired_at = null, updated_state_at = p_at
     where r.id = any (p_reservations);
    return true;
end
$$;

-- Lock a paid reservation; answers its fan and its seat, nulls if it isn't paid (any more).
create or replace function lock_paid(p_reservation bigint, out fan bigint, out seat bigint)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
    select r.user_id, r.concert_seat_id into fan, seat
      from reservation r
     where r.id = p_reservation and r.status = 'RESERVED';
    if not found then
        return;
    end if;
    perform from concert_seat s where s.id = seat for no key update;
    perform from reservation r where r.id = p_reservation and r.status = 'RESERVED' for no key update;
    if not found then
        -- Refunded while we waited.
        fan := null;
        seat := null;
    end if;
end
$$;

-- Return to sale what lock_paid has locked.
create or replace function unsell_paid(p_reservation bigint, p_seat bigint, p_at timestamptz) returns void
language plpgsql volatile
as $$
begin
    update reservation r
       set status = 'CANCELED', updated_state_at = p_at
     where r.id = p_reservation;
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, reserved_at = null
     where s.id = p_seat;
end
$$;
