# lkr for zsh 5.3 and later: loads a project's keys on entering it, takes them back on leaving.
# `lkr hook zsh` prints a preamble (where the program is) and then this file. Between prompts in the same
# state only builtins run: no process starts.
#
# The state that child shells inherit is exported and holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either.

# Gives one variable its key's value, and saves what it held: VARIABLE KEY x|- VALUE
# The order matters: whatever instant Ctrl-C picks, what LKR_STATE lists can be taken back.
__lkr_set() {
    \builtin local name="$1" old="LKR_OLD_$1" state="${LKR_STATE-}"
    \builtin unset "LKR_OLD_$1" "__lkr_old_$1"
    if [[ ${(tP)name} == *readonly* ]]; then
        \builtin print -ru2 -- "lkr: $name is readonly in this shell, left alone"
        \builtin return
    fi
    if [[ -n ${(P)name+x} ]]; then
        if [[ $3 == x ]]; then
            \builtin typeset -gx "LKR_OLD_$1=${(P)name}"
        else
            \builtin typeset -g "__lkr_old_$1=${(P)name}"
        fi
    fi
    \builtin typeset -gx LKR_STATE="${state:+$state }$name=$2"
    \builtin typeset -gx "$name=$4"
}

# Takes back what is loaded, except what direnv has set over it since; that waits for direnv to let go.
# The names of what went are in __lkr_gone.
__lkr_leave() {
    \builtin local word name old kept='' todo="${LKR_STATE-}"
    __lkr_gone=''
    while [[ -n $todo ]]; do
        word=${todo%% *}
        todo=${todo#"$word"} todo=${todo# }
        name=${word%%=*}
        case $name in '' | [0-9]* | *[!A-Z0-9_]*) \builtin continue ;; esac
        case " ${LKR_DIRENV-} " in *" $name "*)
            kept+="${kept:+ }$word"
            \builtin continue
            ;;
        esac
        old=LKR_OLD_$name
        if [[ -n ${(P)old+x} ]]; then
            \builtin typeset -gx "$name=${(P)old}"
        else
            \builtin unset "$name"
            old=__lkr_old_$name
            [[ -n ${(P)old+x} ]] && \builtin typeset -g "$name=${(P)old}"
        fi
        LKR_STATE=$kept${kept:+${todo:+ }}$todo
        \builtin unset "$old"
        __lkr_gone+=" -$name"
    done
    LKR_STATE=$kept
    [[ -n $kept ]] || \builtin unset LKR_STATE LKR_DIR
}

# What `export` says about the state it leaves: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key's own time ran out while this shell was in the folder.
__lkr_now() {
    __lkr_gen=$1 __lkr_until=$2 __lkr_quiet=$3 __lkr_profile=$4 __lkr_over=$5
    \builtin shift 5
    __lkr_watch=("$@")
}

# Reads a file whole, without a process: REPLY is =CONTENT, - for none, ! for one that cannot be read.
__lkr_read() {
    if [[ ! -e $1 ]]; then
        REPLY=-
    elif [[ ! -f $1 || ! -r $1 ]]; then
        REPLY='!'
    else
        \builtin local chunk=
        \builtin local -i got=65536
        REPLY='='
        # A read that comes short was the last one of a file.
        { while ((got == 65536)) && \builtin sysread -s 65536 -c got chunk; do REPLY+=$chunk; done } <"$1"
        REPLY=${REPLY%$'\0'} # as in the other shells, which cannot see it at the end
        [[ $REPLY != *$'\0'* ]] || REPLY='!'
    fi
}

# True when the state is still the right one for $1, the folder of the nearest manifest.
__lkr_same() {
    [[ $1 == "$__lkr_at" && ${LKR_PROFILE-} == "$__lkr_profile" ]] || \builtin return 1
    \builtin local REPLY=
    \builtin local -i i
    [[ -r $__lkr_generation ]] && IFS= \builtin read -r REPLY <"$__lkr_generation"
    [[ $REPLY == "$__lkr_gen" ]] || \builtin return 1
    [[ -z $__lkr_until ]] || ((EPOCHSECONDS < __lkr_until)) || \builtin return 1
    for ((i = 1; i <= $#__lkr_watch; i += 2)); do
        __lkr_read "${__lkr_watch[i]}"
        [[ $REPLY == "${__lkr_watch[i + 1]}" ]] || \builtin return 1
    done
}

__lkr_check() {
    \builtin local folder="$PWD" was has_direnv= statements
    while [[ ! -e $folder/.lkr.toml ]]; do
        if [[ -z $folder ]]; then
            if [[ -n ${LKR_STATE-} ]]; then
                __lkr_leave
                if [[ -n $__lkr_gone && -z $__lkr_quiet && ${LKR_QUIET:-0} == 0 ]]; then
                    \builtin print -ru2 -- "lkr:$__lkr_gone"
                fi
            fi
            __lkr_at=
            \builtin return
        fi
        folder=${folder%/*}
    done
    folder=${folder:-/}
    if [[ -n ${LKR_DIRENV+x} ]]; then # direnv holds this folder, by `use lkr`
        [[ -n ${LKR_STATE-} ]] && __lkr_leave
        __lkr_at=
        \builtin return
    fi
    __lkr_same "$folder" && \builtin return
    was=${LKR_STATE-}
    [[ -n $was ]] && __lkr_leave
    [[ $folder == "$__lkr_at" ]] || __lkr_over=
    __lkr_at=$folder
    __lkr_now '' '' "$__lkr_quiet" "${LKR_PROFILE-}" "$__lkr_over"
    (($+functions[_direnv_hook])) && has_direnv=1
    if [[ ! -x $__lkr_python || ! -e $__lkr_boot ]]; then
        [[ -n $__lkr_lost ]] || \builtin print -ru2 -- "lkr: the program is gone from ${(qq)__lkr_boot%/*}; run lkr hook again"
        __lkr_lost=1
        \builtin return
    fi
    __lkr_at= # until it is done: Ctrl-C here means that the next prompt tries again
    # Ctrl-C is for boot.py to take up, once Python has started: before that it would print a traceback.
    statements=$(\builtin trap '' INT && LKR_WAS=$was LKR_OVER=$__lkr_over LKR_HAS_DIRENV=$has_direnv \builtin exec "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" zsh "$folder" "$__lkr_version")
    \builtin eval "$statements"
    [[ -n ${LKR_STATE-} ]] && \builtin typeset -gx LKR_DIR="$folder"
    __lkr_at=$folder
}

__lkr_hook() {
    \builtin emulate -LR zsh
    __lkr_check
}

() {
    \builtin emulate -LR zsh
    if [[ $ZSH_VERSION != (5.<3->*|<6->.*) ]]; then
        \builtin print -ru2 -- "lkr: zsh $ZSH_VERSION is too old, 5.3 or later is needed"
        \builtin return
    fi
    \builtin zmodload zsh/system zsh/parameter
    \builtin zmodload -F zsh/datetime p:EPOCHSECONDS
    \builtin typeset -g __lkr_at= __lkr_lost= __lkr_over= __lkr_gen= __lkr_until= __lkr_quiet= __lkr_profile= __lkr_gone=
    \builtin typeset -ga __lkr_watch
    __lkr_watch=()
    \builtin typeset -ga precmd_functions chpwd_functions
    (($precmd_functions[(Ie)__lkr_hook])) || precmd_functions=(__lkr_hook $precmd_functions)
    (($chpwd_functions[(Ie)__lkr_hook])) || chpwd_functions=(__lkr_hook $chpwd_functions)
}
