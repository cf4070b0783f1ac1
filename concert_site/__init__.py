"""The site: settings, URLs, processes, and what concerns every app.

Nothing is imported here: what only starts processes passes through, and would wait for Celery.
"""

# Said here alone: by `manage.py version`, the image's labels, the list of materials, and the tag `v...` of a release.
__version__ = "1.0.0"
