from django.apps import AppConfig


class ConcertSiteConfig(AppConfig):
    name = "concert_site"
