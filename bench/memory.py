#!/usr/bin/env python3
"""What a model costs in memory, and in time to load: measured and held against what is promised.

    python3 bench/memory.py [--corbel build/bin/corbel] [--gigabytes 3.2] [--hf PYTHON] [--no-bounds]

Makes a Llama of that size in bfloat16 with random weights, in shards of a third of it (1 GB of 3.2), in a
temporary folder that is removed at the end, and runs it in a new process each time:

  mapped      as it is: the weights stay in the page cache
  converted   --dtype float16: the peak is at most the model and 128 MiB
  disk        --device-map disk with max_memory of a third of the model: the peak is at most that (and what
              the command needs without a model); the tokens are those of "mapped"
  disk+       the same with --dtype float16; the tokens are those of "converted"
  load        with a warm page cache; with --hf PYTHON (one that has transformers) at most 1/20 of what
              transformers' from_pretrained takes

Exits with 1 if a promise is not kept. Needs nothing but Python; --no-bounds compares tokens only.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

MIB = 1 << 20
PROMPT = ",".join(str(3 + 7 * i) for i in range(24))


# ---- the model -----------------------------------------------------------------------------------------

class Weights:
    """Bytes of bfloat16 weights: slices of one random block, each from another place."""

    def __init__(self):
        rng = random.Random(7)
        values = [rng.gauss(0.0, 0.03) for _ in range(1 << 19)]
        words = struct.unpack(f"<{len(values)}I", struct.pack(f"<{len(values)}f", *values))
        self.block = struct.pack(f"<{len(values)}H", *(w >> 16 for w in words))
        self.at = 0

    def write(self, out, size):
        self.at = (self.at + 2 * 99991) % len(self.block)
        while size:
            piece = self.block[self.at:self.at + size]
            out.write(piece)
            size -= len(piece)
            self.at = (self.at + len(piece)) % len(self.block)


def config_of(gigabytes):
    """Eighteen layers or fewer; widths are multiples of 64."""
    layers = 18 if gigabytes > 1 else 8
    hidden = 64
    while (layers * 12.1 * hidden * hidden + 2 * 32000 * hidden) * 2 < gigabytes * 1e9:
        hidden += 64
    return dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=hidden,
                intermediate_size=hidden * 27 // 10 // 64 * 64, num_hidden_layers=layers,
                num_attention_heads=hidden // 64, num_key_value_heads=hidden // 64, vocab_size=32000,
                rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu", torch_dtype="bfloat16",
                max_position_embeddings=2048, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)


def shapes_of(c):
    h, i, v = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    yield "model.embed_tokens.weight", (v, h)
    for n in range(c["num_hidden_layers"]):
        p = f"model.layers.{n}."
        for name in "qkvo":
            yield f"{p}self_attn.{name}_proj.weight", (h, h)
        yield p + "mlp.gate_proj.weight", (i, h)
        yield p + "mlp.up_proj.weight", (i, h)
        yield p + "mlp.down_proj.weight", (h, i)
        yield p + "input_layernorm.weight", (h,)
        yield p + "post_attention_layernorm.weight", (h,)
    yield "model.norm.weight", (h,)
    yield "lm_head.weight", (v, h)


def size_of(shape):
    size = 2
    for n in shape:
        size *= n
    return size


def write_shard(path, tensors, weights):
    header, at = {}, 0
    for name, shape in tensors:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size_of(shape)]}
        at += size_of(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            if len(shape) == 1:
                out.write(struct.pack("<H", 0x3f80) * shape[0])  # 1.0: a norm
            else:
                weights.write(out, size_of(shape))


def make_model(folder, gigabytes):
    """Returns the bytes of its weights."""
    config, weights = config_of(gigabytes), Weights()
    (folder / "config.json").write_text(json.dumps(config))
    most, shards = gigabytes * 1e9 / 3.2, [[]]
    for name, shape in shapes_of(config):
        if shards[-1] and sum(size_of(s) for _, s in shards[-1]) + size_of(shape) > most:
            shards.append([])
        shards[-1].append((name, shape))
    index = {}
    for k, shard in enumerate(shards):
        file = f"model-{k + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(folder / file, shard, weights)
        index.update({name: file for name, _ in shard})
    total = sum(size_of(shape) for _, shape in shapes_of(config))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index}))
    return total


# ---- measuring -----------------------------------------------------------------------------------------

def run(*command):
    """(output, peak of resident memory in bytes)"""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {process.returncode}")
    return output.strip(), usage.ru_maxrss * 1024


class Report:
    def __init__(self, bounded):
        self.bounded, self.failed = bounded, False

    def line(self, name, value, bound, unit, extra=""):
        kept = not self.bounded or bound is None or value <= bound
        self.failed |= not kept
        limit = "" if bound is None else f", at most {bound:.6g}"
        print(f"{'ok' if kept else 'FAILED':7}{name:32}{value:10.6g} {unit}{limit}{extra}", flush=True)

    def equal(self, name, a, b):
        self.failed |= a != b
        print(f"{'ok' if a == b else 'FAILED':7}{name}", flush=True)


def measure(corbel, folder, size, report):
    def generate(*options):
        return run(corbel, "generate", folder, "--ids", PROMPT, "--max-new-tokens", "4", *options)

    _, base = run(corbel, "info", folder)
    limit = size // 3
    disk = ["--device-map", "disk", "--max-memory", json.dumps({"cpu": limit})]
    half = ["--dtype", "float16"]
    mapped, peak = generate("--device-map", "cpu")
    report.line("mapped: peak", peak / MIB, None, "MiB")
    converted, peak = generate("--device-map", "cpu", *half)
    report.line("converted: peak", peak / MIB, (size + 128 * MIB) / MIB, "MiB")
    streamed, peak = generate(*disk)
    report.line("disk: peak", peak / MIB, (limit + (base if limit < 512 * MIB else 0)) / MIB, "MiB")
    report.equal("disk: the tokens of mapped", streamed, mapped)
    streamed, peak = generate(*disk, *half)
    report.line("disk+: peak", peak / MIB, (limit + (base if limit < 512 * MIB else 0)) / MIB, "MiB")
    report.equal("disk+: the tokens of converted", streamed, converted)


LOAD = """
import sys, time, torch, transformers
from transformers import AutoModelForCausalLM
AutoModelForCausalLM._model_mapping
began = time.perf_counter()
AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto")
print(time.perf_counter() - began)
"""


def measure_load(corbel, folder, hf, report):
    def load():
        output, _ = run(corbel, "bench", folder, "--prefill", "1", "--decode", "1", "--repeat", "1", "--json")
        return json.loads(output)["load_s"]

    best = min(load() for _ in range(3))
    bound = None
    if hf:
        theirs = min(float(run(hf, "-c", LOAD, folder)[0].split()[-1]) for _ in range(3))
        report.line("transformers: load", theirs, None, "s")
        bound = theirs / 20
    report.line("load", best, bound, "s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corbel", default="build/bin/corbel")
    parser.add_argument("--gigabytes", type=float, default=3.2)
    parser.add_argument("--test", action="store_true",
                        help="a model of 0.15 GB, unless CORBEL_BIG_TESTS is set")
    parser.add_argument("--hf", help="a Python that has transformers")
    parser.add_argument("--no-bounds", action="store_true")
    parser.add_argument("--no-load", action="store_true")
    arguments = parser.parse_args()
    if arguments.test and not os.environ.get("CORBEL_BIG_TESTS"):
        arguments.gigabytes = 0.15
    folder = pathlib.Path(tempfile.mkdtemp(prefix="corbel-memory-"))
    report = Report(not arguments.no_bounds)
    try:
        size = make_model(folder, arguments.gigabytes)
        print(f"       {size / 1e9:.2f} GB of weights")
        measure(arguments.corbel, folder, size, report)
        if not arguments.no_load:
            measure_load(arguments.corbel, folder, arguments.hf, report)
    finally:
        shutil.rmtree(folder)
    return report.failed


if __name__ == "__main__":
    sys.exit(main())
