/* cli/commands.c: the table of commands. A new command is a row here and a file of its own. */
#include "cli/command.h"

#include <stddef.h>

#define COMMON OPTION_THREADS, OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_END
#define MODEL                                                                           \
    OPTION_TASK, OPTION_CLASS, OPTION_REVISION, OPTION_DTYPE, OPTION_DEVICE_MAP,        \
        OPTION_MAX_MEMORY, OPTION_OFFLINE, OPTION_ISOLATION, OPTION_PLUGIN, OPTION_DEV, \
        OPTION_LOCK, OPTION_TRUST_REMOTE_PLUGIN, OPTION_IGNORE_MISMATCHED_SIZES
#define GENERATION                                                                       \
    OPTION_MAX_NEW_TOKENS, OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P, OPTION_MIN_P, \
        OPTION_REPETITION_PENALTY, OPTION_SEED, OPTION_NO_SAMPLE
#define TOKENIZER OPTION_REVISION, OPTION_OFFLINE, OPTION_LOCK, OPTION_JSONL

/* clang-format off */
static const enum option_id
    run_options[] = {GENERATION, OPTION_STOP, OPTION_CHAT, OPTION_SYSTEM, OPTION_MESSAGES, OPTION_TOOLS,
                     OPTION_CHAT_TEMPLATE, OPTION_SHOW_PROMPT, OPTION_QUESTION, OPTION_CONTEXT, OPTION_PAIR, OPTION_TARGET,
                     OPTION_AGGREGATION, OPTION_POOLING, OPTION_NORMALIZE, OPTION_BATCH_SIZE, OPTION_SET,
                     OPTION_JSONL, MODEL, COMMON},
    forward_options[] = {OPTION_INPUTS, OPTION_OUTPUT, OPTION_HIDDEN_STATES, OPTION_SET, OPTION_SEED, MODEL, COMMON},
    generate_options[] = {OPTION_IDS, OPTION_INPUTS, OPTION_OUTPUT, OPTION_LOGITS, GENERATION,
                          OPTION_EOS_TOKEN_ID, OPTION_PAD_TOKEN_ID, MODEL, COMMON},
    tokenize_options[] = {OPTION_NO_SPECIAL, OPTION_MAX_LENGTH, OPTION_STRIDE, OPTION_TRUNCATION,
                          OPTION_PADDING, OPTION_PADDING_SIDE, OPTION_TRUNCATION_SIDE,
                          OPTION_SPLIT_SPECIAL_TOKENS, TOKENIZER, COMMON},
    detokenize_options[] = {OPTION_SKIP_SPECIAL, TOKENIZER, COMMON},
    preprocess_options[] = {OPTION_OUTPUT, OPTION_REVISION, OPTION_OFFLINE, OPTION_LOCK, COMMON},
    info_options[] = {OPTION_CHECK, MODEL, COMMON},
    program_options[] = {OPTION_BATCH, OPTION_SEQ, OPTION_PAST, OPTION_FORMAT, OPTION_PLANNED,
                         OPTION_HIDDEN_STATES, OPTION_OUTPUT, MODEL, COMMON},
    bench_options[] = {OPTION_PREFILL, OPTION_DECODE, OPTION_BATCH, OPTION_REPEAT, MODEL, COMMON},
    profile_options[] = {OPTION_PREFILL, OPTION_DECODE, OPTION_BATCH, OPTION_REPEAT, OPTION_OUTPUT, MODEL, COMMON},
    save_options[] = {OPTION_MAX_SHARD_SIZE, OPTION_SEED, OPTION_IGNORE_MISMATCHED_SIZES, OPTION_TASK, OPTION_CLASS, OPTION_REVISION, OPTION_DTYPE,
                      OPTION_OFFLINE, OPTION_ISOLATION, OPTION_PLUGIN, OPTION_DEV, OPTION_LOCK,
                      OPTION_TRUST_REMOTE_PLUGIN, COMMON},
    init_options[] = {OPTION_SEED, OPTION_MAX_SHARD_SIZE, OPTION_TASK, OPTION_CLASS, OPTION_REVISION, OPTION_DTYPE,
                      OPTION_OFFLINE, OPTION_ISOLATION, OPTION_PLUGIN, OPTION_DEV, OPTION_LOCK,
                      OPTION_TRUST_REMOTE_PLUGIN, COMMON},
    pull_options[] = {OPTION_INCLUDE, OPTION_EXCLUDE, OPTION_VERIFY, OPTION_REVISION, OPTION_OFFLINE, OPTION_LOCK, COMMON},
    devices_options[] = {COMMON},
    key_options[] = {OPTION_FOR, OPTION_NO_PASSPHRASE, COMMON},
    plugin_options[] = {OPTION_ARCHITECTURE, OPTION_KEY, OPTION_SEED, OPTION_ISOLATION,
                        OPTION_REVISION, OPTION_OFFLINE, COMMON},
    lock_options[] = {OPTION_OUTPUT, OPTION_PLUGIN, OPTION_ISOLATION, OPTION_OFFLINE,
                      OPTION_TRUST_REMOTE_PLUGIN, COMMON},
    audit_options[] = {OPTION_LOCK, COMMON};
