"""Dates in Korean as concert_site/lib/formats.py has them, in Django's letters."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y.m.d(D)"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y.m.d(D) H:i"
