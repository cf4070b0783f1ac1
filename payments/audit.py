"""The audit of payments: against reservations on one side, against the ledger on the other."""

from concert_site.lib.audit import Check

RESERVED_WHILE_PAID = Check(
    3,
    """
    SELECT format('reservation %s: %s at %s by fan %s, payment %s: %s at %s by fan %s',
                  coalesce(r.id, p.reservation_id),
                  CASE WHEN r.id IS NULL THEN 'not RESERVED' ELSE 'RESERVED' END,
                  coalesce(r.price::text, '-'), coalesce(r.user_id::text, '-'),
                  coalesce(p.id::text, '-'),
                  CASE WHEN p.id IS NULL THEN 'not COMPLETED' ELSE 'COMPLETED' END,
                  coalesce(p.price::text, '-'), coalesce(p.user_id::text, '-')
           ) AS breach
    FROM (SELECT id, user_id, price FROM reservation WHERE status = 'RESERVED') r
    FULL JOIN (SELECT id, reservation_id, user_id, price FROM payment WHERE state = 'COMPLETED') p
           ON p.reservation_id = r.id
    WHERE r.id IS NULL OR p.id IS NULL OR r.user_id <> p.user_id OR r.price <> p.price
    """,
)

# Both ways at once: a payment whose entries are missing, repeated, of another sum or of another fan, and
# an entry of these kinds whose payment is missing or doesn't call for it.
PAYMENT_IN_THE_LEDGER = Check(
    5,
    """
    WITH booked AS (
        SELECT payment_id,
               count(*) FILTER (WHERE kind = 'PAYMENT') AS payments,
               sum(amount) FILTER (WHERE kind = 'PAYMENT') AS paid,
               count(*) FILTER (WHERE kind = 'REFUND') AS refunds,
               sum(amount) FILTER (WHERE kind = 'REFUND') AS refunded,
               min(user_id) AS first_fan, max(user_id) AS last_fan
        FROM balance_history WHERE kind IN ('PAYMENT', 'REFUND')
        GROUP BY payment_id)
    SELECT format('payment %s: %s, price %s, fee %s, ledger says %s paid in %s entries, %s refunded in %s',
                  coalesce(coalesce(p.id, b.payment_id)::text, 'unknown'), coalesce(p.state, 'missing'),
                  coalesce(p.price::text, '-'), coalesce(p.refund_fee::text, '-'),
                  coalesce(-b.paid, 0), coalesce(b.payments, 0),
                  coalesce(b.refunded, 0), coalesce(b.refunds, 0)) AS breach
    FROM payment p FULL JOIN booked b ON b.payment_id = p.id
    WHERE p.id IS NULL OR b.first_fan IS NULL
       OR b.payments <> 1 OR b.paid <> -p.price
       OR b.refunds <> (p.state = 'CANCELED')::int
       OR p.state = 'CANCELED' AND b.refunded IS DISTINCT FROM p.price - p.refund_fee
       OR b.first_fan <> p.user_id OR b.last_fan <> p.user_id
    """,
)

# What a clerk took or handed out is an adjustment of the fan's ledger, of the same sum and by the same clerk.
TILL_IN_THE_LEDGER = Check(
    12,
    """
    SELECT format('till entry %s: %s of fan %s by %s; ledger entry %s: %s %s of fan %s by %s', t.id, t.amount,
                  t.user_id, t.actor_id, coalesce(h.id::text, 'missing'), coalesce(h.kind, '-'),
                  coalesce(h.amount::text, '-'),
                  coalesce(h.user_id::text, '-'), coalesce(h.actor_id::text, '-')) AS breach
    FROM till_entry t LEFT JOIN balance_history h ON h.id = t.entry_id
    WHERE t.amount <> 0
      AND (h.id IS NULL OR h.kind <> 'ADJUSTMENT' OR h.amount <> t.amount OR h.user_id <> t.user_id
           OR h.actor_id IS DISTINCT FROM t.actor_id)
    UNION ALL
    SELECT format('payment %s: complimentary %s, its reservation %s', p.id, p.complimentary, r.complimentary)
    FROM payment p JOIN reservation r ON r.id = p.reservation_id
    WHERE p.complimentary <> r.complimentary
    """,
)

# What was exchanged or handed over: all of it went back, and the new payment is of the same booking.
REBOOKED_IN_FULL = Check(
    5,
    """
    SELECT format('rebooking %s (%s): payment %s of fan %s: %s at %s, fee %s, seat %s;'
                  ' payment %s of fan %s at %s, seat %s',
                  b.id, b.kind, o.id, o.user_id, o.state, o.price, coalesce(o.refund_fee::text, '-'),
                  ro.concert_seat_id, n.id, n.user_id, n.price, rn.concert_seat_id) AS breach
    FROM rebooking b
    JOIN payment o ON o.id = b.old_payment_id JOIN reservation ro ON ro.id = o.reservation_id
    JOIN payment n ON n.id = b.new_payment_id JOIN reservation rn ON rn.id = n.reservation_id
    WHERE o.state <> 'CANCELED' OR o.refund_fee <> 0 OR ro.booking_reference <> rn.booking_reference
       OR b.kind = 'EXCHANGE' AND (o.user_id <> n.user_id OR ro.concert_seat_id = rn.concert_seat_id)
       OR b.kind = 'HANDOVER' AND (o.user_id = n.user_id OR ro.concert_seat_id <> rn.concert_seat_id
                                   OR o.price <> n.price)
    """,
)

# What is still to be refunded of a date is the matter of its run, for as long as that is open.
CANCELED_DATES = Check(
    15,
    """
    SELECT format('schedule %s: canceled %s, refunds %s', coalesce(s.id, r.concert_schedule_id),
                  coalesce(s.canceled_at::text, 'never'),
                  CASE WHEN r.id IS NULL THEN 'missing' ELSE 'begun' END) AS breach
    FROM (SELECT id, canceled_at FROM concert_schedule WHERE canceled_at IS NOT NULL) s
    FULL JOIN (SELECT id, concert_schedule_id FROM refund_run WHERE is_cancellation) r ON r.concert_schedule_id = s.id
    WHERE s.id IS NULL OR r.id IS NULL
    UNION ALL
    SELECT format('reservation %s of canceled schedule %s: %s after its refunds were over',
                  b.id, r.concert_schedule_id, b.status)
    FROM refund_run r
    JOIN concert_seat t ON t.concert_schedule_id = r.concert_schedule_id AND t.status IN ('TEMPORARY', 'RESERVED')
    JOIN reservation b ON b.concert_seat_id = t.id AND b.status IN ('RESERVING', 'RESERVED')
    WHERE r.is_cancellation AND r.ended_at IS NOT NULL
    """,
)

CHECKS = (RESERVED_WHILE_PAID, PAYMENT_IN_THE_LEDGER, TILL_IN_THE_LEDGER, REBOOKED_IN_FULL, CANCELED_DATES)
