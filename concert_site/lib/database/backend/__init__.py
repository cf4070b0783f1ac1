"""Django's backend for PostgreSQL, which knows while the server says nothing."""
