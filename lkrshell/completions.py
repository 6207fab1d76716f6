"""Writes completions/ from the command line's own definition: `python -m lkrshell.completions FOLDER`.

What completes a word is told by the parameter's name. Names of keys and profiles are read by the shell itself, from
the index and the manifest: a Tab starts no Python.
"""

import os
import sys
from collections.abc import Callable

import click

from lkrshell import cli, providers

_KINDS = {
    "name": "keys", "old": "keys", "keys": "keys", "profile": "profiles", "entry": "variables", "folder": "folders",
    "file": "files", "template": "files", "source": "files", "output": "files", "words": "commands", "only": "folders",
}  # fmt: skip
_HEAD = "Made from the command line's definition by `make completions`; do not edit.\n"


class _Parameter:
    """An option or argument: its words, its help, and what completes its value: a kind, a list of words, or ''."""

    def __init__(self, parameter: click.Parameter) -> None:
        self.words = [word for word in parameter.opts if word.startswith("-")]
        self.help = _short(getattr(parameter, "help", "") or "")
        self.flag = bool(getattr(parameter, "is_flag", False))
        self.many = parameter.nargs == -1 or getattr(parameter, "multiple", False)
        choices = getattr(parameter.type, "choices", None)
        self.choices = [str(choice) for choice in choices or ()]
        self.kind = "" if choices or self.flag else _KINDS.get(parameter.name or "", "")


class _Command:
    def __init__(self, name: str, command: click.Command) -> None:
        self.name, self.help = name, _short(command.get_short_help_str(80))
        parameters = list(command.params)
        if isinstance(
            command, click.Group
        ):  # its own commands are one more argument, their options are offered together
            inner = [each.params for each in command.commands.values()]
            parameters = [click.Argument(["command"], type=click.Choice(sorted(command.commands)))]
            parameters += {parameter.opts[0]: parameter for each in inner for parameter in each}.values()
        ours = [_Parameter(parameter) for parameter in parameters]
        self.options = [parameter for parameter in ours if parameter.words]
        self.arguments = [parameter for parameter in ours if not parameter.words]


def _short(text: str) -> str:
    return text.split("\n")[0].rstrip(".")


def _commands() -> list[_Command]:
    context = click.Context(cli.lkr)
    names = cli.lkr.list_commands(context)
    return [_Command(name, command) for name in names if (command := cli.lkr.get_command(context, name))]


def bash() -> str:
    lines = ["# shellcheck shell=bash\n", "# Completion of lkr for bash 4.4 and later. ", _HEAD, _BASH_HEAD]
    for command in _commands():
        lines.append(f"    {command.name})\n")
        for option in command.options:
            if not option.flag:
                lines.append(f"        case $previous in {' | '.join(option.words)}) {_bash_value(option)} ;; esac\n")
        words = " ".join([word for option in command.options for word in option.words] + ["--help"])
        lines.append(f"        [[ $current == -* ]] && __lkr_words {words}\n")
        for place, argument in enumerate(command.arguments, 1):
            guard = "" if argument.many else f"((place == {place})) && "
            if argument.kind or argument.choices:
                lines.append(f"        {guard}{_bash_value(argument, stop=False)}\n")
        lines.append("        ;;\n")
    names = " ".join(command.name for command in _commands())
    return "".join(lines) + _BASH_TAIL.replace("@COMMANDS@", names)


def _bash_value(parameter: _Parameter, stop: bool = True) -> str:
    what = f"__lkr_words {' '.join(parameter.choices)}" if parameter.choices else f"__lkr_{parameter.kind or 'none'}"
    return f"{what}; return" if stop else what


