import pytest
import zigzag_case as toy

from tlx.figures.zigzag import legend
from tlx.figures.zigzag.layout import Shown, arrange
from tlx.figures.zigzag.subject import Options, layout_of


def layout(layers, count):
    names = [f"l{at}" for at in range(layers)]
    shown = {(model, name): Shown(tuple(range(10, 10 + count)), 9) for name in names for model in ("source", "target")}
    return arrange(shown, names, others=True, source=True)


def covers(view, width, height):
    """Whether the key, in the upper right corner of a view this wide, lies over a block, pixel by pixel."""
    scale, right = min(width / view.width, legend.LARGEST), width
    return any(
        block.columns.head * scale < right
        and block.columns.tail * scale > right - 260
        and block.rows.head * scale < height
        for block in view.blocks
    )


@pytest.mark.parametrize(("layers", "count"), [(3, 3), (4, 6), (7, 3), (7, 24)])
def test_above_the_diagonal_the_key_covers_nothing(layers, count):
    """From the width on that the style sheet names, and not 80 pixels before."""
    view = layout(layers, count)
    start = legend._above_from(view, 234)
    assert not any(covers(view, width, 234) for width in range(start, 1800, 10))
    assert start == 600 or covers(view, start - 80, 234)


def test_two_layers_have_no_room_above_the_diagonal():
    """The key then stands beside the blocks, and the figure leaves it that room."""
    view = layout(2, 24)
    assert legend._above_from(view, 234) > 980
    assert "max-width: calc(100% - 270px)" in legend.html(view, toy.subject(), Options())


def test_the_key_explains_only_what_is_shown():
    """Without the regions of other neurons no histogram, box or pie; without source weights no red ramp."""
    view = layout_of(toy.subject(), tuple(toy.UNITS), Options())
    few = Options(others=False, source=False)
    whole, bare = (legend.html(view, toy.subject(), options) for options in (Options(), few))
    for words in ("all pairs with other neurons", "share of these that is kept", "source weights, the same scale"):
        assert words in whole
        assert words not in bare
    assert whole.count("<li") == whole.count("data:image/svg+xml;base64,") == 13
