#!/usr/bin/env python3
"""Random models of the classes that sdk/examples serves, with every field of their configs, against
Python: forward with hidden states, greedy generation of padded batches, prompts of several steps.

    compare.py CORBEL [--device DEVICE] [--only PART-OF-A-NAME] [--random N]

CORBEL is a command that may run the plugins example/mamba and example/resnet50d. Needs torch,
transformers, safetensors and timm; prints a line a model, exits with 1 if any differs by more than
5e-5 * max(1, largest expected value).
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import load_file, save_file

import references

MAMBAS = [
    dict(),
    dict(name="MambaModel"),
    dict(use_bias=True, use_conv_bias=False),
    dict(conv_kernel=1, state_size=1, time_step_rank=1),
    dict(conv_kernel=2, state_size=17, hidden_act="gelu"),
    dict(conv_kernel=9, expand=3, hidden_size=20, time_step_rank=7, use_bias=True),
    dict(state_size=33, expand=1, tie_word_embeddings=False),
    dict(intermediate_size=70, layer_norm_epsilon=1e-3, residual_in_fp32=False),
    dict(hidden_size=70, num_hidden_layers=1, state_size=16, hidden_act="relu"),
]
RESNETS = [
    dict(layers=[1, 1, 1, 1], base_width=4),
    dict(layers=[1, 2, 1, 1], base_width=4, stem_type="deep", stem_width=32, avg_down=True),
    dict(layers=[1, 1, 2, 1], base_width=2, cardinality=4, stem_type="deep-tiered", stem_width=10),
    dict(layers=[2, 1, 1, 1], base_width=3, cardinality=2, avg_down=True, input_channels=1),
    dict(layers=[1, 0, 0, 2], base_width=1, cardinality=8, num_classes=0, avg_down=True),
    dict(layers=[1, 1, 1, 2], block_type="basic", num_classes=3),
    dict(layers=[2, 1, 1, 1], block_type="basic", avg_down=True, stem_type="deep", stem_width=5),
    dict(name="ResnetModel", layers=[1, 1, 1, 1], base_width=1, stem_type="deep", stem_width=128),
    dict(name="ResnetModel", layers=[0, 1, 0, 1], base_width=8, input_channels=4),
]


def random_mamba(rng):
    pick = lambda *values: values[rng.integers(len(values))]
    return dict(hidden_size=int(rng.integers(1, 70)), state_size=int(rng.integers(1, 40)),
                num_hidden_layers=int(rng.integers(1, 4)), conv_kernel=int(rng.integers(1, 7)),
                expand=int(rng.integers(1, 4)), use_bias=pick(True, False),
                use_conv_bias=pick(True, False), tie_word_embeddings=pick(True, False),
                time_step_rank=pick("auto", 1, 3, 10), hidden_act=pick("silu", "gelu", "tanh"))


def random_resnet(rng):
    pick = lambda *values: values[rng.integers(len(values))]
    layers = [int(rng.integers(1, 3)) for _ in range(4)]
    common = dict(layers=layers, stem_type=pick("", "deep", "deep-tiered"),
                  stem_width=int(rng.integers(4, 40)), avg_down=pick(True, False),
                  input_channels=int(rng.integers(1, 5)), num_classes=int(rng.integers(0, 9)))
    if pick(True, False, False):
        return dict(common, block_type="basic", layers=[1, 1, 1, 1])
    return dict(common, base_width=int(rng.integers(1, 9)), cardinality=int(rng.integers(1, 5)))


class Comparison:
    """One model in `folder`, run by the command."""

    def __init__(self, args, folder):
        self.args, self.worst, self.problems = args, 0.0, []
        self.folder = folder
        self.given, self.got = (os.path.join(folder, f) for f in ("in.safetensors",
                                                                 "out.safetensors"))

    def run(self, what, inputs, *arguments):
        save_file(inputs, self.given)
        done = subprocess.run([self.args.corbel, arguments[0], self.folder, "--inputs", self.given,
                               "--output", self.got, "--device-map", self.args.device,
                               *arguments[1:]], capture_output=True, text=True)
        if done.returncode:
            self.problems.append(f"{what}: {done.stderr.strip()[-300:]}")
            return {}
        return load_file(self.got)

    def check(self, what, found, want, mask=None):
        if found is None or found.shape != want.shape:
            self.problems.append(f"{what}: {'missing' if found is None else found.shape}")
            return
        d = numpy.abs(found - want)
        if mask is not None and want.shape[:2] == mask.shape:
            d = d[mask.astype(bool)]
        d = float(d.max() / max(1.0, numpy.abs(want).max()))
        self.worst = max(self.worst, d)
        if not d <= 5e-5:
            self.problems.append(f"{what} differs by {d:.1e}")

    def forward(self, what, inputs, want):
        found = self.run(what, inputs, "forward", "--hidden-states")
        for key, value in want.items() if found else ():
            self.check(f"{what}: {key}", found.get(key), value, inputs.get("attention_mask"))

    def generate(self, what, inputs, tokens, logits):
        found = self.run(what, inputs, "generate", "--logits", "--no-sample", "--max-new-tokens",
                         str(tokens.shape[1]), "--eos-token-id", "none")
        if found and not (found["tokens"] == tokens).all():
            self.problems.append(f"{what}: other tokens")
        if found:
            self.check(f"{what}: logits of generation", found["logits"], logits)


def compare_mamba(c, model, rng):
    vocabulary = model.config.vocab_size
    cases = {"one": dict(input_ids=rng.integers(3, vocabulary, [1, 23])),
             "single": dict(input_ids=rng.integers(3, vocabulary, [2, 1])),
             "left": references.mamba_batch("left", rng, vocabulary),
             "right": references.mamba_batch("right", rng, vocabulary),
             "pieces": dict(input_ids=rng.integers(3, vocabulary, [1, 1100]))}
    for name, inputs in cases.items():
        c.forward(name, inputs, references.mamba_forward(model, inputs))
        if model.can_generate() and name != "right":
            c.generate(name, inputs, *references.mamba_generate(model, inputs, 8))


def compare_resnet(c, model, rng):
    for batch, height, width in (2, 64, 48), (1, 75, 97), (1, 17, 33), (3, 5, 1):
        shape = [batch, model.config.input_channels, height, width]
        pixels = rng.standard_normal(shape).astype(numpy.float32)
        c.forward(f"{height}x{width}", dict(pixel_values=pixels),
                  references.resnet_forward(model, pixels))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corbel")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="")
    parser.add_argument("--random", type=int, default=0, help="so many more of each family")
    args = parser.parse_args()
    references.quiet()
    rng = numpy.random.default_rng(7)
    rows = [(references.mamba, compare_mamba, m) for m in MAMBAS]
    rows += [(references.resnet, compare_resnet, m) for m in RESNETS]
    for _ in range(args.random):
        rows += [(references.mamba, compare_mamba, random_mamba(rng)),
                 (references.resnet, compare_resnet, random_resnet(rng))]
    failed = 0
    for seed, (make, compare, changes) in enumerate(rows):
        if args.only not in make.__name__:
            continue
        model = make(seed, **changes)
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            c = Comparison(args, folder)
            compare(c, model, rng)
        failed += bool(c.problems)
        print(f"{'FAILED' if c.problems else 'ok':<7}{make.__name__:<8}{c.worst:.1e}  {changes}",
              *c.problems, sep="\n       " if c.problems else "", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
