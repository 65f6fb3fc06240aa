#!/usr/bin/env python3
"""What `corbel save` and `corbel init` write is what transformers writes, and transformers loads it.

usage: test_save.py CORBEL FIXTURES [DEMO]

Every model of FIXTURES is saved by both, in one file and in small shards: names, shards, index,
shapes and bytes must be equal. For every class a model is initialised by both: each parameter must
be constant in both or have the same mean, deviation, bounds and rows of zeros. Exit status 77 where
transformers is not installed."""

import json
import math
import os
import subprocess
import sys
import tempfile

CORBEL, FIXTURES = sys.argv[1:3]
os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import torch
    import transformers
    from safetensors import safe_open
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
failures = 0


def check(sound, *what):
    global failures
    if not sound:
        failures += 1
        print("FAILED:", *what)


def corbel(*arguments, status=0):
    done = subprocess.run([CORBEL, *arguments], capture_output=True, text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def weights(folder):
    """{file: {name: tensor}} and the index, if there is one."""
    files = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            with safe_open(os.path.join(folder, file), "pt") as f:
                assert f.metadata() == {"format": "pt"}, file
                files[file] = {name: f.get_tensor(name) for name in f.keys()}
    index = os.path.join(folder, "model.safetensors.index.json")
    return files, open(index).read() if os.path.exists(index) else None


def same_weights(ours, theirs, what):
    (our_files, our_index), (their_files, their_index) = weights(ours), weights(theirs)
    check(our_index == their_index, what, "the index differs")
    check(list(our_files) == list(their_files), what, list(our_files), list(their_files))
    for file in set(our_files) & set(their_files):
        a, b = our_files[file], their_files[file]
        check(set(a) == set(b), what, file, set(a) ^ set(b))
        for name in set(a) & set(b):
            check(a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
                  and torch.equal(a[name], b[name]), what, file, name)
        for folder in (ours, theirs):
            check(os.path.getsize(os.path.join(folder, file)) > 0, what, file)
        if set(a) == set(b):  # also the header, byte by byte
            raw = [open(os.path.join(folder, file), "rb").read() for folder in (ours, theirs)]
            lengths = [int.from_bytes(r[:8], "little") for r in raw]
            heads = [json.loads(r[8:8 + n]) for r, n in zip(raw, lengths)]
            check(heads[0] == heads[1], what, file, "headers differ")


def same_config(ours, theirs, source, what):
    """Ours has the source's keys, theirs also the class's defaults."""
    text = open(os.path.join(ours, "config.json")).read()
    a, b = json.loads(text), json.load(open(os.path.join(theirs, "config.json")))
    check(text == json.dumps(a, indent=2, sort_keys=True) + "\n", what, "config.json's form")
    for key in ("architectures", "dtype", "model_type"):
        check(a.get(key) == b.get(key), what, key, a.get(key), b.get(key))
    check("torch_dtype" not in a, what, "torch_dtype")
    before = json.load(open(os.path.join(source, "config.json")))
    for key in set(before) - {"architectures", "dtype", "torch_dtype", "_name_or_path"}:
        check(a.get(key) == before[key], what, key)


def saving(scratch):
    for name in sorted(os.listdir(FIXTURES)):
        source = os.path.join(FIXTURES, name, "model")
        config = os.path.join(source, "config.json")
        if not os.path.exists(config):
            continue
        architecture = json.load(open(config)).get("architectures", [""])[0]
        if architecture not in dict(MADE):
            continue  # served by somebody else's plugin
        cls = getattr(transformers, architecture)
        for dtype in ("auto", "bfloat16", "float32"):
            model = cls.from_pretrained(source, dtype=dtype)
            for size in ("50GB", "40KB"):
                what = (name, dtype, size)
                ours, theirs = (os.path.join(scratch, "-".join((side, *what)))
                                for side in ("ours", "theirs"))
                corbel("save", source, ours, "--dtype", dtype, "--max-shard-size", size)
                try:
                    model.save_pretrained(theirs, max_shard_size=size)
                except RuntimeError:
                    continue  # it can't save what has strides
                same_weights(ours, theirs, what)
                same_config(ours, theirs, source, what)
            again, loading = cls.from_pretrained(ours, dtype="auto", output_loading_info=True)
            check(not any(loading.values()), what, "loads with", loading)
            state = again.state_dict()
            for key, value in model.state_dict().items():
                check(torch.equal(value, state[key]), what, key, "differs when loaded back")


# ---- initialisation -------------------------------------------------------------------------------

SIZES = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
             vocab_size=300, max_position_embeddings=64)
