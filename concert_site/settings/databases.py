"""PostgreSQL and Redis."""

from concert_site.env_vars import broker_settings
from concert_site.settings.base import env

LOCK_TIMEOUT_MS = env.whole("LOCK_TIMEOUT_MS", default=2000)
# Of web processes alone: an audit, a migration and a mail run may take their time.
WEB_STATEMENT_TIMEOUT_MS = env.whole("WEB_STATEMENT_TIMEOUT_MS", default=30_000)
# It is looked at every tenth of a second, and PostgreSQL is asked every quarter.
DATABASE_SILENCE_SECONDS = env.duration("DATABASE_SILENCE_SECONDS", default=1.2, least=0.3)
IDLE_IN_TRANSACTION_MS = env.whole("IDLE_IN_TRANSACTION_MS", default=60_000)
# A pooler in transaction mode refuses connections that ask for settings of PostgreSQL's at their start, and gives each
# transaction another server process. Only PgBouncer 1.21 and later knows there what a client has prepared.
DATABASE_POOLER = env.bool("DATABASE_POOLER", default=not env.bool("PREPARE_STATEMENTS", default=True))
PREPARE_STATEMENTS = env.bool("PREPARE_STATEMENTS", default=not DATABASE_POOLER)
# What each connection is to have: asked for at its start, or behind a pooler kept for our role by PostgreSQL itself
# (concert_site.lib.database.pooler).
CONNECTION_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers_per_gather": "0",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    # A client that stalls inside a transaction must not hold seats locked.
    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
}

DEFAULT_DATABASE_URL = "postgresql:///frontrow"
DATABASES = {"default": env.postgres("DATABASE_URL", default=DEFAULT_DATABASE_URL)}
# What the address itself asks for; ours is added to it.
ASKED = DATABASES["default"].get("OPTIONS", {})
# Of several servers whichever is the primary: the others take no writes. Each is given up sooner, since one is next.
HAS_SEVERAL_HOSTS = "," in DATABASES["default"].get("HOST", "")
OF_SEVERAL = {"target_session_attrs": "read-write", "connect_timeout": 2} if HAS_SEVERAL_HOSTS else {}
DATABASES["default"] |= {
    # Django's own for PostgreSQL, which knows while the server says nothing.
    "ENGINE": "concert_site.lib.database.backend",
    "CONN_MAX_AGE": None,
    # A dead connection is noticed without a round trip, see concert_site.lib.web.middleware.ConnectionHealthMiddleware.
    "CONN_HEALTH_CHECKS": False,
    # One lives on a server process that belongs to the next client of the pooler meanwhile.
    "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLER,
    # A peer that is gone without a word is noticed by TCP; sockets of this host have no such thing.
    "OPTIONS": {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    | OF_SEVERAL
    | ASKED
    | {
        # Server-side binding stays off: with generic plans it would keep the ORM's filters on status
        # from using a partial index. Only the hot statements are prepared (concert_site.lib.database.statements).
        "server_side_binding": False,
        "prepare_threshold": 5 if PREPARE_STATEMENTS else None,
    },
}
if not DATABASE_POOLER:
    DATABASES["default"]["OPTIONS"]["options"] = " ".join(
        [ASKED.get("options", ""), *(f"-c {name}={value}" for name, value in CONNECTION_SETTINGS.items())]
    )
# Pages that may be a moment old are read there; see concert_site.lib.database.replica.
REPLICA_MOST_LAG_SECONDS = env.duration("REPLICA_MOST_LAG_SECONDS", default=5)
if env.str("REPLICA_DATABASE_URL", default=""):
    REPLICA = env.postgres("REPLICA_DATABASE_URL", default="")
    DATABASES["replica"] = (
        DATABASES["default"]
        | REPLICA
        | {
            "ENGINE": DATABASES["default"]["ENGINE"],
            "OPTIONS": {
                **{name: value for name, value in DATABASES["default"]["OPTIONS"].items() if name not in OF_SEVERAL},
                "connect_timeout": 2,
                **REPLICA.get("OPTIONS", {}),
            },
            # No test makes a database of its own there.
            "TEST": {"MIRROR": "default"},
        }
    )
    DATABASE_ROUTERS = ["concert_site.lib.database.replica.ReplicaRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_TIMEOUT_SECONDS = env.duration("REDIS_TIMEOUT_SECONDS", default=0.5)
# Certificates are checked wherever an address asks for TLS, by what the system trusts or by these files.
REDIS_TLS_FILES = {
    word: path
    for word, path in (
        ("ssl_ca_certs", env.readable("REDIS_CA_PATH")),
        ("ssl_certfile", env.readable("REDIS_CERTIFICATE_PATH", along_with="REDIS_KEY_PATH")),
        ("ssl_keyfile", env.readable("REDIS_KEY_PATH", along_with="REDIS_CERTIFICATE_PATH")),
    )
    if path
}
# Of the sentinels themselves; that of the servers stands in the address.
REDIS_SENTINEL_PASSWORD = env.str("REDIS_SENTINEL_PASSWORD", default="")
# Where Celery's queues are, if elsewhere: no cluster can have them.
BROKER_URL = env.redis("BROKER_URL", default="")
BROKER = broker_settings(
    "BROKER_URL" if BROKER_URL else "REDIS_URL",
    BROKER_URL or REDIS_URL,
    files=REDIS_TLS_FILES,
    sentinel_password=REDIS_SENTINEL_PASSWORD,
)

# It takes the client that all else takes, and with it its timeouts: without them a Redis that takes connections and
# says nothing would hold up every page.
CACHES = {
    "default": {
        "BACKEND": "concert_site.lib.cache.FailOpenRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "frontrow",
    }
}
# In PostgreSQL alone: a copy that outlives a logout would be a way back in.
SESSION_ENGINE = "concert_site.accounts.session_store"
