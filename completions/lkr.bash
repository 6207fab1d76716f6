# shellcheck shell=bash
# Completion of lkr for bash 4.4 and later. Made from the command line's definition by `make completions`; do not edit.

_lkr_words() {
    local word
    for word; do
        [[ $word != "$current"* || " ${COMPREPLY[*]} " == *" $word "* ]] || COMPREPLY+=("$word")
    done
}

_lkr_nothing() { :; }
_lkr_options() { [[ $ended || $option || $current != -* ]] || _lkr_words "$@"; }
_lkr_files() { compopt -o default; } # readline knows about quotes and ~
_lkr_folders() { compopt -o dirnames -o filenames; }

# The names in the manifest that have a source, then those in the index: INDEX/STORE/PROVIDER/LABEL, or for
# SOURCE/PROVIDER:LABEL SOURCE~PROVIDER/LABEL. Of very many, first the providers. No loop over them.
_lkr_keys() {
    _lkr_manifest '"([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*)"'
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index off='' on='' each any='!(*--old)' want=${current/\//\~}
    local -a paths
    [[ $OSTYPE == darwin* ]] && root="${XDG_DATA_HOME:-$HOME/Library/Application Support}/lkr/index"
    for each in failglob dotglob; do
        [[ :$BASHOPTS: != *:$each:* ]] || off+=" $each"
    done
    [[ :$BASHOPTS: == *:extglob:* ]] || on=extglob
    # shellcheck disable=SC2086,SC2206
    {
        [[ ! $off ]] || shopt -u $off
        [[ ! $on ]] || shopt -s $on
        if [[ $want == *:* ]]; then
            paths=("$root"/*/"${want%%:*}"/"${want#*:}"$any)
        else
            paths=("$root"/*/"$want"*/$any)
            ((${#paths[@]} <= 1000)) || paths=("$root"/*/"$want"*/)
        fi
        [[ ! $on ]] || shopt -u $on
        [[ ! $off ]] || shopt -s $off
    }
    [[ -e ${paths-} ]] || return 0
    paths=("${paths[@]#"$root/"}")
    paths=("${paths[@]#*/}")
    paths=("${paths[@]/\//:}")
    COMPREPLY+=("${paths[@]/\~//}")
}

# A key's name, or VARIABLE=NAME. Keys come first; every provider's variables only once a capital letter is typed.
_lkr_pairs() {
    if [[ $current == *=* ]]; then
        current=${current#*=}
        _lkr_keys
        return
    fi
    compopt -o nosort 2>/dev/null
    _lkr_keys
    if [[ $current == [A-Z_]* ]]; then
        _lkr_variables
    else
        _lkr_wanted
    fi
}

# The name of a key that need not be there yet.
_lkr_fresh() {
    _lkr_keys
    [[ $current == *:* ]] || _lkr_words ai21: anthropic: anyscale: assemblyai: azure-openai: baseten: bedrock: cerebras: cohere: dashscope: databricks: deepgram: deepinfra: deepseek: elevenlabs: exa: fal: fireworks: gemini: google: groq: huggingface: jina: langsmith: litellm: mistral: moonshot: nebius: novita: nvidia: openai: openrouter: perplexity: portkey: replicate: sambanova: scaleway: siliconflow: stability: tavily: together: upstage: voyage: watsonx: xai: zhipu:
}

# What the pattern $1 finds in the lines of the nearest manifest.
_lkr_manifest() {
    local folder=$PWD line file
    local -a lines
    while [[ $folder && ! -f $folder/.lkr.toml ]]; do folder=${folder%/*}; done
    for file in "$folder/.lkr.toml" "$folder/.lkr.local.toml" "$folder/.lkr/members.toml"; do
        [[ -f $file && -r $file ]] || continue
        mapfile -t -n 5000 lines <"$file"
        for line in "${lines[@]}"; do
            [[ $line =~ $1 ]] && _lkr_words "${BASH_REMATCH[1]}"
        done
    done
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].]'; }
_lkr_members() { _lkr_manifest '^([a-z0-9][a-z0-9-]*) = \{'; }
_lkr_sources() {
    local file=${XDG_CONFIG_HOME:-$HOME/.config}/lkr/config.toml line
    [[ $OSTYPE == darwin* ]] && file="${XDG_CONFIG_HOME:-$HOME/Library/Application Support}/lkr/config.toml"
    [[ -r $file ]] || return 0
    local table='^\[sources\.([a-z0-9-]+)\]' # not in the condition, which bash 3.2 could not read
    while IFS= read -r line; do
        [[ $line =~ $table ]] && _lkr_words "${BASH_REMATCH[1]}"
    done <"$file"
}
_lkr_wanted() { _lkr_manifest '^[[:space:]]*([A-Z][A-Z0-9_]*)[[:space:]]*='; }
_lkr_variables() {
    _lkr_wanted
    _lkr_words AI21_API_KEY ANTHROPIC_API_KEY ANYSCALE_API_KEY ASSEMBLYAI_API_KEY AWS_BEARER_TOKEN_BEDROCK AZURE_API_KEY AZURE_OPENAI_API_KEY BASETEN_API_KEY CEREBRAS_API_KEY CLAUDE_API_KEY COHERE_API_KEY CO_API_KEY DASHSCOPE_API_KEY DATABRICKS_TOKEN DEEPGRAM_API_KEY DEEPINFRA_API_KEY DEEPINFRA_TOKEN DEEPSEEK_API_KEY ELEVENLABS_API_KEY ELEVEN_API_KEY EXA_API_KEY FAL_API_KEY FAL_KEY FIREWORKS_API_KEY GEMINI_API_KEY GOOGLE_API_KEY GROQ_API_KEY HF_TOKEN HUGGINGFACEHUB_API_TOKEN HUGGINGFACE_API_KEY HUGGING_FACE_HUB_TOKEN JINA_API_KEY LANGCHAIN_API_KEY LANGSMITH_API_KEY LITELLM_API_KEY LITELLM_PROXY_API_KEY MISTRAL_API_KEY MOONSHOT_API_KEY NEBIUS_API_KEY NOVITA_API_KEY NVIDIA_API_KEY OPENAI_API_KEY OPENROUTER_API_KEY PERPLEXITY_API_KEY PORTKEY_API_KEY PPLX_API_KEY REPLICATE_API_KEY REPLICATE_API_TOKEN SAMBANOVA_API_KEY SCW_SECRET_KEY SILICONFLOW_API_KEY STABILITY_API_KEY TAVILY_API_KEY TOGETHERAI_API_KEY TOGETHER_API_KEY UPSTAGE_API_KEY VOYAGE_API_KEY WATSONX_APIKEY WATSONX_API_KEY XAI_API_KEY ZAI_API_KEY ZHIPUAI_API_KEY
}

# A command of the system, then what that command completes by itself.
_lkr_commands() {
    if [[ ! $offset ]]; then
        [[ $current == -* || $current == */* ]] || mapfile -t COMPREPLY < <(compgen -c -- "$current")
        [[ $current != */* ]] || compopt -o default
    elif declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$offset"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$offset"
    else
        compopt -o default
    fi
}

_lkr_one() {
    case $command in
        '')
            _lkr_options -h --help --version
            [[ $current == -* ]] || _lkr_words add agent-env allow audit broker confirm deny doctor edit exec export gen get hook import init install list lock login logout migrate passwd policy redact refresh rename report rm rotate scan schema seal set source status team token uninstall unlock unseal usage use vault
            ;;
        'add')
            _lkr_options --replace -h --help
            ((place == 1)) && _lkr_pairs
            ;;
        'agent-env')
            case $option in
                --agent) _lkr_words claude codex gemini qwen kilo opencode copilot pi cline aider continue gptme mini amp antigravity augment crush cursor droid goose kimi openhands trae vibe vscode agent; return ;;
            esac
            _lkr_options --agent -h --help
            _lkr_commands
            ;;
        'allow')
            case $option in
                --variable) _lkr_nothing; return ;;
            esac
            _lkr_options --yes --variable --worktrees --no-worktrees --json -h --help
            ((place == 1)) && _lkr_folders
            ;;
        'audit')
            case $option in
                --key) _lkr_keys; return ;;
                --event) _lkr_words agent allow backup confirm deny direnv enroll exec gen get import lock login logout migrate passwd policy python redact refresh refused rekey rename restore rm rotate scan seal set shell source team token unenroll unlock unseal usage; return ;;
                --agent) _lkr_words any claude codex gemini qwen kilo opencode copilot pi cline aider continue gptme mini amp antigravity augment crush cursor droid goose kimi openhands trae vibe vscode agent; return ;;
                --project) _lkr_folders; return ;;
                --days) _lkr_nothing; return ;;
                --unused) _lkr_nothing; return ;;
                --older) _lkr_nothing; return ;;
            esac
            _lkr_options --key --event --agent --project --days --follow --verify --unused --older --gone --json -h --help
            ;;
        'broker')
            _lkr_options --stay --json -h --help
            ((place == 1)) && _lkr_words start stop log run
            ;;
        'confirm')
            _lkr_options --list --json -h --help
            ;;
        'deny')
            _lkr_options -h --help
            ((place == 1)) && _lkr_folders
            ;;
        'doctor')
            _lkr_options --fix --agents --report --json -h --help
            ;;
        'edit')
            _lkr_options -h --help
            ;;
        'exec')
            case $option in
                -k | --key) _lkr_pairs; return ;;
            esac
            _lkr_options -k --key --all --clean --broker --redact -h --help
            _lkr_commands
            ;;
        'export')
            _lkr_options -h --help
            ((place == 1)) && _lkr_words bash zsh fish direnv
            ;;
        'gen')
            case $option in
                -o | --output) _lkr_files; return ;;
            esac
            _lkr_options -o --output --force --json -h --help
            ((place == 1)) && _lkr_files
            ;;
        'get')
            case $option in
                --clear-after) _lkr_nothing; return ;;
            esac
            _lkr_options --show --plain --force-plain --json --clear-after -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'hook')
            _lkr_options -h --help
            ((place == 1)) && _lkr_words bash zsh fish direnv
            ;;
        'import')
            case $option in
                --from) _lkr_words pass: secret-tool: envchain:; return ;;
                --as) _lkr_fresh; return ;;
            esac
            _lkr_options --environment --code --from --as --dry-run --yes --replace --blank --json -h --help
            ((place == 1)) && _lkr_files
            ;;
        'init')
            _lkr_options --yes --import --install -h --help
            ((place == 1)) && _lkr_folders
            ;;
        'install')
            _lkr_options --direnv --completions --no-completions --broker --diff --yes -h --help
            _lkr_words bash zsh fish
            ;;
        'list')
            case $option in
                --source) _lkr_sources; return ;;
            esac
            _lkr_options --all --source --json -h --help
            ((place == 1)) && _lkr_words ai21 anthropic anyscale assemblyai azure-openai baseten bedrock cerebras cohere dashscope databricks deepgram deepinfra deepseek elevenlabs exa fal fireworks gemini google groq huggingface jina langsmith litellm mistral moonshot nebius novita nvidia openai openrouter perplexity portkey replicate sambanova scaleway siliconflow stability tavily together upstage voyage watsonx xai zhipu
            ;;
        'lock')
            _lkr_options -h --help
            ;;
        'login')
            _lkr_options --stdin --yes -h --help
            ((place == 1)) && _lkr_sources
            ;;
        'logout')
            _lkr_options -h --help
            ((place == 1)) && _lkr_sources
            ;;
        'migrate')
            case $option in
                -k | --key) _lkr_folders; return ;;
                --to) _lkr_nothing; return ;;
            esac
            _lkr_options -k --key --to --move --replace --dry-run --yes --json -h --help
            ((place == 1)) && _lkr_words vault keyring
            ;;
        'passwd')
            _lkr_options --stdin -h --help
            ;;
        'policy')
            case $option in
                --only) _lkr_folders; return ;;
                --agents) _lkr_words deny exec allow; return ;;
                --ttl) _lkr_words off 30m 8h 2d; return ;;
                --kind) _lkr_words runtime admin; return ;;
                --via) _lkr_words environment broker; return ;;
                --models) _lkr_nothing; return ;;
                --budget) _lkr_nothing; return ;;
                --rate) _lkr_nothing; return ;;
                --tokens) _lkr_nothing; return ;;
            esac
            _lkr_options --only --anywhere --agents --confirm --no-confirm --ttl --kind --via --models --budget --rate --tokens --json -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'redact')
            case $option in
                --hook) _lkr_words claude; return ;;
            esac
            _lkr_options --hook -h --help
            ;;
        'refresh')
            _lkr_options --json -h --help
            ((place == 1)) && _lkr_sources
            ;;
        'rename')
            _lkr_options -h --help
            ((place == 1)) && _lkr_keys
            ((place == 2)) && _lkr_fresh
            ;;
        'report')
            case $option in
                -o | --output) _lkr_files; return ;;
                --max-age) _lkr_nothing; return ;;
                --unused) _lkr_nothing; return ;;
            esac
            _lkr_options -o --output --anonymous --check --max-age --unused --json -h --help
            ;;
        'rm')
            _lkr_options --yes --force -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'rotate')
            _lkr_options --stdin --confirm --undo -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'scan')
            case $option in
                --since) _lkr_nothing; return ;;
            esac
            _lkr_options --home --history --since --staged --push --fix --install-hook --no-stored --json --sarif -h --help
            _lkr_files
            ;;
        'schema')
            _lkr_options --local -h --help
            ;;
        'seal')
            case $option in
                --identity) _lkr_files; return ;;
            esac
            _lkr_options --all --new --stdin --identity --yes -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'set')
            case $option in
                --kind) _lkr_words runtime admin; return ;;
            esac
            _lkr_options --stdin --kind --force -h --help
            ((place == 1)) && _lkr_fresh
            ;;
        'source')
            _lkr_options -h --help
            _lkr_words add list rm
            ;;
        'source list')
            _lkr_options --json -h --help
            ;;
        'source add')
            case $option in
                --mount) _lkr_nothing; return ;;
                --prefix) _lkr_nothing; return ;;
                --auth) _lkr_nothing; return ;;
                --cache) _lkr_nothing; return ;;
                --grace) _lkr_nothing; return ;;
                --set) _lkr_nothing; return ;;
            esac
            _lkr_options --mount --prefix --auth --cache --grace --set --yes -h --help
            ((place == 1)) && _lkr_words team
            ((place == 2)) && _lkr_words openbao aws command op bw pass gopass doppler infisical gcloud az
            _lkr_words https://
            ;;
        'source rm')
            _lkr_options --yes -h --help
            ((place == 1)) && _lkr_sources
            ;;
        'status')
            _lkr_options --json --short -h --help
            ;;
        'team')
            _lkr_options -h --help
            _lkr_words add audit check init list rm
            ;;
        'team list')
            _lkr_options --json -h --help
            ;;
        'team init')
            _lkr_options --yes -h --help
            ((place == 1)) && _lkr_members
            ((place == 2)) && _lkr_files
            ;;
        'team add')
            case $option in
                --identity) _lkr_files; return ;;
            esac
            _lkr_options --identity --yes -h --help
            ((place == 1)) && _lkr_members
            ((place == 2)) && _lkr_files
            ;;
        'team rm')
            case $option in
                --identity) _lkr_files; return ;;
            esac
            _lkr_options --identity --yes -h --help
            ((place == 1)) && _lkr_members
            ;;
        'team audit')
            _lkr_options --json -h --help
            ;;
        'team check')
            _lkr_options --json -h --help
            ;;
        'token')
            _lkr_options --json -h --help
            ((place == 1)) && _lkr_keys
            ;;
        'uninstall')
            _lkr_options --broker --yes -h --help
            ;;
        'unlock')
            _lkr_options --stdin --passphrase -h --help
            ;;
        'unseal')
            case $option in
                --identity) _lkr_files; return ;;
            esac
            _lkr_options --identity --yes -h --help
            _lkr_keys
            ;;
        'usage')
            case $option in
                --by) _lkr_words project key agent model day; return ;;
                --since) _lkr_nothing; return ;;
                --days) _lkr_nothing; return ;;
            esac
            _lkr_options --by --since --follow --csv --json --vendor --days -h --help
            ((place == 1)) && _lkr_words openai anthropic
            ;;
        'use')
            _lkr_options --default --list --json -h --help
            ((place == 1)) && _lkr_profiles
            ;;
        'vault')
            _lkr_options -h --help
            _lkr_words enroll export import recipient rekey reset unenroll
            ;;
        'vault export')
            case $option in
                --to) _lkr_nothing; return ;;
            esac
            _lkr_options --to --stdin -h --help
            ((place == 1)) && _lkr_files
            ;;
        'vault import')
            case $option in
                --identity) _lkr_files; return ;;
            esac
            _lkr_options --identity --stdin --force -h --help
            ((place == 1)) && _lkr_files
            ;;
        'vault recipient')
            _lkr_options -h --help
            ;;
        'vault enroll')
            _lkr_options --stdin -h --help
            ((place == 1)) && _lkr_files
            ;;
        'vault unenroll')
            _lkr_options -h --help
            ;;
        'vault reset')
            _lkr_options --yes -h --help
            ;;
        'vault rekey')
            _lkr_options --stdin -h --help
            ;;
    esac
}

_lkr() {
    local - IFS=$' \t\n'
    set +fu
    local line=${COMP_LINE:0:COMP_POINT} current='' option='' command='' ended='' offset='' place=1 head i word
    local -a words=() at=()
    # readline parts words at : and = too; here they are whole, and end at the cursor. `at` tells where they began.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ! ${words-} || $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"} words+=('') at+=("$i")
        fi
        [[ $line == "$word"* ]] || word=$line
        line=${line#"$word"} words[-1]+=$word
    done
    current=${words[-1]}
    COMPREPLY=()
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $option ]]; then
            option=
        elif [[ ! $ended && $word == -- ]]; then
            ended=1
        elif [[ ! $ended && $word == -* ]]; then
            [[ ' --agent --agents --as --auth --budget --by --cache --clear-after --days --event --from --grace --hook --identity --key --kind --max-age --models --mount --older --only --output --prefix --project --rate --set --since --source --to --tokens --ttl --unused --variable --via -k -o ' != *" $word "* ]] || option=$word
        elif [[ ! $command || ' source team vault ' == *" $command "* ]]; then
            command+=${command:+ }$word
        else
            place=$((place + 1))
            case $command in exec | agent-env)
                ended=1 offset=${offset:-${at[i]}}
                ;;
            esac
        fi
    done
    if [[ ! $ended && ! $option && $current == --*=* ]]; then
        option=${current%%=*} current=${current#*=}
    fi
    current=${current#[\"\']}
    _lkr_one
    [[ ! $offset ]] || return
    # What we complete may be a part of the word, and what readline takes for the word may be another part.
    head=${words[-1]%"$current"} line=${words[-1]%"$2"}
    if [[ $head != "$line" ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/$head}")
        COMPREPLY=("${COMPREPLY[@]#"$line"}")
    fi
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[:=] ]]; then
        compopt -o nospace
    fi
}

complete -F _lkr lkr lkrsh
