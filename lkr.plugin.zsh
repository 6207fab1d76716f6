# lkr for zsh, as a file to source: /usr/share/lkr/lkr.zsh of a distribution, a plugin of oh-my-zsh, zinit or antidote.
# Finds lkr on PATH and sources its hook, kept in the cache folder, so that no Python starts.
if [[ -r ${${(%):-%x}:A:h}/completions/_lkr ]]; then
    fpath+=("${${(%):-%x}:A:h}/completions")
    if ((${+functions[compdef]})); then
        autoload -Uz _lkr
        compdef _lkr lkr lkrsh
    fi
fi
__lkr_program=${commands[lkr]-}
# What follows is also what `lkr install` writes.
if [[ $- == *i* && -x $__lkr_program ]]; then
    __lkr_kept=${XDG_CACHE_HOME:-$HOME/.cache}/lkr/hook.zsh
    # It has the date of the program that wrote it: another program, or version, has another one.
    if [[ ! -O $__lkr_kept || $__lkr_kept -nt $__lkr_program || $__lkr_kept -ot $__lkr_program ]]; then
        (
            umask 077
            command mkdir -p "${__lkr_kept%/*}" && "$__lkr_program" hook zsh >|"$__lkr_kept.$$" &&
                command touch -r "$__lkr_program" "$__lkr_kept.$$" && command mv -f "$__lkr_kept.$$" "$__lkr_kept"
        ) 2>/dev/null
    fi
    [[ -O $__lkr_kept ]] && source "$__lkr_kept"
    [[ -e ${__lkr_boot-} && -x ${__lkr_python-} ]] || eval "$("$__lkr_program" hook zsh)" # moved, or nowhere to keep it
    unset __lkr_kept
fi
unset __lkr_program
