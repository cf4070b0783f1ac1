"""The settings of sites in tests where hashing is not the subject: a password costs nothing, in place of 0.4 s."""

from concert_site.settings import *  # noqa: F403 - every one of them

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
