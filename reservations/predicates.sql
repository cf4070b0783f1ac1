-- Rules about seats and reservations, each said here alone: statements and functions call them, and the ORM does by
-- concert_site/lib/database/predicates.py.
--
-- Of one expression and immutable, they cost nothing: PostgreSQL writes the expression in the place of the call before
-- it plans, so that a partial index on the status is found as if the rule had been written out. For that an argument
-- that is used twice must be a plain column, so the status and the end come first, and the moment is used once.

-- A seat that anybody may have. A hold that is over is free at once; somebody tidies up later.
create or replace function seat_is_free(p_status text, p_expired_at timestamptz, p_at timestamptz) returns boolean
language sql immutable parallel safe
as $$ select p_status = 'AVAILABLE' or p_status = 'TEMPORARY' and p_expired_at <= p_at $$;

-- A seat that somebody holds, and may still pay.
create or replace function seat_is_held(p_status text, p_expired_at timestamptz, p_at timestamptz) returns boolean
language sql immutable parallel safe
as $$ select p_status = 'TEMPORARY' and p_expired_at > p_at $$;

-- The seat of a hold that is over, and not yet tidied up.
create or replace function seat_has_lapsed(p_status text, p_expired_at timestamptz, p_at timestamptz) returns boolean
language sql immutable parallel safe
as $$ select p_status = 'TEMPORARY' and p_expired_at <= p_at $$;

-- A reservation that may still be paid.
create or replace function reservation_is_held(p_status text, p_expired_at timestamptz, p_at timestamptz)
returns boolean
language sql immutable parallel safe
as $$ select p_status = 'RESERVING' and p_expired_at > p_at $$;

-- A reservation whose time to pay is over, and that is not yet tidied up.
create or replace function reservation_has_lapsed(p_status text, p_expired_at timestamptz, p_at timestamptz)
returns boolean
language sql immutable parallel safe
as $$ select p_status = 'RESERVING' and p_expired_at <= p_at $$;

-- A reservation that is held or paid; in the words of the index reservation_fan_live.
create or replace function reservation_is_live(p_status text, p_expired_at timestamptz, p_at timestamptz)
returns boolean
language sql immutable parallel safe
as $$ select p_status in ('RESERVING', 'RESERVED') and (p_status = 'RESERVED' or p_expired_at > p_at) $$;

-- The status that everybody reads: a hold that is over is canceled before it is tidied up.
create or replace function reservation_state(p_status text, p_expired_at timestamptz, p_at timestamptz) returns text
language sql immutable parallel safe
as $$ select case when p_status = 'RESERVING' and p_expired_at <= p_at then 'CANCELED' else p_status end $$;

-- The day that an instant has at a venue. Without one p_zone is null, and the house's own counts.
create or replace function day_at(p_zone text, p_house_zone text, p_at timestamptz) returns date
language sql immutable parallel safe
as $$ select (p_at at time zone coalesce(p_zone, p_house_zone))::date $$;

-- Every seat on sale is paid, and there are such. What is held may come back, so it is not sold.
--
-- A call, since it reads: it ends at the first seat that is still to be had, so it is dear where all is sold. It walks
-- one hall through its index; a plan for any hall would rather walk all of them, where each has many seats to be had.
create or replace function schedule_is_sold_out(p_schedule bigint) returns boolean
language sql stable parallel safe
as $$
    select not exists (select from concert_seat s
                        where s.concert_schedule_id = p_schedule and s.status in ('AVAILABLE', 'TEMPORARY'))
           and exists (select from concert_seat s where s.concert_schedule_id = p_schedule and s.status = 'RESERVED')
$$;

-- Why no seat of a date can be had now: its concert isn't public, the date was canceled, its sale is over or has yet to
-- begin. Null where seats can be had, as queueing.facts.sale_rule has it for one that isn't sold out.
create or replace function sale_refusal(
    p_concert_status text, p_canceled_at timestamptz, p_opens_at timestamptz, p_deadline_at timestamptz, p_at timestamptz
) returns text
language sql immutable parallel safe
as $$
    select case when p_concert_status <> 'AVAILABLE' or p_canceled_at is not null or p_deadline_at <= p_at
                then 'sale_closed'
                when p_opens_at > p_at then 'sale_not_open' end
$$;

-- What everybody who waits reads: staff's message, until its end if it has one.
create or replace function message_in_force(p_message text, p_until timestamptz, p_at timestamptz) returns text
language sql immutable parallel safe
as $$ select case when p_until <= p_at then '' else p_message end $$;
