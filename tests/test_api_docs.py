"""`make docs`: every public name has a rendered docstring, and no link in the pages is broken."""

import re
from pathlib import Path

import lkrshell
from tools import docs


def test_the_pages_have_every_public_name_and_no_broken_link(tmp_path: Path) -> None:
    assert docs.render(tmp_path) == []
    text = (tmp_path / "lkrshell.html").read_text()
    for name in lkrshell.__all__:
        assert re.search(rf'id="{name}"', text), name
    assert "Puts the project&#39;s keys into" in text or "Puts the project's keys into" in text
    (tmp_path / "more.html").write_text('<a href="lkrshell.html#nosuch">x</a>')
    assert docs.Page((tmp_path / "more.html").read_text()).links == {"lkrshell.html#nosuch"}
