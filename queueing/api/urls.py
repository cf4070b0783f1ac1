"""The waiting room under api/v1/."""

from django.urls import path

from queueing.api import views

urlpatterns = [
    path("queue-tokens/<uuid:token>/", views.QueueToken.as_view(), name="queue-token"),
    path("queue-tokens/<uuid:token>/enter/", views.Enter.as_view(), name="queue-token-enter"),
]
