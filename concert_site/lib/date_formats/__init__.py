"""Formats of dates by language, for Django (settings.FORMAT_MODULE_PATH)."""