/* clang-format on */

const struct command commands[] = {
    {
        .name = "run",
        .usage = "MODEL [INPUT ...]",
        .summary = "the model's task on texts or pictures: continue, classify, ...",
        .details = "INPUT is a text, or the path of a picture; without one, each line of stdin is. "
                   "Text is\nwritten as it is made.\n"
                   "With --jsonl a line of stdin is {\"inputs\": ..., \"parameters\": "
                   "{...}} with transformers' names,\nand each line of stdout that call's JSON.",
        .examples =
            "corbel run demo/storyteller \"Once upon a time\"\n"
            "corbel run demo/sentiment \"I loved every minute of it\"\n"
            "corbel run demo/shapes demo/shapes/examples/star.png\n"
            "corbel run ./my-llama --temperature 0.7 --top-p 0.9 --seed 1 \"The sea\"\n"
            "corbel run ./my-chat-model --chat --system \"You are brief.\"\n"
            "corbel run ./my-chat-model --messages conversation.json --json\n"
            "corbel run ./my-chat-model --chat --show-prompt \"Hello!\"\n"
            "corbel run ./my-classifier --json --top-k 3 < reviews.txt\n"
            "corbel run ./my-ner --aggregation simple --batch-size 8 < articles.txt\n"
            "corbel run ./my-qa --context \"Pip is a fox.\" \"Who is a fox?\" \"What is Pip?\"\n"
            "corbel run ./my-bert --task fill-mask \"The sky is [MASK].\"\n"
            "corbel run ./my-encoder --task feature-extraction --pooling mean --normalize "
            "--json \"a sentence\"\n",
        .options = run_options,
        .min_words = 1,
        .max_words = SIZE_MAX,
        .run = run_command,
    },
    {
        .name = "forward",
        .usage = "MODEL --inputs IN.safetensors --output OUT.safetensors",
        .summary = "one forward pass on tensors, from file to file",
        .details = "Inputs and outputs have transformers' names: input_ids, attention_mask; "
                   "logits,\nlast_hidden_state, ...",
        .examples = "corbel forward ./my-llama --inputs in.safetensors --output out.safetensors\n"
                    "corbel forward ./my-llama --inputs in.safetensors --output out.safetensors "
                    "--hidden-states --device-map vulkan:0\n",
        .options = forward_options,
        .min_words = 1,
        .max_words = 1,
        .run = forward_command,
    },
    {
        .name = "generate",
        .usage = "MODEL --ids 1,2,3 [--max-new-tokens N]",
        .summary = "token ids in, token ids out",
        .details = "--inputs takes a batch (input_ids, attention_mask) from a safetensors file; "
                   "--output writes\ntokens [batch, new] and, with --logits, logits [batch, new, "
                   "vocab] to one.",
        .examples = "corbel generate demo/storyteller --ids 1,2,3 --max-new-tokens 8 --json\n"
                    "corbel generate ./my-llama --inputs batch.safetensors --output "
                    "new.safetensors --logits --eos-token-id none\n",
        .options = generate_options,
        .min_words = 1,
        .max_words = 1,
        .run = generate_command,
    },
    {
        .name = "tokenize",
        .usage = "MODEL",
        .summary = "lines of stdin to token ids",
        .details = "With --jsonl a line is a JSON string or {\"text\", \"pair\"}, and becomes an "
                   "object of ids,\ntokens, offsets (in code points), type_ids and "
                   "special_tokens_mask.",
        .examples = "echo \"Once upon a time\" | corbel tokenize demo/storyteller\n"
                    "echo '{\"text\": \"a\", \"pair\": \"b\"}' | corbel tokenize ./my-bert "
                    "--jsonl --padding max_length --max-length 16\n",
        .options = tokenize_options,
        .min_words = 1,
        .max_words = 1,
        .run = tokenize_command,
    },
    {
        .name = "detokenize",
        .usage = "MODEL",
        .summary = "lines of token ids to text",
        .details = "A line is ids with spaces or commas between; with --jsonl a JSON list, which "
                   "becomes a\nJSON string.",
        .examples = "echo 12 34 56 | corbel detokenize demo/storyteller\n"
                    "echo '[12, 34, 56]' | corbel detokenize demo/storyteller --jsonl "
                    "--skip-special\n",
        .options = detokenize_options,
        .min_words = 1,
        .max_words = 1,
        .run = detokenize_command,
    },
    {
        .name = "preprocess",
        .usage = "MODEL IMAGE ... --output OUT.safetensors",
        .summary = "pictures to pixel_values, as the model's image processor makes them",
        .details = "IMAGE is a PNG or JPEG file. OUT gets pixel_values [images, 3, height, width], "
                   "which `corbel\nforward` takes.",
        .examples = "corbel preprocess demo/shapes demo/shapes/examples/star.png --output "
                    "pixels.safetensors\n"
                    "corbel forward demo/shapes --inputs pixels.safetensors --output "
                    "logits.safetensors\n",
        .options = preprocess_options,
        .min_words = 2,
        .max_words = SIZE_MAX,
        .run = preprocess_command,
    },
    {
        .name = "info",
        .usage = "MODEL",
        .summary = "what a model is, and which plugin runs it",
        .details = NULL,
        .examples =
            "corbel info demo/storyteller\n"
            "corbel info ./my-llama --check --device-map vulkan:0\n"
            "corbel info ./my-llama --max-memory '{\"vulkan:0\": \"6GiB\", \"cpu\": \"12GB\"}'\n",
        .options = info_options,
        .min_words = 1,
        .max_words = 1,
        .run = info_command,
    },
    {
        .name = "pull",
        .usage = "MODEL",
        .summary = "fetch a model from the hub, and print its folder",
        .details = "Fetches what the model needs and the cache lacks. The cache is Hugging Face's "
                   "own; HF_HOME,\nHF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are "
                   "honoured.",
        .examples = "corbel pull openai-community/gpt2\n"
                    "corbel pull org/name@v1.0 --include 'onnx/*' --exclude '*.md'\n",
        .options = pull_options,
        .min_words = 1,
        .max_words = 1,
        .run = pull_command,
    },
    {
        .name = "save",
        .usage = "MODEL DIR",
        .summary = "write a model to a folder, as save_pretrained does",
        .details = "Weights as safetensors, in shards if they are larger than --max-shard-size; "
                   "config.json, tokenizer and\nprocessor beside them. All appears when it is "
                   "complete; weights that DIR has are replaced.",
        .examples = "corbel save openai-community/gpt2 ./gpt2\n"
                    "corbel save ./my-llama ./my-llama-bf16 --dtype bfloat16 --max-shard-size "
                    "2GB\n",
        .options = save_options,
        .min_words = 2,
        .max_words = 2,
        .run = save_command,
    },
    {
        .name = "init",
        .usage = "CONFIG DIR",
        .summary = "make a model with new weights from its config",
        .details = "CONFIG is a config.json or a MODEL, of which config and tokenizer are used. "
                   "Weights are drawn as\ntransformers initialises the class; the same --seed "
                   "gives the same ones.",
        .examples = "corbel init config.json ./new-model --seed 1\n"
                    "corbel init openai-community/gpt2 ./new-gpt2 --dtype bfloat16 --class "
                    "GPT2LMHeadModel\n",
        .options = init_options,
        .min_words = 2,
        .max_words = 2,
        .run = init_command,
    },
    {
        .name = "program",
        .usage = "MODEL",
        .summary = "the program that the model's forward makes",
        .details = NULL,
        .examples = "corbel program demo/storyteller --seq 1 --past 16 --planned\n"
                    "corbel program demo/storyteller --format dot | dot -Tsvg > program.svg\n",
        .options = program_options,
        .min_words = 1,
        .max_words = 1,
        .run = program_command,
    },
    {
        .name = "bench",
        .usage = "MODEL",
        .summary = "how fast a model is, beside the device's measured limits",
        .details = "Medians of --repeat (5), all in one run. A model that generates is given "
                   "--prefill (512) tokens\nand makes --decode (64) more; another runs forward on "
                   "--prefill tokens.",
        .examples = "corbel bench demo/storyteller --prefill 128 --decode 32\n"
                    "corbel bench ./my-llama --threads 2 --dtype bfloat16 --json\n",
        .options = bench_options,
        .min_words = 1,
        .max_words = 1,
        .run = bench_command,
    },
    {
        .name = "profile",
        .usage = "MODEL [--output TRACE.json]",
        .summary = "where a model spends its time, by operation and by module",
        .details = "A prompt of --prefill (128) tokens and --decode (32) more, --repeat (3) times "
                   "after once to warm up.\nThe trace is for ui.perfetto.dev or chrome://tracing.",
        .examples = "corbel profile demo/storyteller\n"
                    "corbel profile ./my-llama --prefill 512 --decode 64 --device-map vulkan:0 "
                    "--output trace.json\n",
        .options = profile_options,
        .min_words = 1,
        .max_words = 1,
        .run = profile_command,
    },
    {
        .name = "devices",
        .usage = "",
        .summary = "what can run here, with memory and features",
        .details = NULL,
        .examples = "corbel devices\ncorbel devices --json\n",
        .options = devices_options,
        .min_words = 0,
        .max_words = 0,
        .run = devices_command,
    },
    {
        .name = "plugin",
        .usage = "new NAME | build [DIR] | test [DIR] | sign DIR --key KEY | verify BUNDLE | "
                 "install BUNDLE | "
                 "list | show PLUGIN | remove PLUGIN",
        .summary = "makes, tests, signs, installs and shows plugins of third parties",
        .details =
            "BUNDLE is a folder with a corbel-plugin.json, or a plugin's project that has been "
            "built; to\ninstall also org/name[@revision] of the hub, with #sha256:PIN behind it "
            "for only that one.\nPLUGIN is a name, NAME@sha256:PIN or a pin. `verify` and "
            "`install` refuse "
            "with status 3.",
        .examples = "corbel plugin new acme/probe --architecture ProbeForCausalLM\n"
                    "corbel plugin build probe\n"
                    "corbel plugin test probe\n"
                    "corbel plugin sign probe --key acme\n"
                    "corbel plugin install probe/build/bundle\n"
                    "corbel plugin install acme/probe@v1.0\n",
        .options = plugin_options,
        .min_words = 0,
        .max_words = 3,
        .run = plugin_command,
    },
    {
        .name = "key",
        .usage = "new NAME | list | trust KEY --for GLOB | revoke KEY-or-PIN",
        .summary = "signing keys, and the keys whose plugins may run",
        .details =
            "KEY is a .pub file, a public key, or the name or id of a key that is known. Files "
            "have minisign's\nformats. A passphrase is asked for, or read from stdin.",
        .examples = "corbel key new acme\n"
                    "corbel key trust acme.pub --for 'acme/*'\n"
                    "corbel key revoke acme.pub\n",
        .options = key_options,
        .min_words = 0,
        .max_words = 2,
        .run = key_command,
    },
    {
        .name = "lock",
        .usage = "MODEL ... [--output corbel.lock]",
        .summary = "writes a corbel.lock: these files, these plugins, nothing else",
        .details = "Of a model of the hub all files are fetched that Corbel may use, and the lock "
                   "names the commit.\nWith --lock FILE any difference is refused with status 3, "
                   "and nothing else is fetched.",
        .examples = "corbel lock ./my-llama org/model@main\n"
                    "corbel run ./my-llama --lock corbel.lock \"Once upon a time\"\n",
        .options = lock_options,
        .min_words = 1,
        .max_words = SIZE_MAX,
        .run = lock_command,
    },
    {
        .name = "audit",
        .usage = "[MODEL ...]",
        .summary = "checks all that is installed and locked, byte by byte",
        .details = "Status 1 if something was found that somebody should act upon.",
        .examples = "corbel audit\n"
                    "corbel audit ./my-llama --lock corbel.lock --json\n",
        .options = audit_options,
        .min_words = 0,
        .max_words = SIZE_MAX,
        .run = audit_command,
    },
    {.name = NULL},
};
