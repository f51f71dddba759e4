from __future__ import annotations

import pytest

from voxpress.cards.markdown import escape, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ventricular_volume_ml", r"ventricular\_volume\_ml"),
        ("a | b", r"a \| b"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[x](javascript:y) ![z](w)", r"\[x\](javascript:y) !\[z\](w)"),
        ("two\n\n# lines", "two # lines"),
        ("`code` *bold* $x$", r"\`code\` \*bold\* \$x\$"),
        ("&lt;", "&amp;lt;"),
        ("https://evil.example", "https:\u2060//evil.example"),
        ("www.evil.example", "www\u2060.evil.example"),
        ("a\u202eb\x00c", "abc"),
        (12.5, "12.5"),
    ],
)
def test_text_is_shown_as_it_is(text, shown):
    assert escape(text) == shown


def test_cells_cannot_break_out_of_a_table():
    assert table(("a", "b"), [("x|y", "z\nw")]) == "| a | b |\n| --- | --- |\n| x\\|y | z w |"
