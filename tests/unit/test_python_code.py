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
    assert KEY not in code.difference("app.py", bytes) and KEY not in repr(code.edits)


def test_a_file_of_env_with_other_settings_keeps_load_dotenv_behind_lkrs_line() -> None:
    code = python_code.read(b"from dotenv import load_dotenv\n\nload_dotenv()\n", keeps_dotenv=True)
    assert code
    assert code.changed().decode() == (
        "import lkrshell\nfrom dotenv import load_dotenv\n\nlkrshell.load(required=False)\nload_dotenv()\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def main():\n    load_dotenv(override=True)  # ours\n    run()\n",
            "def main():\n    load_dotenv(override=True)  # ours\n    LOAD\n    run()\n",
        ),
        ("if x: load_dotenv(override=True)", "if x: load_dotenv(override=True); LOAD"),
        ("load_dotenv(override=True); run()", "load_dotenv(override=True); LOAD; run()"),
        ("load_dotenv(\n    override=True,\n)", "load_dotenv(\n    override=True,\n)\nLOAD"),
    ],
)
def test_a_load_dotenv_that_overrides_gets_lkrs_line_behind_it(before: str, after: str) -> None:
    start = "from dotenv import load_dotenv\n"
    code = python_code.read((start + before).encode(), keeps_dotenv=True)
    load = "lkrshell.load(override=True, required=False)"
    assert code and code.changed().decode() == f"import lkrshell\n{start}{after.replace('LOAD', load)}"
    assert python_code.read(code.changed(), keeps_dotenv=True) is None


@pytest.mark.parametrize("call", ["load_dotenv()", "load_dotenv('x.env')", "if x: load_dotenv()", "x = load_dotenv()"])
def test_changed_code_is_not_changed_again(call: str) -> None:
    code = python_code.read(f"from dotenv import load_dotenv\n{call}\n".encode(), keeps_dotenv=True)
    assert code is None or python_code.read(code.changed(), keeps_dotenv=True) is None


def test_the_import_of_load_dotenv_stays_for_another_call_of_it() -> None:
    text = b"from dotenv import load_dotenv\nload_dotenv()\nload_dotenv('other.env')\n"
    code = python_code.read(text)
    assert code and code.changed().startswith(b"import lkrshell\nfrom dotenv import load_dotenv\n")


def test_lkrshell_is_imported_before_its_first_use() -> None:
    text = f'import os\nos.environ["OPENAI_API_KEY"] = "{KEY}"\nfrom dotenv import load_dotenv\nload_dotenv()\n'
    code = python_code.read(text.encode())
    assert code and code.changed().startswith(b"import lkrshell\nimport os\nlkrshell.load()\nimport lkrshell\n")


@pytest.mark.parametrize(
    ("encoding", "first"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "# coding: latin-1\n"), ("cp1251", "# -*- coding: cp1251 -*-\n"),
     ("shift_jis", "#!/usr/bin/python\n# coding: shift_jis\n")],
)  # fmt: skip
@pytest.mark.parametrize("keeps", [True, False])
def test_other_encodings_are_kept(encoding: str, first: str, keeps: bool) -> None:
    word = {"cp1251": "ключ", "shift_jis": "表示"}.get(encoding, "é")
    body = f'import os; s = "{word}"; load_dotenv(); os.environ["OPENAI_API_KEY"] = "{KEY}"  # {word}\n'
    stays = "; load_dotenv()" if keeps else ""
    after = f'import os; s = "{word}"; lkrshell.load(required=False){stays}; lkrshell.load()  # {word}\n'
    code = python_code.read((first + body).encode(encoding), keeps)
    assert code and code.changed() == (first + "import lkrshell\n" + after).encode(encoding)
    assert word in code.difference("app.py", bytes) and KEY not in code.difference("app.py", bytes)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_new_lines_end_like_those_of_the_file(end: str) -> None:
    text = "import os\n\nload_dotenv()\nload_dotenv(override=True)\n".replace("\n", end).encode()
    code = python_code.read(text, keeps_dotenv=True)
    assert code and code.changed().decode() == (
        "import lkrshell\nimport os\n\nlkrshell.load(required=False)\nload_dotenv()\nload_dotenv(override=True)\n"
        "lkrshell.load(override=True, required=False)\n"
    ).replace("\n", end)


