-- Give one held seat back: by its fan, or without p_fan by staff. A hold that has lapsed is given back all the same.
--
-- Answers which status the reservation had; only RESERVING was changed. Null: there is none, or not of this fan.
-- Locks: the seat, then its reservation. The seat is the mutex: whoever pays or takes it over locks it first, too.
create or replace function release_hold(p_reservation bigint, p_fan bigint, p_at timestamptz) returns text
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_seen record;
begin
    select r.concert_seat_id, r.status into v_seen
      from reservation r
     where r.id = p_reservation and (p_fan is null or r.user_id = p_fan);
    -- Who has nothing to give back writes and locks nothing.
    if not found or v_seen.status <> 'RESERVING' then
        return v_seen.status;
    end if;

    perform from concert_seat s where s.id = v_seen.concert_seat_id for no key update;
    -- What staff take back has no end of its own, by which hold_wait_of knows what a fan gave back.
    update reservation r
       set status = 'CANCELED', updated_state_at = p_at,
           expired_at = case when p_fan is not null then r.expired_at end
     where r.id = p_reservation and r.status = 'RESERVING';
    if not found then
        -- Paid, taken over or given back while we waited.
        return (select r.status from reservation r where r.id = p_reservation);
    end if;
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, expired_at = null
     where s.id = v_seen.concert_seat_id and s.status = 'TEMPORARY';
    return 'RESERVING';
end
$$;
