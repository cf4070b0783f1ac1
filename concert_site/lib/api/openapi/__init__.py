"""What the API's description says beyond what the views show by themselves.

A view's method declares what it refuses by `refuses`; the rest of the description follows from it.
"""

from concert_site.lib.api.openapi.declarations import refuses, refuses_fields_of

__all__ = ["refuses", "refuses_fields_of"]
