"""Pages of an account, beside allauth's."""

from email.utils import parseaddr
from typing import Any

from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.views import PasswordResetView, SignupView
from allauth.socialaccount.views import SignupView as SocialSignupView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from concert_site.accounts import brute_force, proof_of_work
from concert_site.accounts.adapter import AddressTaken
from concert_site.accounts.address_codes import ask_for_another, must_log_in_again, send_code
from concert_site.accounts.addresses import is_verified
from concert_site.accounts.forms import AddressForm, CodeForm, ProfileForm
from concert_site.accounts.models import User
from concert_site.lib.web.pages import fan_id, next_url, private_page, throttled

A_YEAR = 365 * 86_400


class FreeEmailMixin:
    """A sign-up page on which an address that was taken meanwhile is an error of its field."""

    def form_valid(self, form: BaseForm) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # of the view it is mixed into
        except AddressTaken as taken:
            form.add_error("email", taken.error)
            response = self.form_invalid(form)  # type: ignore[attr-defined]  # as above
        return response


class Signup(FreeEmailMixin, SignupView):  # type: ignore[misc]  # allauth comes without types
    """Make an account."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """Count it, and demand a proof of work if the house wants one; without one nothing else is looked at.

        :raises TooManyAttempts: if too many came from this network
        """
        brute_force.admit_sign_up(request)
        form = self.get_form()
        try:
            proof_of_work.require_proof(request)
        except proof_of_work.ProofNeeded as needed:
            form.add_error(None, str(needed.detail))
            refused: HttpResponse = self.form_invalid(form)
            return refused
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def get_success_url(self) -> str | None:
        """Where the address is confirmed, if that is demanded; from there on to where they were going."""
        onward: str | None = super().get_success_url()
        if not settings.VERIFY_ADDRESSES:
            return onward
        return redirect_to_login(onward or reverse(settings.LOGIN_REDIRECT_URL), "verify_address").url

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # Any: as above
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if settings.SIGNUP_PROOF_OF_WORK:
            context |= {
                "challenge": proof_of_work.new_challenge(),
                "contact": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
            }
        return context


class SocialSignup(FreeEmailMixin, SocialSignupView):  # type: ignore[misc]  # as above
    """Make an account after a login elsewhere that left something to ask."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Count it. Whom another house knows needs no proof of work.

        :raises TooManyAttempts: as above
        """
        brute_force.admit_sign_up(request)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class PasswordReset(PasswordResetView):  # type: ignore[misc]  # as above
    """Ask for a code."""

    def form_valid(self, form: BaseForm) -> HttpResponse:
        """Count it, and send the code if there is such an account; the answer is the same if there is none.

        :raises TooManyAttempts: if too many were asked for
        """
        brute_force.admit_reset(self.request, form.cleaned_data["email"])
        response: HttpResponse = super().form_valid(form)
        return response


@private_page
@throttled("write")
def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=fan_id(request)))
    if form.is_valid():
        with override(form.save().locale):
            messages.success(request, gettext("Saved."))
        return redirect("profile")
    facts = {"form": form, "has_providers": bool(settings.SOCIALACCOUNT_PROVIDERS)}
    return render(request, "account/profile.html", facts)


@private_page
@throttled("write")
def address(request: HttpRequest) -> HttpResponse:
    """Another address to log in with: it counts once a code that is mailed there was given."""
    user = User.objects.get(pk=fan_id(request))
    if must_log_in_again(request, user):
        logout(request)
        messages.info(request, gettext("Please log in again to make this change."))
        return redirect_to_login(request.path)
    form = AddressForm(user, request.POST or None)
    if form.is_valid():
        ask_for_another(request, form.cleaned_data["email"])
        return redirect("verify_address")
    return render(request, "account/address.html", {"form": form, "current": request.user.get_username()})


@private_page
@throttled("write")
def verify_address(request: HttpRequest) -> HttpResponse:
    """Enter the code that was mailed to an address: the account's own, or the one that it is to have."""
    user = User.objects.get(pk=fan_id(request))
    process = EmailVerificationProcess.resume(request)
    onward = next_url(request) or reverse("profile")
    if process is None and is_verified(user.pk):
        return redirect(onward)
    if "send" in request.POST:
        send_code(request, process.email if process else user.email)
        messages.success(request, gettext("Code sent. Check your e-mail."))
        return redirect_to_login(onward, "verify_address")
    if process is not None and request.method == "POST":
        return checked_code(request, process, user, onward)
    return show_code_form(request, user, process, onward, CodeForm())


def checked_code(request: HttpRequest, process: EmailVerificationProcess, user: User, onward: str) -> HttpResponse:
    """The address is the account's if the code is right; else it may be tried again, three times in all."""
    form = CodeForm(request.POST, code=process.code, user=user, email=process.email)
    if form.is_valid():
        try:
            process.finish()
        except AddressTaken as taken:
            messages.error(request, str(taken.error.message))
            return redirect("account_email")
        messages.success(request, gettext("Your e-mail address is confirmed."))
        return redirect(onward)
    if process.record_invalid_attempt():
        return show_code_form(request, user, process, onward, form)
    messages.error(request, gettext("Too many wrong codes. Please request a new one."))
    is_own = process.email == user.email
    return redirect_to_login(onward, "verify_address") if is_own else redirect("account_email")


def show_code_form(
    request: HttpRequest, user: User, process: EmailVerificationProcess | None, onward: str, form: CodeForm
) -> HttpResponse:
    """The form for a code that was mailed; without one, a button that has one mailed."""
    facts = {"email": process.email if process else user.email, "is_sent": process is not None}
    return render(request, "account/verify_address.html", facts | {"next": onward, "form": form})


@csrf_exempt
def language(request: HttpRequest) -> HttpResponse:
    """Choose a language: for the account if there is one, and for this browser.

    Who isn't logged in needs no token: it would be a cookie on every public page, and another site can do no more
    harm by this form than by a link to the page in that language.
    """
    choose = csrf_protect(choose_language) if request.user.is_authenticated else choose_language
    return choose(request)


def choose_language(request: HttpRequest) -> HttpResponse:
    response = redirect(next_url(request) or "concerts")
    chosen = request.POST.get("language", "")
    if request.method == "POST" and chosen in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(locale=chosen)
        is_secure = bool(settings.SESSION_COOKIE_SECURE)
        name = settings.LANGUAGE_COOKIE_NAME
        response.set_cookie(name, chosen, max_age=A_YEAR, samesite="Lax", secure=is_secure, httponly=True)
    return response