@pytest.mark.parametrize(
    ("text", "line"),
    [(b"x = 1\ndef broken(:\n", 2), (b'x = 1\ny = 2\ns = "\xe9"\n', 3), (b"# coding: nonsense\n", 0),
     (b"# coding: Punycode\n-" + b"z" * 10**6, 0),
     (b"# coding: utf-7\n+AGE- = 1\n", 0), (b"x" + b".y" * 3000 + b"()\n", 0)],
)  # fmt: skip
def test_code_that_python_cannot_read_is_told_by_line(text: bytes, line: int) -> None:
    with pytest.raises(python_code.Unreadable) as caught:
        python_code.read(text)
    assert caught.value.line == line
    assert caught.value.__context__ is None  # it would quote the code


def test_the_difference_shows_exactly_what_is_written() -> None:
    text = f'import os\nos.environ["OPENAI_API_KEY"] = "{KEY}"\nos.environ["GROQ_API_KEY"] = "{KEY}x"\n'.encode()
    code = python_code.read(text)
    assert code
    shown = code.difference("app.py", bytes, {"GROQ_API_KEY"})
    assert '-os.environ["OPENAI_API_KEY"] = "****"' in shown and "GROQ" not in shown
    assert KEY not in shown
    assert code.changed({"GROQ_API_KEY"}).endswith(text.splitlines(keepends=True)[-1])


def test_several_values_for_a_variable_are_told_by_place() -> None:
    lines = [f'environ["OPENAI_API_KEY"] = "{KEY}{end}"\n' for end in ("", "", "1")]
    one, two = python_code.read("".join(lines).encode()), python_code.read(lines[0].encode())
    assert one and two
    assert python_code.ambiguous({"a.py": one, "b.py": two}) == {
        "OPENAI_API_KEY": ["a.py:1", "a.py:2", "a.py:3", "b.py:1"]
    }
    assert python_code.ambiguous({"a.py": two, "b.py": two}) == {}
    assert not python_code.takes_key_from("".join(lines).encode(), 1)
    assert python_code.takes_key_from(b"\n" + lines[0].encode(), 2)
    assert not python_code.takes_key_from(b"\n" + lines[0].encode(), 1)


@pytest.mark.parametrize(
    "text",
    [
        'import os\nos.environ["PATH"] = "/bin"\n', "print(1)\n", "",
        'os.environ["OPENAI_API_KEY"] = key\n', 'x["OPENAI_API_KEY"] = "sk-0123456789"\n', "getpass.getpass('Key')\n",
    ],
)  # fmt: skip
def test_what_is_something_else_stays(text: str) -> None:
    assert python_code.read(text.encode()) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from __future__ import annotations; import os", "from __future__ import annotations; LKR; import os"),
        ("'''é'''; import os", "'''é'''; LKR; import os"),
        ("'''two\nlines'''; from __future__ import annotations; import os",
         "'''two\nlines'''; from __future__ import annotations; LKR; import os"),
        ("'''a docstring'''; load_dotenv()", "'''a docstring'''; LKR; lkrshell.load(required=False)"),
        ("from __future__ import division; \\\n import os", "from __future__ import division; \\\n LKR; import os"),
        ("\fimport os", "LKR\n\fimport os"),
    ],
)  # fmt: skip
def test_the_import_comes_behind_what_has_to_be_first_in_its_line(before: str, after: str) -> None:
    code = python_code.read(f"{before}\nload_dotenv()\n".encode())
    assert code
    assert code.changed().decode() == f"{after.replace('LKR', 'import lkrshell')}\nlkrshell.load(required=False)\n"
    compile(code.changed(), "", "exec", dont_inherit=True)


@pytest.mark.filterwarnings("error")
def test_what_python_dislikes_in_a_program_is_not_printed() -> None:
    assert python_code.read(b'from dotenv import load_dotenv\nload_dotenv()\nx = "\\#"\n')


def test_values_are_found_and_a_skipped_one_stays() -> None:
    text = f'import os\nos.environ["OPENAI_API_KEY"] = ("{KEY[:9]}"\n    "{KEY[9:]}")\n'.encode()
    code = python_code.read(text)
    assert code and [each.value.reveal() for each in code.edits if each.value] == [KEY]
    assert code.changed({"OPENAI_API_KEY"}) == text
    assert KEY[9:] not in code.difference("app.py", bytes)


@given(st.text(alphabet="é'\"\\\n #=x()[]osenvirload_tpgKEY", max_size=60), st.booleans())
def test_no_text_makes_it_fail_or_write_what_python_does_not_read(text: str, keeps: bool) -> None:
    start = b'import os\nos.environ["OPENAI_API_KEY"] = "sk-0123456789"\n'
    try:
        code = python_code.read(start + text.encode(), keeps)
    except python_code.Unreadable:
        return
    if code:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code.changed(), "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
