"""What a list of the admin may be narrowed by, asked of the list itself: the page of a refusal takes long to render."""

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.db.models import Model
from django.test import RequestFactory

from concert_site.accounts.models import User


def may_narrow(staff: User, model: type[Model], lookup: str, value: str) -> bool:
    """Whether the list of these is searched by what stands in its address."""
    request = RequestFactory().get("/", {lookup: value})
    request.user = staff
    try:
        admin.site._registry[model].get_changelist_instance(request)
    except DisallowedModelAdminLookup:
        return False
    return True
