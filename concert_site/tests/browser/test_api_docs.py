"""The API's description, under a policy that runs no script inside a page."""

from playwright.sync_api import expect


def test_the_page_of_the_api_lists_its_operations(arrive):
    visitor = arrive()

    visitor.go("api/v1/docs/")

    expect(visitor.page.locator(".opblock").first).to_be_visible(timeout=60_000)
    assert visitor.complaints == []
