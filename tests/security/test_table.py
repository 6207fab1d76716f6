"""SECURITY.md's table of threats: behind every row is a test that exists."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_every_test_that_the_table_names_exists() -> None:
    text = (TESTS.parent / "SECURITY.md").read_text()
    table = text.partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"(test_\w+\.py)::(test_\w+)", row)
        assert named, row
        for file, test in named:
            (path,) = TESTS.rglob(file)
            assert re.search(rf"^def {test}\(", path.read_text(), re.M), f"{file}::{test}"
