"""What bench/drills/alerts.py does to a site, one thing after the other: each a fault, with the alerts of it."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil
import psycopg
import stack
from alerts_load import Load
from alerts_site import Drill, ask
from card_fans import SECRET
from stack import Audience, Fan

Act = Callable[[Drill, Load], None]
# Fans of a sale whose money comes from a provider, a lobby too large for web processes to draw, and its opening.
HOLDERS, LOBBY, OPENS_IN = 150, 2_100, 20
OVERDUE_SECONDS = 170.0
LOGINS = 400
IN_LINE = """
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at)
select fan, %s, gen_random_uuid(), 'WAITING', case when %s then n end, now()
  from unnest(%s::bigint[]) with ordinality as q (fan, n)"""
REPLAY = """
from wallet.domain.provider_events import replay
from wallet.models import ProviderEvent
for each in ProviderEvent.objects.filter(state="FAILED"):
    replay(each.pk)
"""


@contextmanager
def undone(do: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    """Do something, and undo it afterwards."""
    do()
    try:
        yield
    finally:
        undo()


def close_all(opened: Sequence[psycopg.Connection[Any] | socket.socket]) -> None:  # Any: rows of any shape
    for each in opened:
        each.close()


@contextmanager
def locked(drill: Drill, statement: str) -> Iterator[None]:
    """Somebody has taken a lock, and keeps it."""
    with drill.database() as connection, connection.transaction():
        connection.execute(statement)
        yield


# --- Money -------------------------------------------------------------------------------------


def backups(drill: Drill, load: Load) -> None:
    def clear() -> None:
        for each in drill.backups.iterdir():
            each.unlink()

    fault = undone(clear, lambda: drill.run("backup"))
    drill.cause("the folder of backups is cleared; then `manage.py backup`", fault, "FrontrowBackupOld", within=110)


def nobody_pays(drill: Drill, load: Load) -> None:
    what = "the provider hangs up; fans hold seats to pay by card; then it answers, and fans pay"
    alerts = ("FrontrowNobodyPays", "FrontrowProviderAway stripe")
    with holders(drill):
        fault = undone(lambda: drill.provider.fail("hangup", times=10**6), lambda: end_well(drill, load))
        drill.cause(what, fault, *alerts, within=150)


def end_well(drill: Drill, load: Load) -> None:
    drill.provider.faults.clear()
    load.may_buy.set()


@contextmanager
def holders(drill: Drill) -> Iterator[None]:
    """Fans inside who hold a seat each, and would pay it by card."""
    show = drill.site.make_show(seats=HOLDERS, max_active=HOLDERS, price=50_000)
    fans, is_over = drill.site.make_fans(HOLDERS, balance=0), threading.Event()
    with drill.database() as connection:
        tokens = drill.site.let_in(connection, show, fans)

    work = Audience(show, fans, tokens).seated()

    def hold_on() -> None:
        for fan, seat in work:
            if not is_over.is_set():
                hold_for_card(drill, fan, tokens[fan.id], show.schedule, seat)

    threads = [threading.Thread(target=hold_on, daemon=True) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        is_over.set()


def hold_for_card(drill: Drill, fan: Fan, token: str, schedule: int, seat: int) -> None:
    body = {"schedule": schedule, "seats": [seat]}
    status, held = drill.site.ask("POST", "reservations/", body, fan.bearer | {"X-Queue-Token": token})
    if status == 201:
        ids = [each["id"] for each in held["reservations"]]
        drill.site.ask("POST", "payments/", {"reservations": ids, "pay_with": "card"}, fan.bearer)


def money_stuck(drill: Drill, load: Load) -> None:
    """A withdrawal that the bank leaves open, and a message of the provider's that can't be worked on."""
    fan = topped_up(drill, 50_000)
    drill.provider.stripe.is_refund_slow = True
    key = {"Idempotency-Key": "drill"}
    status, said = drill.site.ask("POST", "wallet/withdrawals/", {"amount": 20_000}, fan.bearer | key)
    drill.check(status == 201, f"a withdrawal is under way: {status} {said}")
    fault = undone(lambda: move_withdrawal(drill, "-"), lambda: pay_out(drill))
    what = "a refund to a card that the bank leaves open for a day (its row is moved back by 25 hours); then it is made"
    drill.cause(what, fault, "FrontrowWithdrawalLate", "FrontrowMoneyNeedsStaff", within=60)
    what = "a webhook, while the provider answers 500 (the 19 first tries of half a day are skipped); then done again"
    drill.cause(what, undone(lambda: give_up(drill), lambda: replay(drill)), "FrontrowProviderEventsFailed",
                within=60)  # fmt: skip


def topped_up(drill: Drill, amount: int) -> Fan:
    """A fan who has paid so much by card."""
    (fan,) = drill.site.make_fans(1, balance=0)
    key = {"Idempotency-Key": "drill"}
    status, charge = drill.site.ask("POST", "wallet/charges/", {"amount": amount}, fan.bearer | key)
    assert status in (200, 201, 202), (status, charge)
    path = urlsplit(charge["next"]["url"]).path
    page = ask(f"http://127.0.0.1:{drill.site.port}{path}")[1].decode()
    found = SECRET.search(page)
    assert found, page[:500]
    with drill.provider.lock:
        drill.provider.stripe.pay(found[1])
    ask(f"http://127.0.0.1:{drill.site.port}{path.removesuffix('pay/')}")
    return fan


def move_withdrawal(drill: Drill, sign: str) -> None:
    drill.sql(f"update withdrawal set created_at = created_at {sign} interval '25 hours'")


def pay_out(drill: Drill) -> None:
    move_withdrawal(drill, "+")
    with drill.provider.lock:
        stripe = drill.provider.stripe
        stripe.is_refund_slow = False
        for refund in stripe.refunds.values():
            if refund["status"] == "pending":
                stripe.finish_refund(refund["id"])
    drill.sql("update withdrawal set next_look_at = now() where next_look_at is not null")


def give_up(drill: Drill) -> None:
    drill.provider.fail("before", "GET /v1/(payment_intents|refunds)", times=10**6)
    stripe = drill.provider.stripe
    headers, body = stripe.webhook(next(each for each in stripe.events if each["type"] == "payment_intent.succeeded"))
    address = f"http://127.0.0.1:{drill.site.port}/webhooks/stripe/"
    status = told(address, headers, body)
    drill.check(status == 200, f"a webhook is kept: {status}")
    drill.sql("update provider_event set attempts = 19, next_attempt_at = now() where state = 'RECEIVED'")


def told(url: str, headers: dict[str, str], body: bytes) -> int:
    with urlopen(Request(url, body, headers, method="POST"), timeout=10) as answer:
        return int(answer.status)


def replay(drill: Drill) -> None:
    drill.provider.faults.clear()
    drill.run("shell", "-c", REPLAY)


# --- PostgreSQL and Redis ------------------------------------------------------------------------


def tasks_fail(drill: Drill, load: Load) -> None:
    away = "alter table refund_run rename to refund_run_away"
    back = "alter table refund_run_away rename to refund_run"
    fault = undone(lambda: drill.sql(away), lambda: drill.sql(back))
    drill.cause("a table that a task needs isn't there", fault, "FrontrowTasksFail payments.refund_dates", within=60)


def connections(drill: Drill, load: Load) -> None:
    with drill.database() as connection:
        row = connection.execute("select count(*) from pg_stat_activity where backend_type = 'client backend'")
        (used,) = row.fetchone() or (0,)
    kept: list[psycopg.Connection[Any]] = []  # Any: rows of any shape
    # Some are left for the site, and for who asks how many there are.

    def keep() -> None:
        kept.extend(drill.database() for _ in range(90 - used))

    fault = undone(keep, lambda: close_all(kept))
    drill.cause("connections are kept, 90 of 100", fault, "FrontrowConnectionsNearlyUsed", within=40)


def task_changed(drill: Drill, load: Load) -> None:
    switch = "update django_celery_beat_periodictask set enabled = %s where name = 'concert_site.audit'"
    fault = undone(lambda: drill.sql(switch, False), lambda: drill.sql(switch, True))
    drill.cause("a periodic task is switched off", fault, "FrontrowPeriodicTaskChanged", within=60)


def mail_away(drill: Drill, load: Load) -> None:
    """Tickets are bought meanwhile. That one has waited for half an hour is told to the database."""
    aged = "update payment set created_at = created_at {} interval '1 hour' where id = (select min(id) from payment)"
    owed = "update payment set confirmed_mail_at = null where id = (select min(id) from payment)"

    def do() -> None:
        drill.mail.close()
        drill.sql(owed)
        drill.sql(aged.format("-"))

    def undo() -> None:
        drill.sql(aged.format("+"))
        drill.open_mail_server()

    alerts = ("FrontrowMailServerAway", "FrontrowMailsOwed confirmed")
    drill.cause("the mail server is away (one ticket's row is moved back by an hour)", undone(do, undo), *alerts,
                within=120)  # fmt: skip


def table_locked(drill: Drill, load: Load) -> None:
    alerts = ("FrontrowSlow", "FrontrowDatabaseErrors lock_timeout", "FrontrowServerErrors")
    fault = locked(drill, "lock table reservation in share row exclusive mode")
    began = drill.cause("somebody locks the table of reservations while fans hold", fault, *alerts, within=150)
    load.print_since(began, time.monotonic())


def line_locked(drill: Drill, load: Load) -> None:
    show = drill.site.make_show(seats=100, max_active=1)
    fans = [fan.id for fan in drill.site.make_fans(5, balance=0)]
    drill.sql(IN_LINE, show.schedule, True, fans)
    time.sleep(5)
    fault = locked(drill, f"select lock_waiting_room({show.schedule})")
    alert = f"FrontrowLineStandsStill {show.schedule}"
    drill.cause("somebody holds a date's lock while fans wait", fault, alert, within=60)


def postgres_frozen(drill: Drill, load: Load) -> None:
    alerts = ("FrontrowPostgresAway", "FrontrowPostgresSilent")
    began = drill.cause("PostgreSQL frozen for 35 s", drill.frozen("postgres"), *alerts, within=34, least=35)
    thawed = drill.causes[-1].ended
    reads, writes = load.print_since(began, thawed)
    drill.check(set(reads["healthz"][0]) == {200} and reads["healthz"][1] < 1, "/healthz is answered within a second")
    drill.check(set(reads["readyz"][0]) <= {200, 503}, "/readyz is answered")
    drill.check(set(reads[load.polled][0]) == {200}, "polls of a line are answered")
    slowest = max(longest for _, longest in reads.values())
    drill.check(slowest < 3, f"no reader waits longer than 3 s: {slowest:.2f}")
    told_so = 503 in {status for statuses, _ in writes.values() for status in statuses}
    drill.check(told_so, "fans who hold and pay meanwhile are told so")
    load.check_refusals(began, thawed)
    done = len(load.diary.acknowledged_at)
    stack.wait_for(lambda: len(load.diary.acknowledged_at) > done, "a hold or payment again", 20)
    print(f"  the first hold or payment again {time.monotonic() - thawed:.1f} s after PostgreSQL goes on")


def redis_frozen(drill: Drill, load: Load) -> None:
    alerts = ("FrontrowRedisAway", "FrontrowBrokerAway")
    began = drill.cause("Redis frozen for 60 s", drill.frozen("redis"), *alerts, within=40, least=60)
    ended = drill.causes[-1].ended
    reads, writes = load.print_since(began, ended)
    drill.check(set(reads["readyz"][0]) == {200}, "/readyz stays 200")
    probes = [each for each in load.reads.between(began + 3, ended - 2) if each.what == "readyz"]
    drill.check(all(b'"degraded"' in each.body for each in probes), "/readyz says degraded")
    drill.check(set(reads["healthz"][0]) == {200}, "/healthz stays 200")
    drill.check(set(reads["api/v1/concerts/"][0]) == {200}, "the programme is served")
    statuses = {status for each, _ in writes.values() for status in each}
    drill.check(statuses <= {200, 201} and len(writes) == 2, f"fans hold and pay on: {sorted(statuses)}")
    load.check_refusals(began, ended)


# --- Parts of the site ---------------------------------------------------------------------------


def beat_frozen(drill: Drill, load: Load) -> None:
    drill.cause("beat frozen", drill.frozen("beat"), "FrontrowPartLate beat", within=40)


def workers_frozen(drill: Drill, load: Load) -> None:
    """A lobby opens meanwhile, which is too large for web processes to draw by the way."""
    fans = [fan.id for fan in drill.site.make_fans(LOBBY, balance=0)]
    show = drill.site.make_show(seats=100, max_active=10, opens_in=OPENS_IN)
    drill.sql(IN_LINE, show.schedule, False, fans)
    alerts = ("FrontrowPartLate ticks", "FrontrowPartLate worker", "FrontrowQueueLong ticks")
    is_over = threading.Event()
    url = f"http://127.0.0.1:{drill.site.port}/"

    def look_on() -> None:
        while not is_over.wait(1):
            ask(f"{url}api/v1/schedules/{show.schedule}/queue/")

    threading.Thread(target=look_on, daemon=True).start()
    overdue = f"FrontrowDrawOverdue {show.schedule}"
    with drill.frozen("ticks", "worker"):
        # The draw goes once it is made; the parts as soon as they work.
        fault = undone(lambda: None, lambda: check_degraded(drill))
        drill.cause("ticks and worker frozen, with 2,100 fans in a lobby", fault, *alerts, overdue,
                    within=OVERDUE_SECONDS)  # fmt: skip
    is_over.set()


def check_degraded(drill: Drill) -> None:
    status, body, _ = ask(f"http://127.0.0.1:{drill.site.port}/readyz")
    said = json.loads(body)
    parts = {name: said[name] for name in ("status", "ticks", "beat", "worker")}
    drill.check(status == 200 and (said["status"], said["ticks"], said["worker"]) == ("degraded", "late", "late"),
                f"/readyz is {status}, and says {parts}")  # fmt: skip


def metrics_frozen(drill: Drill, load: Load) -> None:
    drill.cause("the process of the metrics frozen", drill.frozen("metrics"), "FrontrowNotScraped", within=40)


def web_dies(drill: Drill, load: Load) -> None:
    is_over = threading.Event()

    def kill_on() -> None:
        while not is_over.wait(0.2):
            # `up` may have started another server.
            with suppress(psutil.Error, StopIteration, ValueError):
                for each in psutil.Process(drill.site.pid_of("web")).children():
                    each.kill()

    thread = threading.Thread(target=kill_on, daemon=True)
    drill.cause("web processes die as soon as they start", undone(thread.start, is_over.set), "FrontrowNoWeb",
                within=40)  # fmt: skip
    stack.wait_for(lambda: ask(f"http://127.0.0.1:{drill.site.port}/readyz")[0] == 200, "web again")


def logins_flood(drill: Drill, load: Load) -> None:
    body = json.dumps({"email": "nobody@example.com", "password": "correct horse"}).encode()
    head = f"POST /_allauth/app/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1:{drill.site.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    open_ones = [socket.create_connection(("127.0.0.1", drill.site.port)) for _ in range(LOGINS)]

    def send() -> None:
        for each in open_ones:
            each.sendall(head.encode() + body)

    fault = undone(send, lambda: close_all(open_ones))
    drill.cause(f"{LOGINS} log in at once", fault, "FrontrowLaneFull passwords", within=40)


def disk_full(drill: Drill, load: Load) -> None:
    file = drill.media / "ballast"
    fault = undone(lambda: file.write_bytes(bytes(7_700_000)), file.unlink)
    drill.cause("the disk of posters is filled to 92 %", fault, "FrontrowDiskNearlyFull media", within=60)


def replica_late(drill: Drill, load: Load) -> None:
    def replay_on_replica(word: str) -> None:
        with drill.replica.connect() as connection:
            connection.execute(f"select pg_wal_replay_{word}()")

    fault = undone(lambda: replay_on_replica("pause"), lambda: replay_on_replica("resume"))
    drill.cause("the replica doesn't replay while fans buy", fault, "FrontrowReplicaPassedOver", within=60)


def replica_killed(drill: Drill, load: Load) -> None:
    fault = undone(lambda: drill.replica.stop(signal.SIGKILL), drill.replica.start)
    drill.cause("the replica killed", fault, "FrontrowReplicaPassedOver", within=60)
