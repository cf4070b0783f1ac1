"""Backups: database, posters and keys in one encrypted archive, and the way back."""
