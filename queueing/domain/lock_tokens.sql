-- Lock a fan's places in these lines, waiting or inside; answers how many there are. Whoever holds seats with one waits.
create or replace function lock_live_tokens(p_fan bigint, p_schedules bigint[]) returns bigint
language plpgsql volatile
as $$
declare
    v_locked bigint;
begin
    perform from waiting_token t
      where t.user_id = p_fan and t.concert_schedule_id = any (p_schedules) and token_is_live(t.status)
      order by t.id
        for no key update;
    get diagnostics v_locked = row_count;
    return v_locked;
end
$$;

-- How many live places a fan has in these lines, locked or not.
create or replace function live_tokens(p_fan bigint, p_schedules bigint[]) returns bigint
language sql volatile
as $$
    select count(*)
      from waiting_token t
     where t.user_id = p_fan and t.concert_schedule_id = any (p_schedules) and token_is_live(t.status)
$$;
