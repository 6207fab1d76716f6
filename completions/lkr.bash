# shellcheck shell=bash
# Completion of lkr for bash 4.4 and later. Made from the command line's definition by `make completions`; do not edit.

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
__lkr_variables() { __lkr_manifest __lkr_variable_of; __lkr_words AI21_API_KEY ANTHROPIC_API_KEY ANYSCALE_API_KEY ASSEMBLYAI_API_KEY AZURE_API_KEY AZURE_OPENAI_API_KEY BASETEN_API_KEY CEREBRAS_API_KEY CLAUDE_API_KEY COHERE_API_KEY CO_API_KEY DASHSCOPE_API_KEY DATABRICKS_TOKEN DEEPGRAM_API_KEY DEEPINFRA_API_KEY DEEPINFRA_TOKEN DEEPSEEK_API_KEY ELEVENLABS_API_KEY ELEVEN_API_KEY EXA_API_KEY FAL_API_KEY FAL_KEY FIREWORKS_API_KEY GEMINI_API_KEY GOOGLE_API_KEY GROQ_API_KEY HF_TOKEN HUGGINGFACEHUB_API_TOKEN HUGGINGFACE_API_KEY HUGGING_FACE_HUB_TOKEN JINA_API_KEY LANGCHAIN_API_KEY LANGSMITH_API_KEY LITELLM_API_KEY LITELLM_PROXY_API_KEY MISTRAL_API_KEY MOONSHOT_API_KEY NEBIUS_API_KEY NOVITA_API_KEY NVIDIA_API_KEY OPENAI_API_KEY OPENROUTER_API_KEY PERPLEXITY_API_KEY PORTKEY_API_KEY PPLX_API_KEY REPLICATE_API_KEY REPLICATE_API_TOKEN SAMBANOVA_API_KEY SCW_SECRET_KEY SILICONFLOW_API_KEY STABILITY_API_KEY TAVILY_API_KEY TOGETHERAI_API_KEY TOGETHER_API_KEY UPSTAGE_API_KEY VOYAGE_API_KEY WATSONX_APIKEY WATSONX_API_KEY XAI_API_KEY ZAI_API_KEY ZHIPUAI_API_KEY; }

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
    add)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_variables
        ;;
    agent-env)
        case $previous in --agent) __lkr_none; return ;; esac
        [[ $current == -* ]] && __lkr_words --agent --help
        __lkr_commands
        ;;
    allow)
        [[ $current == -* ]] && __lkr_words --yes --help
        ((place == 1)) && __lkr_folders
        ;;
    audit)
        case $previous in --key) __lkr_none; return ;; esac
        case $previous in --event) __lkr_none; return ;; esac
        case $previous in --agent) __lkr_none; return ;; esac
        case $previous in --days) __lkr_none; return ;; esac
        case $previous in --unused) __lkr_none; return ;; esac
        [[ $current == -* ]] && __lkr_words --key --event --agent --days --follow --verify --unused --json --help
        ;;
    confirm)
        [[ $current == -* ]] && __lkr_words --help
        ;;
    deny)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_folders
        ;;
    doctor)
        [[ $current == -* ]] && __lkr_words --fix --json --help
        ;;
    edit)
        [[ $current == -* ]] && __lkr_words --help
        ;;
    exec)
        case $previous in -k | --key) __lkr_keys; return ;; esac
        [[ $current == -* ]] && __lkr_words -k --key --all --clean --help
        __lkr_commands
        ;;
    export)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_words bash zsh fish direnv
        ;;
    gen)
        case $previous in -o | --output) __lkr_files; return ;; esac
        [[ $current == -* ]] && __lkr_words -o --output --force --json --help
        ((place == 1)) && __lkr_files
        ;;
    get)
        case $previous in --clear-after) __lkr_none; return ;; esac
        [[ $current == -* ]] && __lkr_words --show --plain --force-plain --json --clear-after --help
        ((place == 1)) && __lkr_keys
        ;;
    hook)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_words bash zsh fish direnv
        ;;
    import)
        case $previous in --from) __lkr_none; return ;; esac
        case $previous in --as) __lkr_keys; return ;; esac
        [[ $current == -* ]] && __lkr_words --environment --from --as --dry-run --yes --replace --blank --json --help
        ((place == 1)) && __lkr_files
        ;;
    init)
        [[ $current == -* ]] && __lkr_words --yes --import --install --help
        ((place == 1)) && __lkr_folders
        ;;
    install)
        [[ $current == -* ]] && __lkr_words --direnv --completions --yes --help
        __lkr_words bash zsh fish
        ;;
    list)
        [[ $current == -* ]] && __lkr_words --all --json --help
        ;;
    lock)
        [[ $current == -* ]] && __lkr_words --help
        ;;
    migrate)
        case $previous in -k | --key) __lkr_keys; return ;; esac
        [[ $current == -* ]] && __lkr_words -k --key --move --replace --dry-run --yes --json --help
        ((place == 1)) && __lkr_files
        ;;
    passwd)
        [[ $current == -* ]] && __lkr_words --stdin --help
        ;;
    policy)
        case $previous in --only) __lkr_folders; return ;; esac
        case $previous in --agents) __lkr_words deny exec allow; return ;; esac
        case $previous in --ttl) __lkr_none; return ;; esac
        case $previous in --kind) __lkr_words runtime admin; return ;; esac
        [[ $current == -* ]] && __lkr_words --only --anywhere --agents --confirm --ttl --kind --json --help
        ((place == 1)) && __lkr_keys
        ;;
    rename)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_keys
        ;;
    rm)
        [[ $current == -* ]] && __lkr_words --yes --force --help
        ((place == 1)) && __lkr_keys
        ;;
    rotate)
        [[ $current == -* ]] && __lkr_words --stdin --confirm --undo --help
        ((place == 1)) && __lkr_keys
        ;;
    schema)
        [[ $current == -* ]] && __lkr_words --local --help
        ;;
    set)
        case $previous in --kind) __lkr_words runtime admin; return ;; esac
        [[ $current == -* ]] && __lkr_words --stdin --kind --help
        ((place == 1)) && __lkr_keys
        ;;
    status)
        [[ $current == -* ]] && __lkr_words --json --short --help
        ;;
    uninstall)
        [[ $current == -* ]] && __lkr_words --yes --help
        ;;
    unlock)
        [[ $current == -* ]] && __lkr_words --stdin --help
        ;;
    usage)
        case $previous in --days) __lkr_none; return ;; esac
        [[ $current == -* ]] && __lkr_words --days --json --help
        ;;
    use)
        [[ $current == -* ]] && __lkr_words --help
        ((place == 1)) && __lkr_profiles
        ;;
    vault)
        case $previous in --to) __lkr_none; return ;; esac
        case $previous in --identity) __lkr_none; return ;; esac
        [[ $current == -* ]] && __lkr_words --to --stdin --identity --force --help
        ((place == 1)) && __lkr_words export import recipient rekey
        ((place == 2)) && __lkr_files
        ;;
    '')
        if [[ $current == -* ]]; then __lkr_words --help --version; else __lkr_words add agent-env allow audit confirm deny doctor edit exec export gen get hook import init install list lock migrate passwd policy rename rm rotate schema set status uninstall unlock usage use vault; fi
        ;;
    esac
    # readline takes a colon for the end of a word: what stands before it is not ours to give again
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%:*}:"}")
    fi
}

complete -F _lkr lkr lkrsh
