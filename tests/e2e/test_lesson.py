"""The lesson in a browser: predicted, looked up in the real view, revealed, from the first step to the last."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e
LOOKED_UP = 4  # the step whose look is followed here; tests/test_lesson.py holds the addresses of all


def test_the_whole_lesson_is_walked_through(tab):
    """On a small screen. A view that is looked at is set as its step needs it, and the lesson goes on where it was."""
    here = tab().open("/Lesson")
    page = here.page
    page.set_viewport_size({"width": 1024, "height": 900})
    here.ready()

    def press(name: str) -> None:
        page.get_by_role("button", name=name).click()

    for number in range(1, 9):
        page.get_by_role("heading", name=f"{number} of 8").wait_for(timeout=30_000)
        page.get_by_role("button", name="Keep my prediction").wait_for(timeout=30_000)
        form = page.locator("[data-testid=stForm]")
        if form.get_by_role("slider").count():
            form.get_by_role("slider").focus()
            page.keyboard.press("ArrowRight")
        else:
            form.locator("label", has=page.locator("input[type=radio]")).nth(1).click()
        assert page.get_by_text("Take along").count() == 0
        press("Keep my prediction")
        page.get_by_text("You said").first.wait_for(timeout=10_000)
        assert page.evaluate("() => document.activeElement.innerText") == "Change my prediction"  # for the keyboard
        if number == LOOKED_UP:
            page.get_by_role("link", name="Look in Network").click()
            page.locator(".bkv[data-ready]").first.wait_for(timeout=60_000)
            here.settle()
            assert (here.parameter("case"), here.parameter("class")) == ("lesson-a", "8")
            assert page.get_by_role("radio", name="by index").is_checked()
            page.get_by_role("link", name=f"Back to the lesson, step {number}").click()
            page.get_by_role("button", name="Change my prediction").wait_for(timeout=30_000)
            here.settle()
        press("Reveal the answer")
        page.get_by_text("Take along").wait_for(timeout=10_000)
        page.locator(".bkv[data-ready]").wait_for(timeout=30_000)
        if number < 8:
            press("Next: ")
    assert "lesson.step=8" in (here.parameter("view") or "")
    page.get_by_role("link", name="End the lesson").click()
    page.get_by_role("heading", name="What did the transfer carry over").wait_for(timeout=30_000)
    here.settle()
    assert page.get_by_role("link", name="Back to the lesson").count() == 0
