-- A fan's entry in the draw: the SHA-256 of the token's text, in hex (queueing/verification.py has it for everybody).
create or replace function draw_entry(p_token uuid) returns text
language sql stable parallel safe
as $$
    select encode(sha256(convert_to(p_token::text, 'UTF8')), 'hex')
$$;

-- Wait until everybody who is joining the lobby this moment has done so, and say when that was: whoever has joined
-- before then is committed, whoever joins later joins after it.
create or replace function everyone_has_joined(p_schedule bigint) returns timestamptz
language plpgsql
as $$
declare
    v_at timestamptz;
begin
    begin
        perform pg_advisory_xact_lock(lobby_key(p_schedule));
        v_at := clock_timestamp();
        -- The only way to give up a lock before the end of a transaction that cannot outlive an error.
        raise exception using errcode = 'FR001';
    exception when sqlstate 'FR001' then
        return v_at;
    end;
end
$$;

-- Number everybody who came after the opening, up to p_until (null: all there are), by time; return how many.
--
-- p_from: the first row that may be one of them. The index of who waits leads past each entry that the draw has just
-- numbered: a second and more, for which nobody could join.
create or replace function number_late_comers(p_schedule bigint, p_from bigint, p_until timestamptz) returns bigint
language sql volatile
as $$
    with last as (
        select coalesce(max(t.number), 0) as number from waiting_token t where t.concert_schedule_id = p_schedule),
    late as (
        select t.id, last.number + row_number() over (order by t.created_at, t.id) as number
          from waiting_token t, last
         where t.id >= p_from
           and t.concert_schedule_id = p_schedule and t.status = 'WAITING' and t.number is null
           and t.created_at < coalesce(p_until, 'infinity')),
    numbered as (
        update waiting_token t set number = late.number from late where t.id = late.id
        returning t.id)
    select count(*) from numbered
$$;

-- Draw the numbers of a schedule: all of it, or nothing. Null if it isn't due or is drawn already; else how many were
-- drawn by lot, and how many came too late for that. While another draw is at work it is waited for if p_waits, else
-- there is nothing to do either. p_now: null outside tests.
--
-- The order is by the SHA-256 of the seed in hex, a colon and the entry, over all who waited when the sale opened.
-- Whoever came since follows by time.
create or replace function draw_line(
    p_schedule bigint, p_waits boolean, p_now timestamptz, out drawn bigint, out late bigint
)
language plpgsql
-- A million entries are sorted in memory, by a plan made for as many as there are; and so long a work is not given up
-- because a single fan is slow.
set work_mem = '128MB'
set plan_cache_mode = force_custom_plan
set lock_timeout = '20s'
as $$
declare
    v_key bigint := (72::bigint << 56) | p_schedule;
    v_opening timestamptz;
    v_seed text;
    v_last bigint;
    v_late bigint;
    v_until timestamptz;
    v_more bigint;
begin
    if p_waits then
        perform pg_advisory_xact_lock(v_key);
    elsif not pg_try_advisory_xact_lock(v_key) then
        return;
    end if;
    select s.reservation_available_at, encode(s.draw_seed, 'hex')
      into v_opening, v_seed
      from concert_schedule s
     where s.id = p_schedule and s.drawn_at is null
       and s.reservation_available_at <= coalesce(p_now, clock_timestamp());
    if not found then
        return;
    end if;
    -- Whoever joins from the next line on gets a row behind those that can be seen before it. Looked at behind it, a row
    -- that was committed quickly would hide one below it that is still being written.
    select coalesce(max(t.id), 0) + 1 into v_late from waiting_token t;
    perform everyone_has_joined(p_schedule);
    -- None yet, unless a line had begun before its opening was moved.
    select coalesce(max(t.number), 0) into v_last from waiting_token t where t.concert_schedule_id = p_schedule;

    -- Those who came between the opening and now.
    select least(v_late, min(t.id) filter (where t.created_at >= v_opening)) into v_late
      from waiting_token t
     where t.concert_schedule_id = p_schedule and t.status = 'WAITING' and t.number is null;

    -- Written in the order of the table, which takes half the time of the order of the numbers. Who leaves meanwhile
    -- was there at the opening, and keeps the number that was drawn.
    update waiting_token t
       set number = v_last + lot.number
      from (select t.id, row_number() over (
                       order by sha256(convert_to(v_seed || ':' || draw_entry(t.token), 'UTF8'))) as number
              from waiting_token t
             where t.concert_schedule_id = p_schedule and t.status = 'WAITING' and t.number is null
               and t.created_at < v_opening
             order by t.id) lot
     where t.id = lot.id;
    get diagnostics drawn = row_count;

    -- Those who came while that was being written, until few are left; these, while nobody else joins.
    late := 0;
    loop
        v_until := everyone_has_joined(p_schedule);
        v_more := number_late_comers(p_schedule, v_late, v_until);
        late := late + v_more;
        exit when v_more < 1000;
    end loop;
    perform pg_advisory_xact_lock(lobby_key(p_schedule));
    late := late + number_late_comers(p_schedule, v_late, null);
    update concert_schedule s
       set drawn_at = coalesce(p_now, clock_timestamp())
     where s.id = p_schedule and s.reservation_available_at = v_opening;
    if not found then
        raise exception 'The opening of schedule % was moved during its draw', p_schedule using errcode = '40001';
    end if;
end
$$;
