"""What the API is compared with: the same SQL, or the same bytes, behind as little Python as WSGI allows.

No framework, no validation, no middleware. `/hold`, `/pay` and `/join` take the fan from the body; `/signed/hold` and
its like check an access token as the API does. A join is its read, a number of Redis, an insert.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import orjson
import psycopg
from psycopg.rows import dict_row
from redis import Redis

HOLD = """select * from hold_seats(%(fan)s::bigint, %(schedule)s::bigint, %(seats)s::bigint[], %(token)s::uuid,
%(booking)s::text, null, null, 300, 600, 5, 10, null)"""
PAY = "select * from pay_reservations(%(fan)s::bigint, %(reservations)s::bigint[], null)"
ROOT = Path(__file__).resolve().parent.parent
JOIN_FACTS = (ROOT / "reservations/domain/join_facts.sql").read_text()
JOIN_LINE = (ROOT / "queueing/domain/join_line.sql").read_text()
NEXT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', KEYS[1], 'run') ~= run then return nil end
return redis.call('HINCRBY', KEYS[1], 'number', 1)
"""
OPTIONS = "-c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0 -c lock_timeout=2000"

BODY = Path(os.environ["BENCH_BODY"]).read_bytes()
KEY = (Path(os.environ["DATA_DIR"]) / "jwt_private_key").read_text()
local = threading.local()

Environ = dict[str, Any]  # Any: WSGI's own
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def rows_of(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:  # Any: columns of every type
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(
            os.environ["BENCH_DATABASE_URL"], autocommit=True, row_factory=dict_row, options=OPTIONS
        )
    rows: list[dict[str, Any]] = local.connection.execute(sql, parameters, prepare=True).fetchall()
    return rows


def join(parameters: dict[str, Any]) -> list[dict[str, Any]]:  # Any: as above
    if not hasattr(local, "redis"):
        local.redis = Redis.from_url(os.environ["BENCH_REDIS_URL"])
    rows_of(JOIN_FACTS, parameters)
    parameters["token"] = uuid4()
    parameters["number"] = local.redis.eval(NEXT, 1, f"queue:{parameters['schedule']}:counter")
    return rows_of(JOIN_LINE, parameters)


def fan_of(environ: Environ) -> int:
    token = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY, algorithms=["HS256"])
    return int(claims["sub"])


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/bytes":
        return answer(start_response, BODY)
    parameters = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if path.startswith("/signed"):
        parameters["fan"] = fan_of(environ)
    what = path.rpartition("/")[2]
    rows = join(parameters) if what == "join" else rows_of({"hold": HOLD, "pay": PAY}[what], parameters)
    return answer(start_response, orjson.dumps(rows))


def answer(start_response: StartResponse, body: bytes) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
