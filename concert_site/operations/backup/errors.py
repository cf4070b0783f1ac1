"""What keeps a backup from being made or restored."""


class BackupFailed(Exception):
    """In one line, with what to do about it."""
