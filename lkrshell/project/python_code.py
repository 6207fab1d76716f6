"""Finds what `lkrshell.load()` can replace in Python code, and computes exact edits of the text.

It looks for `load_dotenv()`, `os.environ["X"] = "sk-…"`, and `os.environ["X"] = getpass(…)`. Everything else stays as
it is, including comments and spaces. Pure: reads no file. Values travel as Secrets, and shown text masks them.
"""

import ast
import difflib
import warnings
from dataclasses import dataclass, field

from lkrshell.core.secret import Secret
from lkrshell.vendors import providers

_LOAD, _LOAD_IF_THERE, _IMPORT = "lkrshell.load()", "lkrshell.load(required=False)", "import lkrshell"
_MASK = '"****"'


@dataclass(frozen=True)
class Edit:
    """Bytes `start` to `end` become `text`. `variable` is the one that the code sets, empty for none. `value` is its
    literal, which is at `literal`."""

    start: int
    end: int
    text: str
    variable: str = ""
    value: Secret | None = None
    literal: tuple[int, int] = (0, 0)


@dataclass
class Code:
    """One file's text with its edits. `asked` are variables whose value a person had to type each time."""

    text: bytes
    edits: list[Edit] = field(default_factory=list)

    @property
    def values(self) -> dict[str, Secret]:
        return {edit.variable: edit.value for edit in self.edits if edit.value}

    @property
    def asked(self) -> list[str]:
        return [edit.variable for edit in self.edits if edit.variable and not edit.value]

    def changed(self, but: set[str] | None = None) -> bytes:
        """Returns the new text, leaving out the edits for the variables in `but`."""
        kept = [edit for edit in self.edits if edit.variable not in (but or ())]
        return (
            _apply(self.text, [(edit.start, edit.end, edit.text) for edit in kept])
            if any(edit.text != f"{_IMPORT}\n" for edit in kept)
            else self.text
        )

    def difference(self, name: str) -> str:
        """Returns the changes as a unified diff for a person. Values are masked."""
        literals = [(*edit.literal, _MASK) for edit in self.edits if edit.value]
        old = _apply(self.text, literals).decode("utf-8", "replace").splitlines()
        new = self.changed().decode("utf-8", "replace").splitlines()
        return "\n".join(difflib.unified_diff(old, new, name, name, n=1, lineterm=""))


def read(text: bytes, keeps_dotenv: bool = False) -> Code | None:
    """Returns the edits for this text; None when this Python cannot read it, or there is nothing to change.

    `keeps_dotenv`: its `.env` has settings that are not keys, so `load_dotenv()` stays, after lkr's line.
    """
    try:
        tree = _parsed(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    code = Code(text)
    finder = _Finder(text, keeps_dotenv)
    finder.visit(tree)
    code.edits = finder.edits
    if not code.edits:
        return None
    if not finder.has_import:
        at = finder.place(_first_statement(tree))
        code.edits.append(Edit(at, at, f"{_IMPORT}\n"))
    code.edits.sort(key=lambda edit: (edit.start, edit.end))
    try:
        _parsed(code.changed())
    except (SyntaxError, ValueError):
        return None
    return code


def _parsed(text: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python would print what it dislikes in a program that is not ours
        return ast.parse(text)


class _Finder(ast.NodeVisitor):
    def __init__(self, text: bytes, keeps_dotenv: bool) -> None:
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._text, self._keeps_dotenv = text, keeps_dotenv
        self.edits: list[Edit] = []
        self.has_import = False
        self._replaced = False  # the previous statement in this block already became a load

    def place(self, node: ast.stmt | None) -> int:
        return self._lines[node.lineno - 1] if node else len(self._text)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[end_line - 1] + end

    def visit_Import(self, node: ast.Import) -> None:
        self.has_import |= any(each.name == "lkrshell" and not each.asname for each in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        alone = [each.name for each in node.names] == ["load_dotenv"] and not node.names[0].asname
        if node.module == "dotenv" and alone and not self._keeps_dotenv and node.col_offset == 0:
            self.edits.append(Edit(*self._span(node), _IMPORT))
            self.has_import = True

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("load_dotenv", "dotenv.load_dotenv"):
            start, end = self._span(node)
            override = any(each.arg == "override" and _is_true(each.value) for each in call.keywords)
            load = _LOAD_IF_THERE.replace("(", "(override=True, ") if override else _LOAD_IF_THERE
            if self._keeps_dotenv or call.args or any(each.arg != "override" for each in call.keywords):
                before = self._text[self._lines[node.lineno - 1] : start].decode()
                self.edits.append(Edit(start, start, f"{load}{'; ' if before.strip() else chr(10) + before}"))
            else:
                self.edits.append(Edit(start, end, load))

    def visit_Assign(self, node: ast.Assign) -> None:
        variable = _environment_variable(node.targets[0]) if len(node.targets) == 1 else ""
        if not variable or not providers.may_hold_a_key(variable):
            return
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            secret = Secret(value.value)
            self.edits.append(Edit(*self._span(node), _LOAD, variable, secret, self._span(value)))
        elif isinstance(value, ast.Call) and ast.unparse(value.func) in ("getpass", "getpass.getpass"):
            self.edits.append(Edit(*self._span(node), _LOAD, variable))


def _environment_variable(target: ast.expr) -> str:
    """Returns the variable that an assignment to `os.environ[...]` sets; empty for other assignments."""
    if not isinstance(target, ast.Subscript) or ast.unparse(target.value) not in ("os.environ", "environ"):
        return ""
    return target.slice.value if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str) else ""


def _is_true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _first_statement(tree: ast.Module) -> ast.stmt | None:
    """Returns the first statement that an import may precede: after the docstring and imports from `__future__`."""
    for number, node in enumerate(tree.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return node
    return None


def _apply(text: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new.encode() + text[end:]
    return text