_BASH_HEAD = r"""
__lkr_words() {
    local word
    for word in "$@"; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$word")
    done
}

__lkr_none() { :; }
__lkr_files() { mapfile -t COMPREPLY < <(compgen -f -- "$current") && compopt -o filenames; }
__lkr_folders() { mapfile -t COMPREPLY < <(compgen -d -- "$current") && compopt -o filenames; }
__lkr_commands() { mapfile -t COMPREPLY < <(compgen -c -- "$current"); }

# The names in the index: INDEX/STORE/PROVIDER/LABEL.
__lkr_keys() {
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index path provider
    [[ $OSTYPE == darwin* ]] && root="$HOME/Library/Application Support/lkr/index"
    for path in "$root"/*/*/*; do
        [[ -f $path ]] || continue
        provider=${path%/*}
        __lkr_words "${provider##*/}:${path##*/}"
    done
}

# Lines of the nearest manifest, as the function named by $1 takes them.
__lkr_manifest() {
    local folder=$PWD line
    while [[ $folder && ! -f $folder/.lkr.toml ]]; do folder=${folder%/*}; done
    [[ -f $folder/.lkr.toml ]] || return 0
    while IFS= read -r line; do "$1" "$line"; done <"$folder/.lkr.toml"
}
__lkr_profile_of() { [[ $1 =~ ^\[profiles\.([A-Za-z0-9_-]+)\.keys\] ]] && __lkr_words "${BASH_REMATCH[1]}"; }
__lkr_variable_of() { [[ $1 =~ ^([A-Z][A-Z0-9_]*)[[:space:]]*= ]] && __lkr_words "${BASH_REMATCH[1]}"; }
__lkr_profiles() { __lkr_manifest __lkr_profile_of; }
__lkr_variables() { __lkr_manifest __lkr_variable_of; __lkr_words @VARIABLES@; }

_lkr() {
    local line=${COMP_LINE:0:COMP_POINT} current previous='' command='' place=0 word
    local -a words
    read -ra words <<<"$line"
    current=
    [[ $line == *[[:space:]] ]] || { current=${words[-1]} && unset 'words[-1]'; }
    COMPREPLY=()
    for word in "${words[@]:1}"; do
        previous=$word
        if [[ ! $command ]]; then
            [[ $word == -* ]] || command=$word
        elif [[ $word != -* ]]; then
            ((place += 1))
        fi
    done
    ((place += 1))
    case $command in
"""
_BASH_TAIL = r"""    '')
        if [[ $current == -* ]]; then __lkr_words --help --version; else __lkr_words @COMMANDS@; fi
        ;;
    esac
    # readline takes a colon for the end of a word: what stands before it is not ours to give again
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%:*}:"}")
    fi
}

complete -F _lkr lkr lkrsh
"""


def zsh() -> str:
    out = ["#compdef lkr lkrsh\n", "# Completion of lkr for zsh. ", _HEAD, _ZSH_HEAD, "_lkr_one() {\n    case $1 in\n"]
    for command in _commands():
        out.append(f"        {command.name})\n            _arguments -s : \\\n")
        for option in command.options:
            value = "" if option.flag else f":value:{_zsh_value(option)}"
            for word in option.words:
                repeat = "*" if option.many else ""
                out.append(f"                '{repeat}{word}[{_zsh_text(option.help)}]{value}' \\\n")
        out.append("                '--help[Show the help]' \\\n")
        for place, argument in enumerate(command.arguments, 1):
            what = _zsh_value(argument)
            if argument.kind == "commands":
                out.append("                '*::command:_normal' \\\n")
            elif argument.many:
                out.append(f"                '*:argument:{what}' \\\n")
            else:
                out.append(f"                '{place}:argument:{what}' \\\n")
        out[-1] = out[-1].removesuffix(" \\\n") + "\n"
        out.append("            ;;\n")
    out.append("    esac\n}\n\n_lkr() {\n    local -a commands\n    commands=(\n")
    out += [f"        '{command.name}:{_zsh_text(command.help)}'\n" for command in _commands()]
    return "".join(out) + _ZSH_TAIL


def _zsh_text(text: str) -> str:
    return text.replace("'", "'\\''").replace("[", "(").replace("]", ")").replace(":", " -")


def _zsh_value(parameter: _Parameter) -> str:
    if parameter.choices:
        return f"({' '.join(parameter.choices)})"
    return {"": " ", "files": "_files", "folders": "_files -/"}.get(parameter.kind, f"_lkr_{parameter.kind}")


