"""Pages of paying and canceling."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
