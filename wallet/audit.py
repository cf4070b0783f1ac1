"""The audit of the ledger."""

from concert_site.lib.audit import Check

# A balance is what its entries add up to, and each entry says what was left after it. Entries of one
# balance are written behind the lock on its row, so their ids are in the order in which they happened.
BALANCE_IS_ITS_LEDGER = Check(
    4,
    """
    WITH entry AS (
        SELECT id, balance_id, user_id, amount_after,
               sum(amount) OVER (PARTITION BY balance_id ORDER BY id) AS running
        FROM balance_history),
    ledger AS (
        SELECT balance_id, sum(amount) AS total FROM balance_history GROUP BY balance_id)
    SELECT format('balance %s: amount %s, ledger says %s', b.id, b.amount, coalesce(l.total, 0)) AS breach
    FROM balance b LEFT JOIN ledger l ON l.balance_id = b.id
    WHERE b.amount <> coalesce(l.total, 0)
    UNION ALL
    SELECT format('balance %s: amount %s is below zero', id, amount) FROM balance WHERE amount < 0
    UNION ALL
    SELECT format('ledger entry %s: says %s was left, the entries so far add up to %s',
                  id, amount_after, running)
    FROM entry WHERE amount_after <> running
    UNION ALL
    SELECT format('ledger entry %s: of fan %s, in the balance of fan %s', h.id, h.user_id, b.user_id)
    FROM balance_history h JOIN balance b ON b.id = h.balance_id
    WHERE h.user_id <> b.user_id
    """,
)

KEY_ONCE_A_KIND = Check(
    6,
    """
    SELECT format('fan %s: %s ledger entries of kind %s with the key %s', user_id, count(*), kind,
                  quote_literal(idempotency_key)) AS breach
    FROM balance_history WHERE idempotency_key IS NOT NULL
    GROUP BY user_id, kind, idempotency_key HAVING count(*) > 1
    UNION ALL
    SELECT format('ledger entry %s: a key without the hash of its request, or the other way round', id)
    FROM balance_history WHERE (idempotency_key IS NULL) <> (request_hash IS NULL)
    """,
)

# Both ways: a top-up that was received and isn't in the ledger as it was ordered, and a charge of the ledger that no
# top-up explains.
TOP_UP_IN_THE_LEDGER = Check(
    10,
    """
    SELECT format('top-up %s: %s, %s of fan %s; ledger entry %s: %s %s of fan %s', coalesce(t.id::text, 'missing'),
                  coalesce(t.state, '-'), coalesce(t.amount::text, '-'), coalesce(t.user_id::text, '-'),
                  coalesce(h.id::text, 'missing'), coalesce(h.kind, '-'), coalesce(h.amount::text, '-'),
                  coalesce(h.user_id::text, '-')) AS breach
    FROM (SELECT * FROM top_up WHERE entry_id IS NOT NULL OR state IN ('SUCCEEDED', 'PARTLY_REFUNDED', 'REFUNDED')) t
    FULL JOIN (SELECT * FROM balance_history WHERE kind = 'CHARGE') h ON h.id = t.entry_id
    WHERE t.id IS NULL OR h.id IS NULL OR t.amount <> h.amount OR t.user_id <> h.user_id
       OR t.state NOT IN ('SUCCEEDED', 'PARTLY_REFUNDED', 'REFUNDED')
    UNION ALL
    SELECT format('top-up %s: %s paid back, its withdrawals say %s', t.id, t.refunded, coalesce(sum(w.amount), 0))
    FROM top_up t LEFT JOIN withdrawal w ON w.top_up_id = t.id AND w.state <> 'FAILED'
    GROUP BY t.id, t.refunded HAVING t.refunded <> coalesce(sum(w.amount), 0)
    """,
)

# What left a wallet stands in the ledger once, and what came back once more.
WITHDRAWAL_IN_THE_LEDGER = Check(
    11,
    """
    WITH booked AS (
        SELECT id, user_id, amount, entry_id AS entry, -amount AS due FROM withdrawal
        UNION ALL
        SELECT id, user_id, amount, return_entry_id, amount FROM withdrawal WHERE return_entry_id IS NOT NULL)
    SELECT format('withdrawal %s: %s due to fan %s; ledger entry %s: %s %s of fan %s', coalesce(w.id::text, 'missing'),
                  coalesce(w.due::text, '-'), coalesce(w.user_id::text, '-'), coalesce(h.id::text, 'missing'),
                  coalesce(h.kind, '-'), coalesce(h.amount::text, '-'), coalesce(h.user_id::text, '-')) AS breach
    FROM booked w
    FULL JOIN (SELECT * FROM balance_history WHERE kind = 'WITHDRAWAL') h ON h.id = w.entry
    WHERE w.id IS NULL OR h.id IS NULL OR h.amount <> w.due OR h.user_id <> w.user_id
    """,
)

CHECKS = (BALANCE_IS_ITS_LEDGER, KEY_ONCE_A_KIND, TOP_UP_IN_THE_LEDGER, WITHDRAWAL_IN_THE_LEDGER)
