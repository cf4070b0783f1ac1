"""How many queries a page takes."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.lib.cache import clear_caches


def queries_of(client, url):
    """The number of queries of a page that is there."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def cold_queries_of(client, url):
    """The same for a process that remembers nothing: on a busy machine what it remembers for a second may be gone at
    the second of two looks that are compared.
    """
    clear_caches()
    return queries_of(client, url)
