"""Pages of an account, beside allauth's."""

from typing import ClassVar

from django.conf import settings
from django.contrib import messages
from django.forms import ModelForm, Select
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, override
from django.utils.translation import gettext as _

from concert_site.accounts.models import User
from concert_site.lib.pages import fan_id, fans_own, throttled

A_YEAR = 365 * 86_400


class ProfileForm(ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """What a fan may change of their own account; the address and the password have pages of their own."""

    class Meta:
        model = User
        fields: ClassVar = ["name", "locale"]
        widgets: ClassVar = {"locale": Select(choices=settings.LANGUAGES)}


@fans_own
@throttled("write")
def profile(request: HttpRequest) -> HttpResponse:
    """The fan's name and language."""
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=fan_id(request)))
    if form.is_valid():
        with override(form.save().locale):
            messages.success(request, _("Saved."))
        return redirect("profile")
    return render(request, "account/profile.html", {"form": form})


def language(request: HttpRequest) -> HttpResponse:
    """Choose a language: for the account if there is one, and for this browser."""
    back = request.POST.get("next", "")
    response = redirect(back if url_has_allowed_host_and_scheme(back, None) else "concerts")
    chosen = request.POST.get("language", "")
    if request.method == "POST" and check_for_language(chosen) and chosen in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(locale=chosen)
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, chosen, max_age=A_YEAR, samesite="Lax")
    return response
