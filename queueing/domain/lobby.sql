-- The lobby: who joins before the draw waits without a number, and the draw hands the numbers out.
--
-- Everybody who joins holds the lobby's lock together with the others, for the milliseconds that an insert takes; the
-- draw takes it alone, for moments only. Whoever holds it so knows that nobody is between reading "not drawn yet" and
-- committing a token without a number.

-- The key of a lobby's lock. The class in the high bits keeps it apart from any other use of advisory locks.
create or replace function lobby_key(p_schedule bigint) returns bigint
language sql immutable
as $$
    select (71::bigint << 56) | p_schedule
$$;

-- Join the lobby of a schedule; a live token is answered again. Once the numbers are drawn nobody joins it any more:
-- `is_drawn`, and nothing is written; no id either if the account was closed meanwhile. p_now: null outside tests.
create or replace function join_lobby(
    p_fan bigint, p_schedule bigint, p_token uuid, p_now timestamptz,
    out id bigint, out token uuid, out created_at timestamptz, out is_new boolean, out is_drawn boolean
)
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    -- A statement of its own, so that what follows sees what was committed while it waited.
    perform pg_advisory_xact_lock_shared(lobby_key(p_schedule));
    select s.drawn_at is not null into is_drawn from concert_schedule s where s.id = p_schedule;
    if is_drawn then
        return;
    end if;
    loop
        -- Looked for first: an insert that meets the fan's token in the middle of the draw would wait for the draw,
        -- which waits for this lock.
        select t.id, t.token, t.created_at, false
          into id, token, created_at, is_new
          from waiting_token t
         where t.user_id = p_fan and t.concert_schedule_id = p_schedule and token_is_live(t.status);
        exit when found;
        -- The time is read behind the lock: whoever joined before the opening has committed, once the draw has it.
        -- The lock is the foreign key's, taken before the commit so that a closed account is seen (join_line.sql).
        insert into waiting_token (user_id, concert_schedule_id, token, status, created_at)
        select u.id, p_schedule, p_token, 'WAITING', coalesce(p_now, clock_timestamp())
          from users u
         where u.id = p_fan and u.is_active
           for key share of u
        on conflict do nothing
        returning id, token, created_at, true into id, token, created_at, is_new;
        -- The fan's other request was quicker, or the account was closed.
        exit when found or not exists (select from users u where u.id = p_fan and u.is_active);
    end loop;
end
$$;
