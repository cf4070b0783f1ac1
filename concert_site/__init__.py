"""The site: settings, URLs, processes, and what concerns every app.

Nothing is imported here: what only starts processes passes through, and would wait for Celery.
"""
