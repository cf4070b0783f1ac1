-- Give back all that a fan still holds of a booking, in one round trip; what is paid stays.
--
-- Answers how many seats; null if the fan has no such booking. Locks: the seats by id, then their reservations.
create or replace function release_booking(p_fan bigint, p_reference text, p_at timestamptz) returns int
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_seats bigint[];
    v_released int;
begin
    perform from reservation r where r.booking_reference = p_reference and r.user_id = p_fan limit 1;
    if not found then
        return null;
    end if;
    select array_agg(q.id) into v_seats
      from (select s.id
              from concert_seat s
             where s.id in (select r.concert_seat_id
                              from reservation r
                             where r.booking_reference = p_reference and r.user_id = p_fan
                               and r.status = 'RESERVING')
             order by s.id
               for no key update) q;
    -- Looked at again behind the locks: another tab may have paid meanwhile, or somebody taken over a lapsed seat.
    with released as (
        update reservation r
           set status = 'CANCELED', updated_state_at = p_at
         where r.booking_reference = p_reference and r.user_id = p_fan
           and r.status = 'RESERVING' and r.concert_seat_id = any (v_seats)
        returning r.concert_seat_id)
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, expired_at = null
      from released
     where s.id = released.concert_seat_id and s.status = 'TEMPORARY';
    get diagnostics v_released = row_count;
    return v_released;
end
$$;
