"""Forms of staff: of any size that a page of theirs offers, and counted as their browsers count.

Django takes 1,000 fields of a form, whoever sends it, so that nobody keeps it busy with reading. A grid of 200 sections
has 1,600. So what a member of staff sends to the admin is read here, before the check against forged forms reads it,
with a bound of its own; of everybody else Django's stays.
"""

from __future__ import annotations

from io import BytesIO
from types import FunctionType
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, QueryDict, multipartparser
from django.utils.datastructures import MultiValueDict
from django.utils.deprecation import MiddlewareMixin

from concert_site.lib.admin.staff_pages import is_by_staff

MOST_FIELDS = 20_000
FORM, FORM_WITH_FILES = "application/x-www-form-urlencoded", "multipart/form-data"


class Bounds:
    """Django's settings, but for how many fields a form may have."""

    DATA_UPLOAD_MAX_NUMBER_FIELDS = MOST_FIELDS

    def __getattr__(self, name: str) -> Any:  # Any: settings of every type
        return getattr(settings, name)


class StaffMultiPartParser(multipartparser.MultiPartParser):
    """Django's, which asks the settings for the bound and takes none for itself: its code, beside settings of ours."""

    _parse = FunctionType(
        multipartparser.MultiPartParser._parse.__code__,  # type: ignore[attr-defined]  # noqa: SLF001  see above
        {**vars(multipartparser), "settings": Bounds()},
    )


class StaffFormsMiddleware(MiddlewareMixin):
    """Reads what staff send to the admin. Stands before CsrfViewMiddleware, which reads it first otherwise."""

    def process_view(self, request: HttpRequest, *_view: Any) -> None:  # Any: a view and its arguments
        """Before the view, once it is known who asks."""
        if request.method != "POST" or not is_by_staff(request):
            return
        if request.content_type == FORM:
            read_form(request)
        elif request.content_type == FORM_WITH_FILES:
            read_form_with_files(request)
        count_lines_as_browsers_do(request)


def read_form(request: HttpRequest) -> None:
    """Have `request.POST` be what was sent, up to the bound of staff; the body's size has Django's own.

    :raises TooManyFieldsSent: if there are more
    """
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        return
    except ValueError as error:
        raise TooManyFieldsSent from error
    sent = QueryDict(mutable=True)
    for name, value in pairs:
        sent.appendlist(name, value)
    request.POST = sent  # type: ignore[assignment]  # as Django has it, of the same class
    request._files = MultiValueDict()  # type: ignore[attr-defined]  # noqa: SLF001  as Django sets it


def read_form_with_files(request: HttpRequest) -> None:
    """The same of a form with files; what Django's parser refuses is answered by 400.

    :raises TooManyFieldsSent: as above
    :raises MultiPartParserError: if it can't be read
    """
    stream = BytesIO(request.body) if hasattr(request, "_body") else request
    encoding = request.encoding or settings.DEFAULT_CHARSET
    parser = StaffMultiPartParser(request.META, stream, request.upload_handlers, encoding)
    try:
        request._post, request._files = parser.parse()  # type: ignore[attr-defined]  # noqa: SLF001  as above
    except multipartparser.MultiPartParserError:
        request._mark_post_parse_error()  # type: ignore[attr-defined]  # noqa: SLF001  as Django does
        raise


def count_lines_as_browsers_do(request: HttpRequest) -> None:
    """A browser counts a new line as one character for `maxlength`, and sends it as two."""
    if not any("\r\n" in value for _name, values in request.POST.lists() for value in values):
        return
    sent = QueryDict(mutable=True)
    for name, values in request.POST.lists():
        sent.setlist(name, [value.replace("\r\n", "\n") for value in values])
    request.POST = sent  # type: ignore[assignment]  # as above
