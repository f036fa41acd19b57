import pytest
import zigzag_case as toy

from tlx.figures.zigzag import legend
from tlx.figures.zigzag.layout import Shown, arrange
from tlx.figures.zigzag.subject import Options, layout_of


def layout(layers, count):
    names = [f"l{at}" for at in range(layers)]
    shown = {(model, name): Shown(tuple(range(10, 10 + count)), 9) for name in names for model in ("source", "target")}
    return arrange(shown, names, others=True, source=True)


def covers(view, figure_width, width, height):
    """Whether the key, in the upper right corner of a view this wide, lies over a block or its captions, in pixels."""
    scale = figure_width / view.width
    return any(
        block.columns.head * scale < width
        and block.columns.tail * scale > width - legend._WIDTH
        and (block.rows.start - (block.columns.names if block.above else 0) - legend._CAPTION) * scale < height
        for block in view.blocks
    )


@pytest.mark.parametrize(("layers", "count"), [(3, 3), (4, 6), (7, 3), (7, 24)])
def test_above_the_diagonal_the_key_covers_nothing(layers, count):
    """Wherever the style sheet puts it there: for every width of the view and of the figure in it."""
    view = layout(layers, count)
    seen = 0
    for share, wide, high in legend._corners(view, 192):
        least = view.width * legend._LEAST if high == 0 else wide
        for width in range(round(wide), 1800, 20):
            for fits in range(round(max(least, wide)), 1600, 20):
                key = legend._WIDTH + 8
                if width >= fits * share + key or width >= key / (1 - share):
                    seen += 1
                    assert not covers(view, min(fits, width, view.width * legend.LARGEST), width, 192)
    assert seen > 100


def test_seven_layers_have_room_for_the_key_on_a_usual_page():
    """A view of 720 pixels, as beside the details at 1440: it stands in the corner, over several rows of blocks."""
    corners = legend._corners(layout(7, 6), 192)
    assert any(max(wide, (legend._WIDTH + 8) / (1 - share)) <= 720 and high <= 900 for share, wide, high in corners)


def test_two_layers_have_no_room_above_the_diagonal():
    """The key then stands beside the blocks, and the figure leaves it that room."""
    view = layout(2, 24)
    assert legend._corners(view, 192) == []
    assert "calc(100% - 242px)" in legend.html(view, toy.subject(), Options())


def test_the_key_explains_only_what_is_shown():
    """Without the regions of other neurons no histogram, box or pie; without source weights no red ramp."""
    assert legend.lines(toy.subject(), Options(source=False)) != legend.lines(toy.subject(), Options())
    view = layout_of(toy.subject(), tuple(toy.UNITS), Options())
    few = Options(others=False, source=False)
    whole, bare = (legend.html(view, toy.subject(), options) for options in (Options(), few))
    for words in ("all pairs with other neurons", "share of these that is kept"):
        assert words in whole
        assert words not in bare
    assert whole.count("<li") == whole.count("data:image/svg+xml;base64,") == 12
