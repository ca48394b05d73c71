"""Markup that cannot be broken out of, figures, and pictures."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.reporting.charts import Plot, bar, legend, span, sparkline, ticks, track
from mapsto.reporting.figures import fixed, number, percent, places_for, seconds, signed
from mapsto.reporting.markup import Html, join, tag
from mapsto.reporting.parts import name, table


class Reader(HTMLParser):
    """Collects text, elements and attributes as a browser would see them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.elements, self.attributes = "", [], {}

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, element, attributes):
        self.elements.append(element)
        self.attributes |= dict(attributes)


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


@given(PRINTABLE, PRINTABLE)
def test_text_and_attributes_come_back_as_they_were(text, attribute):
    found = read(tag("p", text, title=attribute))
    assert found.text == text
    assert found.elements == ["p"]
    assert found.attributes["title"] == attribute


@given(st.text())
def test_no_text_makes_an_element_or_a_control_character(text):
    made = tag("td", name(text))
    assert set(read(made).elements) <= {"td", "bdi", "wbr"}
    assert not any(ord(sign) < 32 and sign not in "\t\n\r" for sign in made)
    made.encode("utf-8")


def test_only_markup_is_taken_over():
    assert join([Html("<b>"), "<b>", None, [1, tag("i")]]) == "<b>&lt;b&gt;1<i></i>"


def test_a_long_name_is_cut_and_kept_in_the_tooltip():
    found = read(name("column_" * 50))
    assert len(found.text) == 80
    assert found.attributes["title"] == "column_" * 50


def test_a_table_has_heads_for_columns_and_rows():
    made = table(["a", "b"], [["x", 1], ["y", 2]], caption="told", figures=(1,), own=(1,))
    assert made.count('scope="col"') == 2
    assert made.count('scope="row"') == 2
    assert "<caption>told</caption>" in made
    assert made.count('<tr class="own">') == 1


# -- figures


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_float_reads_short(value):
    assert len(number(value)) <= 20
    assert len(percent(value)) <= 330
    assert "nan" not in number(value)


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_signs_are_shown_unless_the_figure_rounds_to_nothing(value, places):
    text = signed(value, places)
    assert text[0] in "+−" or set(text) <= set("0.")
    assert "−0." not in fixed(value, places) or any(digit in fixed(value, places) for digit in "123456789")


@given(st.floats(1e-6, 1e9), st.integers(1, 4))
def test_enough_decimals_show_the_digits_wanted(size, digits):
    places = places_for(size, digits)
    assert places in (0, 8) or 10 ** (digits - 1) <= round(size * 10**places, 6) < 10**digits * 1.0001


def test_time_reads_in_its_unit():
    assert [seconds(value) for value in (0.04, 59, 61, 3700, None)] == ["0.04 s", "59 s", "1 min 1 s", "1 h 1 min", "–"]


# -- pictures


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_are_inside_and_few(low, width):
    found = ticks(low, low + width)
    assert len(found) <= 7
    margin = 1e-6 * max(abs(low), width)
    assert all(low - margin <= tick <= low + width + margin for tick in found)


def test_a_plot_is_well_formed_and_says_what_it_shows():
    plot = Plot((0, 1), (0, 10), title="a < b & c", x_label="x", y_label="y")
    plot.line([0, 0.5, 1], [1, float("nan"), 9], dots=True).band([0, 1], [1, 2], [3, 4], "two")
    plot.bars([0, 0.5, 1], [3, 8]).whisker(0.5, 1, 2).text(0.2, 3, "<here>").points([0.1], [99])
    root = ElementTree.fromstring(plot.render())
    assert root.find("title").text == "a < b & c"
    for element in root.iter():
        for key in ("x", "x1", "x2", "y", "y1", "y2"):
            assert np.isfinite(float(element.get(key, "0")))


def test_other_pictures_are_well_formed():
    for made in (
        sparkline([0, 3, 5], "d"),
        sparkline([], "nothing"),
        track(0.5, 0.2, 0.9, (0, 1)),
        track(3, None, None, (0, 1), zero=True),
        bar(2, 4),
        bar(0, 0),
        legend([("one", "<first>")]),
    ):
        ElementTree.fromstring(made)


@pytest.mark.parametrize("values", [[], [np.nan], [3.0], [1.0, 2.0], [0.0, 0.0]])
def test_a_span_is_never_empty(values):
    low, high = span(np.array(values))
    assert low < high
