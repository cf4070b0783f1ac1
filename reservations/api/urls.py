"""Booking and the waiting room under api/v1/."""

from concert_site.lib.web.converters import path
from queueing.api.views import Enter, QueueToken
from reservations.api import draw_views, ticket_views, views, waiting_views
from reservations.queries.sales import facts_of

urlpatterns = [
    path("schedules/<id:pk>/queue-tokens/", waiting_views.Join.as_view(), name="join"),
    path("schedules/<id:pk>/queue/", waiting_views.PublicProgress.as_view(), name="queue"),
    path("schedules/<id:pk>/draw/", draw_views.Draw.as_view(), name="draw"),
    path("queue-tokens/<token:token>/", QueueToken.as_view(read_facts=facts_of), name="queue-token"),
    path("queue-tokens/<token:token>/enter/", Enter.as_view(read_facts=facts_of), name="queue-token-enter"),
    path("reservations/", views.Reservations.as_view(), name="reservations"),
    path("reservations/<id:pk>/", views.OwnReservation.as_view(), name="reservation"),
    path("reservations/<id:pk>/extend/", views.Extend.as_view(), name="reservation-extend"),
    path("reservations/<id:pk>/ticket/", ticket_views.OwnTicket.as_view(), name="ticket"),
    path("tickets/key/", ticket_views.TicketKey.as_view(), name="ticket-key"),
]
