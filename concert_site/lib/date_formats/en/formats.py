"""Dates in English as concert_site/lib/formats.py has them, in Django's letters."""

DATE_FORMAT = SHORT_DATE_FORMAT = "D, M j, Y"
TIME_FORMAT = "g:i A"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "D, M j, Y, g:i A"
