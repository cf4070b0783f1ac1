"""The waiting room under api/v1/."""

from concert_site.lib.web.converters import path
from queueing.api import views

urlpatterns = [
    path("queue-tokens/<token:token>/", views.QueueToken.as_view(), name="queue-token"),
    path("queue-tokens/<token:token>/enter/", views.Enter.as_view(), name="queue-token-enter"),
]
