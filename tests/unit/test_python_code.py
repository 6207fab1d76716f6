"""The edits from `load_dotenv()`, `os.environ["X"] = "…"` and `getpass` to `lkrshell.load()`."""

import ast
import textwrap
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkrshell.project import python_code

KEY = "sk-proj-0123456789abcdefghij"
CASES = [
    (
        """
        from dotenv import load_dotenv
        import os

        load_dotenv()  # from .env
        print(os.environ["OPENAI_API_KEY"])
        """,
        """
        import lkrshell
        import os

        lkrshell.load(required=False)  # from .env
        print(os.environ["OPENAI_API_KEY"])
        """,
    ),
    (
        """
        '''A program — with a docstring.'''
        from __future__ import annotations

        import os
        os.environ["OPENAI_API_KEY"] = "KEY"   # mine
        os.environ["DEBUG"] = "1"
        """,
        """
        '''A program — with a docstring.'''
        from __future__ import annotations

        import lkrshell
        import os
        lkrshell.load()   # mine
        os.environ["DEBUG"] = "1"
        """,
    ),
    (
        """
        import dotenv, getpass, os
        def main():
            é = 1; dotenv.load_dotenv(override=True)
            if "GROQ_API_KEY" not in os.environ:
                os.environ["GROQ_API_KEY"] = getpass.getpass(
                    "Groq: "
                )
        """,
        """
        import lkrshell
        import dotenv, getpass, os
        def main():
            é = 1; lkrshell.load(override=True, required=False)
            if "GROQ_API_KEY" not in os.environ:
                lkrshell.load()
        """,
    ),
    (
        """
        import lkrshell
        from dotenv import load_dotenv, find_dotenv
        load_dotenv(find_dotenv("other.env"))
        """,
        """
        import lkrshell
        from dotenv import load_dotenv, find_dotenv
        lkrshell.load(required=False)
        load_dotenv(find_dotenv("other.env"))
        """,
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_code_is_changed_exactly_there(before: str, after: str) -> None:
    old, new = (textwrap.dedent(text).lstrip().replace('KEY"   #', KEY + '"   #').encode() for text in (before, after))
    code = python_code.read(old)
    assert code and code.changed() == new
    assert KEY not in code.difference("app.py") and KEY not in repr(code.edits)


def test_a_file_of_env_with_other_settings_keeps_load_dotenv_behind_lkrs_line() -> None:
    code = python_code.read(b"from dotenv import load_dotenv\n\nload_dotenv()\n", keeps_dotenv=True)
    assert code
    assert code.changed().decode() == (
        "import lkrshell\nfrom dotenv import load_dotenv\n\nlkrshell.load(required=False)\nload_dotenv()\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        'import os\nos.environ["PATH"] = "/bin"\n', "print(1)\n", "", "def broken(:\n", "\0",
        'os.environ["OPENAI_API_KEY"] = key\n', 'x["OPENAI_API_KEY"] = "sk-0123456789"\n', "getpass.getpass('Key')\n",
    ],
)  # fmt: skip
def test_what_is_something_else_stays(text: str) -> None:
    assert python_code.read(text.encode()) is None


@pytest.mark.filterwarnings("error")
def test_what_python_dislikes_in_a_program_is_not_printed() -> None:
    assert python_code.read(b'from dotenv import load_dotenv\nload_dotenv()\nx = "\\#"\n')


def test_values_are_found_and_a_skipped_one_stays() -> None:
    text = f'import os\nos.environ["OPENAI_API_KEY"] = ("{KEY[:9]}"\n    "{KEY[9:]}")\n'.encode()
    code = python_code.read(text)
    assert code and {name: each.reveal() for name, each in code.values.items()} == {"OPENAI_API_KEY": KEY}
    assert code.changed({"OPENAI_API_KEY"}) == text
    assert KEY[9:] not in code.difference("app.py")


@given(st.text(alphabet="é'\"\\\n #=x()[]osenvirload_tpgKEY", max_size=60), st.booleans())
def test_no_text_makes_it_fail_or_write_what_python_does_not_read(text: str, keeps: bool) -> None:
    start = b'import os\nos.environ["OPENAI_API_KEY"] = "sk-0123456789"\n'
    code = python_code.read(start + text.encode(), keeps)
    if code:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code.changed())
