from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "concert_site.accounts"
    label = "accounts"
