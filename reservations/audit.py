"""The audit of seats and reservations."""

from concert_site.lib.audit import Check

SEAT_ONCE = Check(
    1,
    """
    SELECT format('seat %s: %s live reservations', concert_seat_id, count(*)) AS breach
    FROM reservation WHERE status IN ('RESERVING', 'RESERVED')
    GROUP BY concert_seat_id HAVING count(*) > 1
    """,
)

# Both ways at once: a seat without its reservation, a reservation without its seat, and a pair that
# disagrees on the state, the holder, the end of the hold, or the schedule.
SEAT_AND_RESERVATION_AGREE = Check(
    2,
    """
    SELECT format('seat %s: %s of fan %s until %s, reservation %s: %s of fan %s until %s',
                  coalesce(s.id, r.concert_seat_id),
                  coalesce(s.status, 'free'), coalesce(s.user_id::text, '-'),
                  coalesce(s.expired_at::text, '-'), coalesce(r.id::text, '-'),
                  coalesce(r.status, 'none'), coalesce(r.user_id::text, '-'),
                  coalesce(r.expired_at::text, '-')) AS breach
    FROM (SELECT id, status, user_id, expired_at, concert_schedule_id
          FROM concert_seat WHERE status IN ('TEMPORARY', 'RESERVED')) s
    FULL JOIN (SELECT id, concert_seat_id, status, user_id, expired_at, concert_schedule_id
               FROM reservation WHERE status IN ('RESERVING', 'RESERVED')) r ON r.concert_seat_id = s.id
    WHERE s.id IS NULL OR r.id IS NULL
       OR (s.status = 'TEMPORARY') <> (r.status = 'RESERVING')
       OR s.user_id IS DISTINCT FROM r.user_id
       OR s.expired_at IS DISTINCT FROM r.expired_at
       OR s.concert_schedule_id <> r.concert_schedule_id
    """,
)

KEY_ONCE = Check(
    6,
    """
    SELECT format('fan %s: %s bookings with the key %s', user_id, count(*),
                  quote_literal(idempotency_key)) AS breach
    FROM reservation WHERE idempotency_key IS NOT NULL
    GROUP BY user_id, idempotency_key HAVING count(*) > 1
    UNION ALL
    SELECT format('reservation %s: a key without the hash of its request, or the other way round', id)
    FROM reservation WHERE (idempotency_key IS NULL) <> (request_hash IS NULL)
    """,
)

# A limit that was lowered drains, like a lowered cap: what a fan had by then stays theirs.
WITHIN_THE_LIMIT = Check(
    7,
    """
    SELECT format('fan %s, schedule %s: %s live reservations, the limit is %s',
                  r.user_id, s.id, count(*), s.tickets_per_fan) AS breach
    FROM reservation r JOIN concert_schedule s ON s.id = r.concert_schedule_id
    WHERE r.status IN ('RESERVING', 'RESERVED')
    GROUP BY r.user_id, s.id
    HAVING count(*) > s.tickets_per_fan AND max(r.created_at) > s.limits_changed_at
    """,
)

NAMED_HOLD_IS_OFF_SALE = Check(
    13,
    """
    SELECT format('seat %s: %s, of schedule %s; kept by named hold %s of schedule %s', s.id, s.status,
                  s.concert_schedule_id, n.id, n.concert_schedule_id) AS breach
    FROM named_hold_seat h
    JOIN concert_seat s ON s.id = h.concert_seat_id
    JOIN named_hold n ON n.id = h.named_hold_id
    WHERE h.outcome IS NULL AND (s.status <> 'UNAVAILABLE' OR s.concert_schedule_id <> n.concert_schedule_id)
    UNION ALL
    SELECT format('seat %s: in %s live named holds', concert_seat_id, count(*))
    FROM named_hold_seat WHERE outcome IS NULL
    GROUP BY concert_seat_id HAVING count(*) > 1
    """,
)

# A date is made with all seats of a hall's version or not at all, and loses them all or none.
SEATS_OF_THE_HALL = Check(
    14,
    """
    SELECT format('schedule %s: %s seats, its hall has %s', s.id, count(seat.id), version.seat_count) AS breach
    FROM concert_schedule s
    JOIN hall_version version ON version.id = s.hall_version_id
    LEFT JOIN concert_seat seat ON seat.concert_schedule_id = s.id
    GROUP BY s.id, version.seat_count HAVING count(seat.id) <> version.seat_count
    """,
)

CHECKS = (SEAT_ONCE, SEAT_AND_RESERVATION_AGREE, KEY_ONCE, WITHIN_THE_LIMIT, NAMED_HOLD_IS_OFF_SALE, SEATS_OF_THE_HALL)
