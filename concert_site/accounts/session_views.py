"""The page of an account's sessions, on which each can be ended."""

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from concert_site.accounts.queries import sessions_of
from concert_site.accounts.sessions import end_sessions, end_sessions_of_keys
from concert_site.lib.web.pages import fan_id, private_page, throttled

# What a form may say in place of a session's name.
OTHERS, EVERYWHERE = "others", "everywhere"


@private_page
@throttled("write")
def sessions(request: HttpRequest) -> HttpResponse:
    here = request.session.session_key or ""
    listed = sessions_of(fan_id(request), here)
    if request.method != "POST":
        return render(request, "account/sessions.html", {"sessions": listed, "has_others": len(listed) > 1})
    asked = request.POST.get("end", "")
    chosen = next((one for one in listed if one.name == asked), None)
    if asked == EVERYWHERE or (chosen is not None and chosen.is_current):
        return log_out(request, everywhere=asked == EVERYWHERE)
    if asked == OTHERS:
        end_sessions(fan_id(request), keep=here)
        messages.success(request, gettext("You’re logged out on all other devices."))
    elif chosen is not None:
        end_sessions_of_keys([chosen.session_key])
        messages.success(request, gettext("The device was logged out."))
    else:
        messages.info(request, gettext("That device was already logged out."))
    return redirect("account_sessions")


def log_out(request: HttpRequest, *, everywhere: bool) -> HttpResponse:
    if everywhere:
        end_sessions(fan_id(request))
    logout(request)
    is_over = gettext("You’re logged out on all devices.") if everywhere else gettext("You’re logged out.")
    messages.success(request, is_over)
    return redirect("account_login")
