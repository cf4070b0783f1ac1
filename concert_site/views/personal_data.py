"""Pages of the account on which a person gets their own data, and closes the account."""

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from concert_site.accounts.address_codes import must_log_in_again
from concert_site.accounts.forms import ConfirmPasswordForm
from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict
from concert_site.lib.web.pages import fan_id, private_page, resumes_at, throttled
from concert_site.operations.personal_data import closing, erasing
from concert_site.operations.personal_data.exporting import export


class ClosingForm(ConfirmPasswordForm):
    """That it is meant, and by whom."""

    is_sure = forms.BooleanField(
        label=_("Yes, close my account for good."),
        error_messages={"required": _("Tick the box if you want to close the account.")},
    )
    field_order = ("is_sure", "password")

    def point_at_fault(self) -> None:
        """Have the first field that is wrong get the focus: on a phone it is below what is read first."""
        wrong = next((field for field in self if field.errors), None)
        if wrong:
            wrong.field.widget.attrs["autofocus"] = True


@private_page
def personal_data(request: HttpRequest) -> HttpResponse:
    """What there is of the account, and the ways to get it and to end it."""
    return render(request, "account/personal_data.html")


@private_page
@resumes_at(lambda _request: reverse("personal_data"))
@throttled("write")
def export_personal_data(request: HttpRequest) -> HttpResponse:
    """The file; who only reads this address is led to the page that has its button."""
    if request.method != "POST":
        return redirect("personal_data")
    content = export(fan_id(request))
    disposition = {"Content-Disposition": 'attachment; filename="personal-data.zip"'}
    return HttpResponse(content, content_type="application/zip", headers=disposition)


@private_page
@throttled("write")
def close_account(request: HttpRequest) -> HttpResponse:
    """Say what goes, what stays and why, or what is in the way; a form closes the account."""
    user = User.objects.get(pk=fan_id(request))
    in_the_way = erasing.obstacles(user.pk)
    must_log_in = must_log_in_again(request, user)
    form = ClosingForm(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and not in_the_way and not must_log_in and form.is_valid():
        try:
            closing.close(user)
        except Conflict as error:
            # A booking or a top-up was quicker than the form.
            messages.error(request, str(error.detail))
            return redirect("close_account")
        logout(request)
        return redirect("account_closed")
    form.point_at_fault()
    facts = {"form": form, "obstacles": in_the_way, "must_log_in": must_log_in}
    return render(request, "account/close.html", facts)


@never_cache
def account_closed(request: HttpRequest) -> HttpResponse:
    """A farewell, where it is seen; who has an account is led to it."""
    return redirect("profile") if request.user.is_authenticated else render(request, "account/closed.html")
