"""A narrow screen: nothing is wider than it, whatever names are like."""

import msgspec
import pytest

WIDTH = "document.documentElement.scrollWidth"


@pytest.mark.parametrize("width", [320, 390])
def test_long_names_do_not_widen_the_page(visitor, payload, width):
    collections = [
        msgspec.structs.replace(each, label=f"{each.label} {'of a long name ' * 8}") for each in payload.collections
    ]
    status = ["stopped-by-somebody" * 4] * len(payload.networks.status)
    networks = msgspec.structs.replace(payload.networks, status=status)
    page = visitor.open(msgspec.structs.replace(payload, collections=collections, networks=networks), width=width)
    assert page.locator("#near").is_visible()  # the button that names another collection
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate(WIDTH) == width
    for name in ("#near", "#toggle", "#play"):
        assert (
            page.evaluate(
                f"(({{ scrollWidth, clientWidth }}) => scrollWidth - clientWidth)(document.querySelector('{name}'))"
            )
            <= 0
        )


def test_escape_closes_the_list_of_keys_before_anything_else(visitor, payload):
    page = visitor.open(payload)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()
    assert page.locator("#help").get_attribute("aria-expanded") == "false"
    assert page.evaluate("spiralsink.app.state.step") == 0
    page.keyboard.press("Escape")
    assert page.evaluate("spiralsink.app.state.step") is None
