"""Errors, as messages tell of them."""

from __future__ import annotations

import pytest

from verbatim.errors import MAX_LINE_CHARS, first_line


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("\n no such bucket\nat line 7"), "no such bucket"),
        (TimeoutError(), "TimeoutError"),
        (ValueError(" \n"), "ValueError"),
        (ValueError("x" * 1000), "x" * MAX_LINE_CHARS),
    ],
)
def test_an_error_of_another_library_is_told_in_one_line_even_if_it_says_nothing(error: Exception, told: str) -> None:
    assert first_line(error) == told
