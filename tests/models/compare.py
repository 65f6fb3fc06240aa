#!/usr/bin/env python3
"""Small random models of every class of the first-party plugins, with the variants of their
configs, against transformers: forward with hidden states, and greedy generation.

    compare.py CORBEL [--device DEVICE] [--only PART-OF-A-NAME]

CORBEL is the command. Needs torch, transformers and safetensors; prints a line a model, exits with 1
if any differs by more than 5e-5 * max(1, largest expected value).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file

DECODER = dict(vocab_size=150, hidden_size=48, intermediate_size=70, num_hidden_layers=3,
               num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, bos_token_id=1,
               eos_token_id=2, max_position_embeddings=64, num_labels=3)
BERT = dict(vocab_size=150, hidden_size=48, intermediate_size=70, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=32, num_labels=3)
DISTILBERT = dict(vocab_size=150, dim=48, hidden_dim=70, n_layers=3, n_heads=4,
                  max_position_embeddings=32, num_labels=3)
GPT2 = dict(vocab_size=150, n_embd=48, n_layer=3, n_head=4, n_positions=64, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, num_labels=3)
VIT = dict(hidden_size=48, intermediate_size=70, num_hidden_layers=3, num_attention_heads=4,
           image_size=24, patch_size=6, num_labels=3)

# Class, the config's defaults, what is different.
MODELS = []
for family, classes in {
        "Llama": ["Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification",
                  "ForQuestionAnswering"],
        "Mistral": ["Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification",
                    "ForQuestionAnswering"],
        "Gemma": ["Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification"],
        "Gemma2": ["Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification"],
}.items():
    base = dict(DECODER, head_dim=12) if family.startswith("Gemma") else DECODER
    MODELS += [(family + c, base, {}) for c in classes]
BERT_CLASSES = ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"]
MODELS += [("Bert" + c, BERT, {}) for c in BERT_CLASSES]
MODELS += [("BertForQuestionAnswering", BERT, dict(num_labels=2))]
MODELS += [("DistilBert" + c, DISTILBERT, {}) for c in BERT_CLASSES]
MODELS += [("DistilBertForQuestionAnswering", DISTILBERT, dict(num_labels=2))]
MODELS += [("GPT2" + c, GPT2, {}) for c in ["Model", "LMHeadModel", "ForSequenceClassification",
                                            "ForTokenClassification", "ForQuestionAnswering"]]
MODELS += [("ViT" + c, VIT, {}) for c in ["Model", "ForImageClassification"]]
MODELS += [
    ("LlamaForCausalLM", DECODER, dict(attention_bias=True, mlp_bias=True, head_dim=10)),
    ("LlamaForCausalLM", DECODER, dict(tie_word_embeddings=True, hidden_act="gelu_new")),
    ("LlamaForCausalLM", DECODER, dict(rope_parameters=dict(rope_type="linear", factor=3.0,
                                                            rope_theta=500.0))),
    ("LlamaForCausalLM", DECODER, dict(rope_parameters=dict(rope_type="dynamic", factor=3.0,
                                                            rope_theta=500.0),
                                       max_position_embeddings=16)),
    ("LlamaForCausalLM", DECODER, dict(rope_parameters=dict(
        rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16, rope_theta=500.0))),
    ("LlamaForCausalLM", DECODER, dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=500.0))),
    ("LlamaForCausalLM", DECODER, dict(rope_parameters=dict(
        rope_type="longrope", factor=4.0, original_max_position_embeddings=16, rope_theta=500.0,
        short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5], long_factor=[2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))),
    ("MistralForCausalLM", DECODER, dict(sliding_window=3)),
    ("MistralForCausalLM", DECODER, dict(sliding_window=2)),
    ("MistralForCausalLM", DECODER, dict(sliding_window=None, head_dim=16, num_key_value_heads=4)),
    ("MistralForCausalLM", DECODER, dict(tie_word_embeddings=True, hidden_act="relu2")),
    ("GemmaForCausalLM", dict(DECODER, head_dim=12), dict(attention_bias=True)),
    ("GemmaForCausalLM", dict(DECODER, head_dim=12), dict(tie_word_embeddings=False)),
    ("GemmaForCausalLM", dict(DECODER, head_dim=12), dict(hidden_act="gelu")),
    ("Gemma2ForCausalLM", dict(DECODER, head_dim=12), dict(attn_logit_softcapping=None)),
    ("Gemma2ForCausalLM", dict(DECODER, head_dim=12), dict(final_logit_softcapping=None)),
    ("Gemma2ForCausalLM", dict(DECODER, head_dim=12), dict(sliding_window=4,
                                                           query_pre_attn_scalar=7)),
    ("Gemma2ForCausalLM", dict(DECODER, head_dim=12), dict(sliding_window=4, layer_types=[
        "full_attention", "sliding_attention", "full_attention"])),
    ("BertForMaskedLM", BERT, dict(tie_word_embeddings=False, hidden_act="relu")),
    ("BertLMHeadModel", BERT, dict(is_decoder=True)),
    ("BertModel", BERT, dict(type_vocab_size=5, layer_norm_eps=1e-3)),
    ("DistilBertForMaskedLM", DISTILBERT, dict(tie_word_embeddings=False, activation="relu")),
    ("DistilBertModel", DISTILBERT, dict(sinusoidal_pos_embds=True)),
    ("GPT2LMHeadModel", GPT2, dict(scale_attn_by_inverse_layer_idx=True)),
    ("GPT2LMHeadModel", GPT2, dict(scale_attn_weights=False, n_inner=50)),
    ("GPT2LMHeadModel", GPT2, dict(reorder_and_upcast_attn=True, activation_function="relu")),
    ("GPT2LMHeadModel", GPT2, dict(tie_word_embeddings=False)),
    ("ViTModel", VIT, dict(image_size=[24, 36], patch_size=[4, 6])),
    ("ViTModel", VIT, dict(qkv_bias=False, pooler_output_size=20, pooler_act="relu")),
    ("ViTForImageClassification", VIT, dict(num_channels=1, hidden_act="quick_gelu")),
]


def randomize(model):
    """Larger than at initialisation, so that every part of the model matters; norms not all one."""
    for name, p in model.named_parameters():
        scale = 0.1 if p.dim() < 2 else 0.6 / numpy.sqrt(p.shape[-1]) + 0.1
        with torch.no_grad():
            p.add_(torch.randn_like(p) * scale)


def cases_of(model, config):
    """[(name, inputs of transformers, options)]"""
    rng = numpy.random.default_rng(5)
    if config.model_type == "vit":
        size = config.image_size if isinstance(config.image_size, list) else [config.image_size] * 2
        shape = [2, config.num_channels, *size]
        cases = [("b2", dict(pixel_values=rng.standard_normal(shape, numpy.float32)), {})]
        if not isinstance(config.patch_size, list):
            shape[2:] = [size[0] * 2 + 3, size[1] + 7]
            cases.append(("stretched",
                          dict(pixel_values=rng.standard_normal(shape, numpy.float32)),
                          dict(interpolate_pos_encoding=True)))
        return cases
    vocabulary = config.vocab_size
    one = dict(input_ids=rng.integers(3, vocabulary, [1, 23]))
    ids = rng.integers(3, vocabulary, [3, 11])
    mask = numpy.ones_like(ids)
    mask[1, 7:] = 0
    mask[2, 3:] = 0
    ids[mask == 0] = 0
    batch = dict(input_ids=ids, attention_mask=mask)
    if config.model_type in ("bert", "gpt2"):
        types = config.type_vocab_size if config.model_type == "bert" else vocabulary
        batch["token_type_ids"] = rng.integers(0, types, ids.shape)
    return [("one", one, {}), ("batch", batch, {})]


def expected(model, inputs, options):
    arguments = {k: torch.from_numpy(v) for k, v in inputs.items()}
    with torch.no_grad():
        out = model(**arguments, **options, output_hidden_states=True, return_dict=True)
    result = {}
    for k, v in out.items():
        if k == "hidden_states":
            result.update({f"hidden_states.{i}": h.numpy() for i, h in enumerate(v)})
        elif isinstance(v, torch.Tensor):
            result[k] = v.numpy()
    return result


def run(command, *arguments):
    done = subprocess.run([command, *arguments], capture_output=True, text=True)
    return done.stderr.strip()[-300:] if done.returncode else None


def difference(found, want, mask):
    if found is None or found.shape != want.shape:
        return float("inf")
    d = numpy.abs(found - want)
    if mask is not None and want.ndim >= 2 and want.shape[:2] == mask.shape:
        d = d[mask.astype(bool)]
    return float(d.max() / max(1.0, numpy.abs(want).max()))


def compare(args, folder, model, config):
    worst, problems = 0.0, []
    given, got = os.path.join(folder, "in.safetensors"), os.path.join(folder, "out.safetensors")
    where = ["--output", got, "--device-map", args.device]
    for name, inputs, options in cases_of(model, config):
        save_file(inputs, given)
        flags = [a for k, v in options.items() for a in ("--set", f"{k}={json.dumps(v)}")]
        problem = run(args.corbel, "forward", folder, "--inputs", given, "--hidden-states", *where,
                      *flags)
        if problem:
            problems.append(f"{name}: {problem}")
            continue
        found = load_file(got)
        for key, want in expected(model, inputs, options).items():
            d = difference(found.get(key), want, inputs.get("attention_mask"))
            worst = max(worst, d)
            if not d <= 5e-5:
                problems.append(f"{name}: {key} differs by {d:.1e}")
        if not model.can_generate() or name != "one":
            continue
        problem = run(args.corbel, "generate", folder, "--inputs", given, *where, "--no-sample",
                      "--max-new-tokens", "8", "--eos-token-id", "none")
        with torch.no_grad():
            want = model.generate(torch.from_numpy(inputs["input_ids"]), max_new_tokens=8,
                                  do_sample=False, eos_token_id=-1)[:, 23:].numpy()
        if problem or not (load_file(got)["tokens"] == want).all():
            problems.append(f"{name}: generation: {problem or 'other tokens'}")
    return worst, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corbel")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    failed = 0
    for number, (name, base, changes) in enumerate(MODELS):
        if args.only not in name:
            continue
        torch.manual_seed(number)
        kind = getattr(transformers, name)
        config = kind.config_class(**{**base, **changes})
        config._attn_implementation = "eager"
        model = kind(config).eval()
        randomize(model)
        model.tie_weights()
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            worst, problems = compare(args, folder, model, config)
        failed += bool(problems)
        print(f"{'FAILED' if problems else 'ok':<7}{name:<38}{worst:.1e}  {changes or ''}",
              *problems, sep="\n       " if problems else "", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
