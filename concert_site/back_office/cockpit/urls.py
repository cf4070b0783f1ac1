"""The addresses of the cockpit, under those of the admin."""

from django.urls import URLPattern

from concert_site.back_office.cockpit import views
from concert_site.lib.web.converters import path


def urls() -> list[URLPattern]:
    """Each behind the admin's own login, but for the figures, which a pass opens."""
    return [
        path("sales/", views.sales, name="sales"),
        path("sales/figures/", views.sales_figures, name="sales_figures"),
        path("sales/pause/", views.pause_all, name="sales_pause"),
        path("sales/resume/", views.resume_all, name="sales_resume"),
        path("sales/<id:schedule_id>/", views.sale, name="sale"),
        path("sales/<id:schedule_id>/figures/", views.sale_figures, name="sale_figures"),
        path("sales/<id:schedule_id>/<slug:name>/", views.control, name="sale_control"),
    ]
