"""What the views of instances and features draw is seen on Streamlit's light page and on its dark one (WCAG 2 AA)."""

from __future__ import annotations

import pytest

from tlx.figures import discriminability, theme


def test_contrast_is_that_of_the_standard():
    """Black on white is 21, a colour on itself 1, and #767676 the lightest grey that reads on white."""
    assert theme.contrast("#000000", "#ffffff") == theme.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert theme.contrast("#d6604d", "#d6604d") == 1
    assert theme.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("page", theme.PAGES)
def test_marks_are_seen_on_both_pages(page):
    """Domains' marks by their colour, instances by their rim, neurons' axes by theirs."""
    rims = [theme.rim(colour) for colour in theme.CLASS_PALETTE]
    for colour in (theme.SOURCE, theme.TARGET, theme.NEUTRAL, discriminability.AXIS, *rims):
        assert theme.contrast(colour, page) >= theme.SEEN, colour


def test_a_rim_keeps_the_colour_where_it_can():
    """One that is seen on both pages is its own rim; of any other the hue stays."""
    assert theme.rim("#26a269") == "#26a269"
    assert theme.rim("#e3c327") != "#e3c327"
    red, green, blue = (int(theme.rim("#e3c327")[at : at + 2], 16) for at in (1, 3, 5))
    assert red > green > blue


def test_names_read_on_their_class():
    """On any colour, too, one of black and white does."""
    for colour in (*theme.CLASS_PALETTE, *(f"#{at:02x}{at:02x}{at:02x}" for at in range(256)), "#4172e3"):
        assert theme.contrast(theme.text_on(colour), colour) >= 4.5
