"""The audit of the waiting room. A schedule's limits are read by its id alone."""

from concert_site.lib.audit import Check

ONE_LIVE_TOKEN = Check(
    7,
    """
    SELECT format('fan %s, schedule %s: %s live tokens', user_id, concert_schedule_id, count(*)) AS breach
    FROM waiting_token WHERE status IN ('WAITING', 'ACTIVE')
    GROUP BY user_id, concert_schedule_id HAVING count(*) > 1
    """,
)

# A cap that was lowered drains: who was inside by then may stay. Only an admission under the cap in force
# that went above it is a breach.
NEVER_ABOVE_THE_CAP = Check(
    8,
    """
    SELECT format('schedule %s: %s fans inside, the cap is %s', s.id, count(*), s.queue_max_active)
           AS breach
    FROM waiting_token t JOIN concert_schedule s ON s.id = t.concert_schedule_id
    WHERE t.status = 'ACTIVE'
    GROUP BY s.id
    HAVING count(*) > s.queue_max_active AND max(t.updated_active_at) > s.limits_changed_at
    """,
)

NUMBER_ONCE = Check(
    9,
    """
    SELECT format('schedule %s: number %s was given %s times', concert_schedule_id, number, count(*))
           AS breach
    FROM waiting_token WHERE number IS NOT NULL
    GROUP BY concert_schedule_id, number HAVING count(*) > 1
    """,
)

# The draw leaves nobody out, and whoever comes after it gets a number at once.
NOBODY_LEFT_OUT = Check(
    9,
    """
    SELECT format('schedule %s: %s fans wait without a number, and the draw is over', s.id, count(*)) AS breach
    FROM waiting_token t JOIN concert_schedule s ON s.id = t.concert_schedule_id
    WHERE t.status = 'WAITING' AND t.number IS NULL AND s.drawn_at IS NOT NULL
    GROUP BY s.id
    """,
)

# A number is overtaken if a higher one was admitted before it, or while it still waits, although the lower
# one had been in the line for more than 5 s by then: numbers are handed out before the rows that carry them
# become visible, and admission can't walk past what it doesn't see yet.
#
# Comparing every pair would take hours on a long line. So both sides are narrowed first in one pass each:
# to numbers above which someone was admitted before them (`overtaken`), and to numbers below which someone
# was admitted after them (`overtaking`). In a healthy line hardly any are left to be compared.
FIRST_COME_FIRST_SERVED = Check(
    9,
    """
    WITH line AS (
        SELECT t.concert_schedule_id AS schedule, t.number, t.updated_active_at AS admitted,
               CASE WHEN t.status = 'WAITING' THEN 'infinity' ELSE t.updated_active_at END AS served,
               greatest(t.created_at, s.drawn_at) + interval '5 seconds' AS settled
        FROM waiting_token t JOIN concert_schedule s ON s.id = t.concert_schedule_id
        WHERE t.number IS NOT NULL),
    compared AS (
        SELECT *,
               min(admitted) OVER above AS first_above,
               max(admitted) OVER above AS last_above,
               max(served) OVER below AS last_below
        FROM line
        WINDOW above AS (PARTITION BY schedule ORDER BY number DESC
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
               below AS (PARTITION BY schedule ORDER BY number
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
    overtaken AS MATERIALIZED (
        SELECT schedule, number, served, settled FROM compared
        WHERE first_above < served AND last_above > settled),
    overtaking AS MATERIALIZED (
        SELECT schedule, number, admitted FROM compared WHERE last_below > admitted)
    SELECT format('schedule %s: number %s was overtaken by a higher one', schedule, number) AS breach
    FROM overtaken o
    WHERE EXISTS (
        SELECT FROM overtaking h
        WHERE h.schedule = o.schedule AND h.number > o.number
          AND h.admitted > o.settled AND h.admitted < o.served)
    """,
)

CHECKS = (ONE_LIVE_TOKEN, NEVER_ABOVE_THE_CAP, NUMBER_ONCE, NOBODY_LEFT_OUT, FIRST_COME_FIRST_SERVED)
