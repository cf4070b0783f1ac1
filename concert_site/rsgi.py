"""What granian calls (`--interface rsgi concert_site.rsgi:application`)."""

# Sets Django up, before anything else of ours is loaded.
from concert_site.wsgi import application as dispatcher  # isort: skip

from concert_site.front.server import Front

application = Front(dispatcher)
