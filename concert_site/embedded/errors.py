"""The one way in which starting is refused."""


class CannotStart(Exception):
    """Frontrow can't start. The message is one line that says what to do about it."""


def in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
