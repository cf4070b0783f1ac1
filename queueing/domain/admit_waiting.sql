-- Hand free slots of a schedule to the lowest numbers. The only way in: every ACTIVE token was made here.
--
-- p_room: how many fans inside the seats can still serve (null: no less than the cap). p_joiner: the token
-- (row) of a fan whose own request this is; admitted at once counts as entered. p_now: null outside tests.
--
-- The lock is a statement of its own, so that what follows counts behind it. Cap and pause are read behind it
-- too; staff change them behind the same lock.
create or replace function admit_waiting(
    p_schedule bigint, p_room bigint, p_joiner bigint, p_entry_seconds float8, p_active_seconds float8, p_now timestamptz,
    out admitted bigint, out serving bigint, out lapsed bigint, out active bigint
)
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz;
    v_free bigint;
begin
    perform lock_waiting_room(p_schedule);
    v_at := coalesce(p_now, clock_timestamp());

    -- Tokens whose time is over give up their slot by being closed. One that is locked (the fan is holding a
    -- seat this moment) keeps it until the next tick.
    with over as (
        select t.id
          from waiting_token t
         where t.concert_schedule_id = p_schedule and token_has_lapsed(t.status, t.expired_at, v_at)
           for no key update skip locked),
    closed as (
        update waiting_token t
           set status = 'EXPIRED', expired_reason = token_lapse_reason(t.entered_at)
          from over
         where t.id = over.id
        returning t.id)
    select count(*) into lapsed from closed;

    -- Every row that says ACTIVE holds a slot, whatever the clock says: the cap trusts no clock.
    select count(*) into active from waiting_token t where t.concert_schedule_id = p_schedule and t.status = 'ACTIVE';
    select case when s.queue_paused then 0 else greatest(0, least(s.queue_max_active, p_room) - active) end
      into v_free
      from concert_schedule s
     where s.id = p_schedule;

    -- The lowest numbers. Waited for, not skipped: a fan whose row is merely locked keeps the place.
    with lowest as (
        select t.id, t.number, t.created_at
          from waiting_token t
         where t.concert_schedule_id = p_schedule and t.status = 'WAITING' and t.number is not null
         order by t.number
         limit v_free
           for no key update),
    -- A number is handed out before the row that carries it can be seen. Where one is missing, whoever stands behind it
    -- is let in only after having waited a moment: by then the fan before them is there, or never will be.
    spaced as (
        select l.id, l.number, l.created_at,
               coalesce(lag(l.number) over (order by l.number),
                        (select max(b.number)
                           from waiting_token b
                          where b.concert_schedule_id = p_schedule and b.number < l.number),
                        0) as before
          from lowest l),
    next as (
        select s.id
          from spaced s
         where s.number < coalesce(
                   (select min(g.number)
                      from spaced g
                     where g.number > g.before + 1 and g.created_at > v_at - interval '0.5 s'),
                   'infinity'::numeric)),
    entered as (
        update waiting_token t
           set status = 'ACTIVE', updated_active_at = v_at,
               entered_at = case when t.id = p_joiner then v_at end,
               expired_at = v_at + make_interval(
                   secs => case when t.id = p_joiner then p_active_seconds else p_entry_seconds end)
          from next
         where t.id = next.id
        returning t.number)
    select count(*), max(entered.number) into admitted, serving from entered;
    active := active + admitted;
end
$$;

-- The key of the schedule's lock. The class in the high bits keeps it apart from any other use of advisory locks.
create or replace function waiting_room_key(p_schedule bigint) returns bigint
language sql immutable
as $$
    select (70::bigint << 56) | p_schedule
$$;

-- One lock a schedule, held to the end of the transaction: admission and what changes a sale's settings take it.
create or replace function lock_waiting_room(p_schedule bigint) returns void
language sql volatile
as $$
    select pg_advisory_xact_lock(waiting_room_key(p_schedule))
$$;