KV = dict(num_key_value_heads=2, head_dim=16)
BERT = dict(SIZES, pad_token_id=7)
DISTILBERT = dict(dim=64, n_layers=3, n_heads=4, hidden_dim=96, vocab_size=300,
                  max_position_embeddings=64)
GPT2 = dict(n_embd=64, n_layer=3, n_head=4, vocab_size=300, n_positions=64, bos_token_id=1,
            eos_token_id=2)
VIT = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
           image_size=64, patch_size=8, encoder_stride=8)
MADE = [
    ("BertModel", BERT), ("BertForMaskedLM", dict(SIZES, initializer_range=0.1)),
    ("BertForMaskedLM", dict(BERT, tie_word_embeddings=False)),
    ("BertLMHeadModel", dict(BERT, is_decoder=True)),
    ("BertForSequenceClassification", dict(BERT, num_labels=40)),
    ("BertForTokenClassification", dict(BERT, num_labels=40)), ("BertForQuestionAnswering", BERT),
    ("DistilBertModel", DISTILBERT), ("DistilBertForMaskedLM", dict(DISTILBERT, pad_token_id=9)),
    ("DistilBertForSequenceClassification", dict(DISTILBERT, sinusoidal_pos_embds=True)),
    ("DistilBertForTokenClassification", DISTILBERT), ("DistilBertForQuestionAnswering", DISTILBERT),
    ("GPT2Model", GPT2), ("GPT2LMHeadModel", dict(GPT2, initializer_range=0.3)),
    ("GPT2LMHeadModel", dict(GPT2, tie_word_embeddings=False, pad_token_id=5)),
    ("GPT2ForSequenceClassification", GPT2), ("GPT2ForTokenClassification", GPT2),
    ("GPT2ForQuestionAnswering", GPT2),
    ("LlamaModel", SIZES), ("LlamaForCausalLM", dict(SIZES, pad_token_id=11)),
    ("LlamaForCausalLM", dict(SIZES, tie_word_embeddings=True, attention_bias=True, mlp_bias=True)),
    ("LlamaForSequenceClassification", SIZES), ("LlamaForTokenClassification", SIZES),
    ("LlamaForQuestionAnswering", SIZES),
    ("MistralModel", dict(SIZES, **KV)), ("MistralForCausalLM", dict(SIZES, **KV, pad_token_id=-1)),
    ("MistralForSequenceClassification", dict(SIZES, **KV)),
    ("MistralForTokenClassification", dict(SIZES, **KV)),
    ("MistralForQuestionAnswering", dict(SIZES, **KV)),
    ("GemmaModel", dict(SIZES, **KV)), ("GemmaForCausalLM", dict(SIZES, **KV, pad_token_id=4)),
    ("GemmaForSequenceClassification", dict(SIZES, **KV)),
    ("GemmaForTokenClassification", dict(SIZES, **KV)),
    ("Gemma2Model", dict(SIZES, **KV)),
    ("Gemma2ForCausalLM", dict(SIZES, **KV, initializer_range=0.0)),
    ("Gemma2ForSequenceClassification", dict(SIZES, **KV, pad_token_id=None)),
    ("Gemma2ForTokenClassification", dict(SIZES, **KV)),
    ("ViTModel", VIT), ("ViTForImageClassification", dict(VIT, initializer_range=1.5)),
]


