-- Lock the tokens with which a fan is inside these schedules: whatever else the fan is doing there is over then. Answers
-- whether there is any.
create or replace function lock_active_tokens(p_fan bigint, p_schedules bigint[]) returns boolean
language plpgsql volatile
as $$
begin
    perform from waiting_token t
      where t.user_id = p_fan and t.concert_schedule_id = any (p_schedules) and t.status = 'ACTIVE'
      order by t.id
        for no key update;
    return found;
end
$$;

-- End the tokens with which a fan is inside these schedules, but for those of p_but; answers of which there was one. A
-- step behind lock_active_tokens.
create or replace function end_active_tokens(
    p_fan bigint, p_schedules bigint[], p_but bigint[], p_reason text, p_at timestamptz, out freed bigint[]
)
language plpgsql volatile
as $$
begin
    with ended as (
        update waiting_token t
           set status = 'EXPIRED', expired_at = p_at, expired_reason = p_reason
         where t.user_id = p_fan and t.concert_schedule_id = any (p_schedules) and t.status = 'ACTIVE'
           and t.concert_schedule_id <> all (p_but)
        returning t.concert_schedule_id)
    select array_agg(ended.concert_schedule_id) into freed from ended;
end
$$;
