"""Halls before anything is sold: geometry, plan files, pictures. Nothing in here knows a table."""
