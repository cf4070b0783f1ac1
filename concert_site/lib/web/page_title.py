"""A page's title and its heading are mostly the same words: they stand in the block `head_title`, once.

base.html adds the site's name to them. The block's name is allauth's, whose own templates fill it too.
"""

from django import template
from django.template.base import NodeList
from django.template.context import Context
from django.template.loader_tags import BlockNode
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def page_title(context: Context) -> SafeString:
    """What this page fills `head_title` with, here as well: `<h1>{% page_title %}</h1>`."""
    return BlockNode("head_title", NodeList()).render(context)
