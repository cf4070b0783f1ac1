-- The token by which a fan holds seats of a schedule, with a `refusal` unless it is inside; no row: there is no such
-- token. Of one SELECT and stable, PostgreSQL writes it in the place of the call.
create or replace function token_pass(p_fan bigint, p_schedule bigint, p_token uuid, p_at timestamptz)
returns table (id bigint, entered_at timestamptz, refusal text)
language sql stable
as $$
    select t.id, t.entered_at,
           case when not token_is_inside(t.status, t.expired_at, p_at) then 'queue_token_inactive' end
      from waiting_token t
     where t.token = p_token and t.user_id = p_fan and t.concert_schedule_id = p_schedule
$$;

-- An admitted fan comes in: the first time buys the full time, any other changes nothing. Answers whether the token is
-- inside; it is locked from here to the end of the transaction, and so is whatever else the fan does in this line.
--
-- p_is_first: whether it looks like the first time, which spares a statement where it doesn't.
create or replace function enter_line(p_id bigint, p_is_first boolean, p_active_seconds float8, p_at timestamptz)
returns boolean
language plpgsql volatile
as $$
begin
    if p_is_first then
        update waiting_token t
           set entered_at = p_at, expired_at = p_at + make_interval(secs => p_active_seconds)
         where t.id = p_id and t.entered_at is null and token_is_inside(t.status, t.expired_at, p_at);
        if found then
            return true;
        end if;
    end if;
    perform from waiting_token t
      where t.id = p_id and token_is_inside(t.status, t.expired_at, p_at)
        for no key update;
    return found;
end
$$;
