from __future__ import annotations

import pytest

from verbatim_operators.engines.lines import MAX_LINE_BYTES, LineAssembler


def assemble(content: bytes, size: int) -> list[str]:
    assembler = LineAssembler()
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    return [line for chunk in chunks for line in assembler.feed(chunk)] + list(assembler.end())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_lines_are_never_cut_at_a_reads_edge_nor_inside_a_character(size: int) -> None:
    assert assemble("zwölf\nBoxkämpfer €\n\nend".encode(), size) == ["zwölf", "Boxkämpfer €", "", "end"]


def test_a_line_that_never_ends_is_passed_on_in_parts_at_characters_edges() -> None:
    text = "x" + "€" * MAX_LINE_BYTES
    lines = assemble(text.encode(), 4096)
    assert "".join(lines) == text
    assert max(len(line.encode()) for line in lines) <= MAX_LINE_BYTES


def test_what_is_not_text_is_shown_as_such() -> None:
    assert assemble(b"a\xffb\r\n", 1) == ["a\ufffdb"]
