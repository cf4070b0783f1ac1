"""The admin of shows."""
