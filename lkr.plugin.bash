# shellcheck shell=bash
# lkr for bash, as a file to source: /usr/share/lkr/lkr.bash of a distribution, a plugin of bash-it, or from your rc file.
# Finds lkr on PATH and sources its hook, kept in the cache folder, so that no Python starts.
__lkr_program=''
hash lkr 2>/dev/null && __lkr_program=${BASH_CMDS[lkr]-}
# What follows is also what `lkr install` writes.
if [[ $- == *i* && -x $__lkr_program ]]; then
    __lkr_kept=${XDG_CACHE_HOME:-$HOME/.cache}/lkr/hook.bash
    # It has the date of the program that wrote it: another program, or version, has another one.
    if [[ ! -O $__lkr_kept || $__lkr_kept -nt $__lkr_program || $__lkr_kept -ot $__lkr_program ]]; then
        (
            umask 077
            command mkdir -p "${__lkr_kept%/*}" && "$__lkr_program" hook bash >|"$__lkr_kept.$$" &&
                command touch -r "$__lkr_program" "$__lkr_kept.$$" && command mv -f "$__lkr_kept.$$" "$__lkr_kept"
        ) 2>/dev/null
    fi
    # shellcheck source=/dev/null
    [[ -O $__lkr_kept ]] && source "$__lkr_kept"
    [[ -e ${__lkr_boot-} && -x ${__lkr_python-} ]] || eval "$("$__lkr_program" hook bash)" # moved, or nowhere to keep it
    unset -v __lkr_kept
fi
unset -v __lkr_program
