-- Rules about tokens, each said here alone: statements, functions and the ORM (queueing/models.py) call them.
--
-- Of one expression and immutable, they cost nothing: PostgreSQL writes the expression in the place of the call before
-- it plans, so that a partial index on the status is found as if the rule had been written out. For that an argument
-- that is used twice must be a plain column, so the status and the end come first, and the moment is used once.

-- A token that waits or is inside, tidied up or not: a fan has one a schedule.
create or replace function token_is_live(p_status text) returns boolean
language sql immutable parallel safe
as $$ select p_status in ('WAITING', 'ACTIVE') $$;

-- A token with which its fan may hold seats.
create or replace function token_is_inside(p_status text, p_expired_at timestamptz, p_at timestamptz) returns boolean
language sql immutable parallel safe
as $$ select p_status = 'ACTIVE' and p_expired_at > p_at $$;

-- A token whose time is over, and that is not yet closed.
create or replace function token_has_lapsed(p_status text, p_expired_at timestamptz, p_at timestamptz) returns boolean
language sql immutable parallel safe
as $$ select p_status = 'ACTIVE' and p_expired_at <= p_at $$;

-- The status that everybody reads: a token whose time is over has expired before it is closed.
create or replace function token_state(p_status text, p_expired_at timestamptz, p_at timestamptz) returns text
language sql immutable parallel safe
as $$ select case when p_status = 'ACTIVE' and p_expired_at <= p_at then 'EXPIRED' else p_status end $$;

-- Why a token ends whose time is over.
create or replace function token_lapse_reason(p_entered_at timestamptz) returns text
language sql immutable parallel safe
as $$ select case when p_entered_at is null then 'NO_SHOW' else 'TIME_OVER' end $$;

-- The reason that everybody reads; null while the token waits or is inside.
create or replace function token_end_reason(
    p_status text, p_expired_reason text, p_entered_at timestamptz, p_expired_at timestamptz, p_at timestamptz
) returns text
language sql immutable parallel safe
as $$
    select case when p_status = 'ACTIVE' and p_expired_at <= p_at then token_lapse_reason(p_entered_at)
                else p_expired_reason end
$$;
