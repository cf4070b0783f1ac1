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

CHECKS = (BALANCE_IS_ITS_LEDGER, KEY_ONCE_A_KIND)
