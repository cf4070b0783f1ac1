"""What the API is compared with: the same SQL, or the same bytes, behind as little Python as WSGI allows.

No framework, no validation, no middleware. `/hold` and `/pay` take the fan from the body; `/signed/hold` and
`/signed/pay` check an access token as the API does and take the fan from it.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jwt
import orjson
import psycopg
from psycopg.rows import dict_row

HOLD = """select * from hold_seats(%(fan)s::bigint, %(schedule)s::bigint, %(seats)s::bigint[], %(token)s::uuid,
%(booking)s::text, null, null, 300, 600, 5, 10, null)"""
PAY = "select * from pay_reservations(%(fan)s::bigint, %(reservations)s::bigint[], null)"
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
    rows = rows_of(HOLD if path.endswith("/hold") else PAY, parameters)
    return answer(start_response, orjson.dumps(rows))


def answer(start_response: StartResponse, body: bytes) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
