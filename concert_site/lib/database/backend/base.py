"""The backend itself; Django looks for it in a module of this name (`ENGINE`)."""

from typing import Any

from django.db.backends.postgresql import base

from concert_site.lib.database.silence import refuse_while_silent, remember


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections are remembered, so that whoever waits on one in vain can be told; none is made meanwhile."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # Any: as Django has it
        refuse_while_silent()
        connection = super().get_new_connection(conn_params)
        remember(connection)
        return connection
