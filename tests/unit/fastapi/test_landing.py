from __future__ import annotations

from tenantry.fastapi.health import Status
from tenantry.fastapi.landing import Entry, landing_page


def test_the_page_lists_each_service_with_its_state_and_documentation() -> None:
    entries = [Entry("AI Agents", "/ai-agents", Status.PASS), Entry("Items", "/items", Status.FAIL)]
    page = bytes(landing_page("Tenantry", entries).body).decode()
    assert 'href="/ai-agents/docs"' in page
    assert 'href="/items/openapi.json"' in page
    assert page.index(">ready<") < page.index(">not ready<")


def test_a_title_is_text_and_nothing_comes_from_elsewhere() -> None:
    response = landing_page("<script>alert(1)</script>", [])
    page = bytes(response.body).decode()
    assert "<script" not in page
    assert "//" not in page.replace("<!doctype", "")
    assert "default-src 'none'" in response.headers["content-security-policy"]
