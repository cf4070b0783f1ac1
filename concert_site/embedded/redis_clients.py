"""redis-py's client of an address, whatever stands there."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from concert_site.embedded.redis_address import (
    CLUSTER,
    SENTINEL,
    RedisAddress,
    parse,
    sentinel_options,
    tls_options,
)


class ClusterClient(RedisCluster):
    """redis-py's own, that fails as the client of one server does."""

    def execute_command(self, *words: Any, **options: Any) -> Any:  # Any: redis-py's own
        """Ask the node that has the key.

        :raises RedisError: if that fails
        """
        ask = super().execute_command
        return failing_alike(lambda: ask(*words, **options))  # type: ignore[no-untyped-call]  # as redis-py has it

    def ping(self, **options: Any) -> bool:  # Any: as above
        """Whether every part of the cluster answers."""
        return bool(super().ping(target_nodes=RedisCluster.PRIMARIES, **options))


def failing_alike(step: Callable[[], Any]) -> Any:  # Any: as above
    """What a step answers; a cluster that isn't there counts as a connection that isn't.

    :raises ConnectionError: then
    """
    try:
        return step()
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error


def connect(
    url: str,
    files: Mapping[str, str],
    *,
    sentinel_password: str = "",
    timeout: float,
    client_class: type[redis.Redis] = redis.Redis,
) -> redis.Redis:
    """A client that waits for `timeout` seconds at most, with one retry for a connection that was closed meanwhile.

    :param files: those of TLS (`redis_address.tls_of`)
    :raises ValueError: if the address can't be read
    :raises RedisError: for a cluster of which no node answers
    """
    address = parse(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 1),
    }
    secured = tls_options(files) if address.is_tls else {}
    if address.kind == CLUSTER:
        return to_cluster(address, options | secured)
    if address.kind == SENTINEL:
        asking = sentinel_options(address, files, password=sentinel_password, timeout=timeout)
        asking |= {"retry": Retry(NoBackoff(), 0)}
        sentinel = Sentinel(address.nodes, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # as redis-py has it
        options |= {"ssl": True, **secured} if address.is_tls else {}
        options |= {"db": address.database, **address.login}
        master = sentinel.master_for(address.service, client_class, **options)  # type: ignore[no-untyped-call]  # likewise
        return cast("redis.Redis", master)  # of the class that was handed over
    return client_class.from_url(address.plain_url, **address.login, **options, **secured)


def to_cluster(address: RedisAddress, options: dict[str, Any]) -> redis.Redis:
    """A client of a cluster. It has the methods of one server's, but for those of several keys in several places."""
    nodes = [ClusterNode(host, port) for host, port in address.nodes]  # type: ignore[no-untyped-call]  # likewise
    options |= {"startup_nodes": nodes, "ssl": address.is_tls, **address.login}
    found = failing_alike(lambda: ClusterClient(**options))
    return cast("redis.Redis", found)  # both have the commands that are used here, by the same names