def zero_rows(x):
    return (x == 0).flatten(1).all(1).nonzero().flatten().tolist() if x.dim() > 1 else []


def same_distribution(a, b, what):
    """A constant or computed tensor is equal; of a random one mean and deviation lie within five
    standard errors, rows of zeros are the same, and no value lies beyond what the other can have."""
    a, b = a.double(), b.double()
    check(a.shape == b.shape, *what, a.shape, b.shape)
    if a.shape != b.shape or torch.equal(a, b) or torch.allclose(a, b, rtol=0, atol=2e-7):
        return
    check(a.std() > 0 and b.std() > 0, *what, "one of them is constant")
    rows = zero_rows(a), zero_rows(b)
    check(rows[0] == rows[1], *what, "rows of zeros", *rows)
    keep = [i for i in range(a.shape[0]) if i not in rows[0]] if rows[0] else slice(None)
    a, b = a[keep].flatten(), b[keep].flatten()
    n, std = a.numel(), b.std().item()
    check(abs(a.mean() - b.mean()) < 5 * std * math.sqrt(2 / n), *what, "mean", a.mean(), b.mean())
    if n > 1:
        check(abs(a.std() / std - 1) < 5 / math.sqrt(n), *what, "std", a.std(), std)
    if n > 1000:
        ranks = [x.sort().values[[n // 100, n // 4, n // 2, 3 * n // 4, n - n // 100]] for x in (a, b)]
        check((ranks[0] - ranks[1]).abs().max() < 12 * std / math.sqrt(n / 16), *what, "quantiles")
    bound = 2.0 if b.abs().max() <= 2.0 < 3 * std else b.abs().max().item() + 2 * std
    check(a.abs().max() <= bound, *what, "bounds", a.abs().max(), bound)


def making(scratch):
    for i, (name, values) in enumerate(MADE):
        cls = getattr(transformers, name)
        config = cls.config_class(**values)
        config.architectures = [name]
        torch.manual_seed(i)
        theirs = cls(config)
        source = os.path.join(scratch, f"config-{i}.json")
        folder = os.path.join(scratch, f"made-{i}")
        config.to_json_file(source, use_diff=i % 2 == 0)
        corbel("init", source, folder, "--seed", str(i))
        ours, loading = cls.from_pretrained(folder, output_loading_info=True)
        check(not any(loading.values()), name, "loads with", loading)
        state, expected = ours.state_dict(), theirs.state_dict()
        check(list(state) == list(expected), name, "names")
        for key in expected:
            same_distribution(state[key], expected[key], (name, key))
        saved = os.path.join(scratch, f"saved-{i}")
        theirs.save_pretrained(saved)
        check(set(weights(folder)[0]["model.safetensors"])
              == set(weights(saved)[0]["model.safetensors"]), name, "names in the file")


def repeating(scratch):
    """The same seed gives the same bytes, whatever the threads, dtype and shards; another does not."""
    source = os.path.join(scratch, "config-1.json")
    made = {}
    for seed, threads, size in ((1, 1, "50GB"), (1, 3, "50GB"), (1, 2, "30KB"), (2, 2, "50GB")):
        folder = os.path.join(scratch, f"again-{seed}-{threads}-{size}")
        corbel("init", source, folder, "--seed", str(seed), "--threads", str(threads),
               "--max-shard-size", size)
        made[seed, threads, size] = {k: v for f in weights(folder)[0].values() for k, v in f.items()}
    first, *others = made.values()
    same = [all(torch.equal(first[k], other[k]) for k in first) for other in others]
    check(same == [True, True, False], "seeds", same)


with tempfile.TemporaryDirectory() as scratch:
    saving(scratch)
    making(scratch)
    repeating(scratch)
print("failures:", failures)
sys.exit(failures != 0)
