# shellcheck shell=bash
# lkr for bash 4.4 and later: loads a project's keys at the prompt inside it, takes them back outside.
# `lkr hook bash` prints a preamble (where the program is) and then this file. Between prompts in the same
# state only builtins run: no process starts.
#
# The state that child shells inherit is exported and holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either.

# Gives one variable its key's value, and saves what it held: VARIABLE KEY x|- VALUE
__lkr_set() {
    \builtin local name=$1 old=LKR_OLD_$1
    [[ $3 == x ]] || old=__lkr_old_$1
    [[ ${!name+x} ]] && \builtin printf -v "$old" %s "${!name}"
    [[ $3 == x ]] && \builtin export "${old?}"
    if \builtin export "$name=$4" 2>/dev/null; then
        \builtin export LKR_STATE="${LKR_STATE:+$LKR_STATE }$name=$2"
    else
        \builtin unset -v "$old"
        \builtin printf 'lkr: %s is readonly in this shell, left alone\n' "$name" >&2
    fi
}

# Takes back what is loaded, except what direnv has set over it since; that waits for direnv to let go.
__lkr_leave() {
    \builtin local IFS=' ' word name old rest=''
    for word in $LKR_STATE; do
        name=${word%%=*}
        case $name in '' | [0-9]* | *[!A-Z0-9_]*) continue ;; esac
        case " ${LKR_DIRENV-} " in *" $name "*)
            rest+="${rest:+ }$word"
            continue
            ;;
        esac
        old=LKR_OLD_$name
        if [[ ${!old+x} ]]; then
            \builtin export "$name=${!old}"
            \builtin unset -v "$old"
        else
            \builtin unset -v "$name"
            old=__lkr_old_$name
            if [[ ${!old+x} ]]; then
                \builtin printf -v "$name" %s "${!old}"
                \builtin unset -v "$old"
            fi
        fi
    done
    if [[ $rest ]]; then
        LKR_STATE=$rest
    else
        \builtin unset -v LKR_STATE LKR_DIR
    fi
}

# What `export` says about the state it leaves: GENERATION EXPIRY QUIET PROFILE, then FILE TEXT pairs.
__lkr_now() {
    __lkr_gen=$1 __lkr_until=$2 __lkr_quiet=$3 __lkr_profile=$4
    \builtin shift 4
    __lkr_watch=("$@")
}

# Reads a file whole, with builtins: REPLY is =CONTENT, - for none, ! for one that cannot be read.
__lkr_read() {
    if [[ ! -e $1 ]]; then
        REPLY=-
    elif { IFS= \builtin read -r -d '' REPLY; } 2>/dev/null <"$1"; then
        REPLY='!' # a NUL byte
    elif [[ ! -r $1 || -d $1 ]]; then
        REPLY='!'
    else
        REPLY="=$REPLY"
    fi
}

# True when the state is still the right one for $1, the folder of the nearest manifest.
__lkr_same() {
    [[ $1 == "$__lkr_at" && ${LKR_PROFILE-} == "$__lkr_profile" ]] || \builtin return 1
    \builtin local REPLY='' i
    [[ -e $__lkr_generation ]] && \builtin read -r REPLY <"$__lkr_generation" 2>/dev/null
    \builtin test "$REPLY" = "$__lkr_gen" || \builtin return 1
    if [[ $__lkr_until ]]; then
        \builtin printf -v REPLY '%(%s)T' -1
        ((REPLY < __lkr_until)) || \builtin return 1
    fi
    for ((i = 0; i < ${#__lkr_watch[@]}; i += 2)); do
        __lkr_read "${__lkr_watch[i]}"
        \builtin test "$REPLY" = "${__lkr_watch[i + 1]}" || \builtin return 1
    done
}

__lkr_check() {
    \builtin local folder=$PWD was
    while [[ ! -e $folder/.lkr.toml ]]; do
        if [[ ! $folder ]]; then
            folder=
            if [[ ${LKR_STATE-} ]]; then
                was=" $LKR_STATE"
                __lkr_leave
                __lkr_at=
                if [[ ! ${LKR_QUIET-}$__lkr_quiet && ! ${LKR_STATE-} ]]; then
                    was=${was//=+([!= ])/}
                    \builtin printf 'lkr:%s\n' "${was// / -}" >&2
                fi
            fi
            __lkr_at=
            \builtin return
        fi
        folder=${folder%/*}
    done
    folder=${folder:-/}
    if [[ ${LKR_DIRENV+x} ]]; then # direnv holds this folder, by `use lkr`
        [[ ${LKR_STATE-} ]] && __lkr_leave
        __lkr_at=
        \builtin return
    fi
    __lkr_same "$folder" && \builtin return
    was=${LKR_STATE-}
    [[ $was ]] && __lkr_leave
    __lkr_at=$folder
    __lkr_now '' '' "$__lkr_quiet" "${LKR_PROFILE-}"
    \builtin local has_direnv='' statements
    \builtin declare -F _direnv_hook >/dev/null && has_direnv=1
    if [[ ! -x $__lkr_python ]]; then
        \builtin printf 'lkr: the program is gone from %q; open a new shell\n' "$__lkr_python" >&2
        \builtin return
    fi
    __lkr_at= # until it is done: Ctrl-C here means that the next prompt tries again
    statements=$(LKR_WAS=$was LKR_HAS_DIRENV=$has_direnv "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" bash "$folder")
    \builtin eval "$statements"
    [[ ${LKR_STATE-} ]] && \builtin export LKR_DIR="$folder"
    __lkr_at=$folder
}

__lkr_hook() {
    \builtin local status=$? -
    \builtin set +eux +o noglob
    __lkr_check
    [[ $- == *e* ]] && status=0
    \builtin return "$status"
}

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    \builtin printf 'lkr: bash %s is too old, 4.4 or later is needed\n' "$BASH_VERSION" >&2
else
    __lkr_at='' __lkr_watch=() __lkr_gen='' __lkr_until='' __lkr_quiet='' __lkr_profile=''
    case " ${PROMPT_COMMAND[*]-} " in
        *__lkr_hook*) ;;
        *) PROMPT_COMMAND="__lkr_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
    esac
fi
