"""Bars share a scale, and nothing that they show is cut off."""

from hypothesis import given
from hypothesis import strategies as st

from serving.forecast.outlook import Line, Span
from serving.pages.span_chart import WIDTH, bar, scale_of

MONEY = st.floats(0, 1e9)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        cuts = sorted(draw(st.lists(MONEY, min_size=6, max_size=6)))
        spans = (Span(50, cuts[2], cuts[3]), Span(80, cuts[1], cuts[4]), Span(95, cuts[0], cuts[5]))
        mean, plan = draw(MONEY), draw(st.none() | MONEY)
        found.append(Line("team", "a", "A", 0.0, mean, 0.0, mean, cuts[2], spans, plan, None, None))
    return found


@given(some_lines())
def test_every_mark_lies_inside_and_narrower_intervals_inside_wider_ones(lines: list[Line]) -> None:
    for line in lines:
        drawn = bar(line, scale_of(lines))
        marks = [drawn.mean, drawn.plan or 0.0, *(each.x + each.width for each in drawn.stretches)]
        assert all(0 <= mark <= WIDTH for mark in marks)
        assert [each.level for each in drawn.stretches] == [95, 80, 50]
        assert sorted(each.x for each in drawn.stretches) == [each.x for each in drawn.stretches]
        assert (drawn.plan is None) == (line.plan is None)


def test_nothing_at_all_is_drawn_at_the_start() -> None:
    nothing = Line(
        "team", "a", "A", 0.0, 0.0, 0.0, 0.0, 0.0, tuple(Span(level, 0.0, 0.0) for level in (50, 80, 95)), None, None, None
    )
    assert {each.width for each in bar(nothing, scale_of([nothing])).stretches} == {0.0}