_ZSH_HEAD = r"""
# The names in the index: INDEX/STORE/PROVIDER/LABEL.
_lkr_keys() {
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index
    [[ $OSTYPE == darwin* ]] && root="$HOME/Library/Application Support/lkr/index"
    local -a paths names
    local path_of
    paths=($root/*/*/*(N.))
    for path_of in $paths; do names+=(${path_of:h:t}:${path_of:t}); done
    compadd -- $names
}

# Words of the nearest manifest that the pattern $1 finds.
_lkr_manifest() {
    local folder=$PWD line
    local -a found match mbegin mend
    while [[ -n $folder && ! -f $folder/.lkr.toml ]]; do folder=${folder%/*}; done
    [[ -f $folder/.lkr.toml ]] || return 1
    while IFS= read -r line; do [[ $line =~ $1 ]] && found+=($match[1]); done <$folder/.lkr.toml
    compadd -- $found
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)\.keys\]' }
_lkr_variables() { _lkr_manifest '^([A-Z][A-Z0-9_]*)[[:space:]]*='; compadd -- @VARIABLES@ }

"""
_ZSH_TAIL = r"""    )
    local context state line
    _arguments -C '--help[Show the help]' '--version[Show the version]' '1: :->command' '*:: :->argument'
    case $state in
        command) _describe command commands ;;
        argument) _lkr_one $words[1] ;;
    esac
}

_lkr "$@"
"""


def fish() -> str:
    out = ["# Completion of lkr for fish. ", _HEAD, _FISH_HEAD]
    for program in ("lkr", "lkrsh"):
        for command in _commands():
            first, rest = "__lkr_no_command", f"__lkr_command {command.name}"
            out.append(f"complete -c {program} -n {first} -f -a {command.name} -d {_fish_text(command.help)}\n")
            for option in command.options:
                words = " ".join(
                    f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.words
                )
                value = "" if option.flag else f" -x -a {_fish_value(option)}"
                out.append(f"complete -c {program} -n '{rest}' {words}{value} -d {_fish_text(option.help)}\n")
            for argument in command.arguments:
                if argument.kind in ("files", "commands"):
                    continue
                out.append(f"complete -c {program} -n '{rest}' -f -a {_fish_value(argument)}\n")
    return "".join(out)


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(parameter: _Parameter) -> str:
    if parameter.choices:
        return f"'{' '.join(parameter.choices)}'"
    folders = "'(__fish_complete_directories)'"
    files = "'(__fish_complete_path)'"
    return {"": "''", "folders": folders, "files": files}.get(parameter.kind, f"'(__lkr_{parameter.kind})'")


_FISH_HEAD = r"""
function __lkr_no_command
    not string match -qv -- '-*' (commandline -opc)[2..-1]
end

function __lkr_command
    set -l words (string match -v -- '-*' (commandline -opc)[2..-1])
    test "$words[1]" = $argv[1]
end

# The names in the index: INDEX/STORE/PROVIDER/LABEL.
function __lkr_keys
    set -l root $HOME/.local/share
    set -q XDG_DATA_HOME[1]; and set root $XDG_DATA_HOME
    test -d "$HOME/Library/Application Support/lkr"; and set root "$HOME/Library/Application Support"
    for path in $root/lkr/index/*/*/*
        string replace -r '.*/([^/]+)/([^/]+)$' '$1:$2' -- $path
    end
end

# Words of the nearest manifest that the pattern finds.
function __lkr_manifest
    set -l folder $PWD
    while test -n "$folder" -a ! -f "$folder/.lkr.toml"
        set folder (string replace -r '/[^/]*$' '' -- $folder)
    end
    test -f "$folder/.lkr.toml"; and string replace -rf $argv[1] '$1' <$folder/.lkr.toml
end

function __lkr_profiles
    __lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)\.keys\].*'
end

function __lkr_variables
    __lkr_manifest '^([A-Z][A-Z0-9_]*)\s*=.*'
    string split ' ' -- '@VARIABLES@'
end

"""


FILES = {"lkr.bash": bash, "_lkr": zsh, "lkr.fish": fish}


def text(make: Callable[[], str]) -> str:
    """One of FILES, with the variables of the providers that come with lkr."""
    variables = sorted(
        {variable for each in providers.builtin().values() for variable in (each.variable, *each.aliases)}
    )
    return make().replace("@VARIABLES@", " ".join(variables))


def main(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    for name, make in FILES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text(make))


if __name__ == "__main__":
    main(sys.argv[1])
