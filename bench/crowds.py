"""Lines and lobbies of any length, written in bulk, and the room that they take.

How the people came to stand there is no matter to whoever joins after them; asking a million times over HTTP would
take most of an hour. The rows are those that a join writes, foreign keys checked.
"""

from dataclasses import dataclass
from typing import Any

import psycopg
from stack import Show

PEOPLE = """
insert into users (email, name, password, is_active, is_staff, is_superuser, locale)
select 'waiting' || n || '@fans.example', '', '!', true, false, false, '' from generate_series(1, %(length)s) n
on conflict do nothing"""
LINE = """
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at)
select id, %(schedule)s, gen_random_uuid(), 'WAITING', row_number() over (order by id), now()
  from (select id from users where email like 'waiting%%@fans.example' order by id limit %(length)s) q"""
# Who has a number was drawn, or came after the draw. (A tick may have seen that already.)
DRAWN = "update concert_schedule set drawn_at = now() where id = %(schedule)s and drawn_at is null"
LOBBY = """
insert into waiting_token (user_id, concert_schedule_id, token, status, created_at)
select id, %(schedule)s, gen_random_uuid(), 'WAITING', now()
  from (select id from users where email like 'waiting%%@fans.example' order by id limit %(length)s) q"""
ROOM = """
select pg_total_relation_size('waiting_token'), pg_indexes_size('waiting_token')"""

Connection = psycopg.Connection[Any]  # Any: rows of any shape


@dataclass(frozen=True)
class Crowd:
    """So many people, once in a line and once in a lobby."""

    size: int
    line: Show
    lobby: Show


def make_people(connection: Connection, count: int) -> None:
    connection.execute(PEOPLE, {"length": count})
    connection.execute("analyze users")


def filled(connection: Connection, statement: str, show: Show, length: int) -> str:
    """Put so many people there (LINE or LOBBY); bytes that each has added, and in brackets those of the indexes."""
    ((total, indexes),) = connection.execute(ROOM).fetchall()
    connection.execute(statement, {"schedule": show.schedule, "length": length})
    ((total_now, indexes_now),) = connection.execute(ROOM).fetchall()
    return f"{(total_now - total) / length:,.0f} ({(indexes_now - indexes) / length:,.0f})"


def settle(connection: Connection) -> None:
    """What autovacuum does by and by: after it the table is as it is while a crowd stands and waits."""
    connection.execute("vacuum (analyze) waiting_token")


def bytes_in_redis(show: Show) -> str:
    from concert_site.lib.redis import client

    keys = list(client().scan_iter(f"queue:{show.schedule}:*"))
    return f"{sum(client().memory_usage(key) or 0 for key in keys):,} ({len(keys)})"
