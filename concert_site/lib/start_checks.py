"""The tags of Django's checks that `manage.py up` looks at as well, before it starts anything."""

# Of every site, and of one that has a web server here.
START, START_OF_WEB = "start", "start_of_web"
