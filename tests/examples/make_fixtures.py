#!/usr/bin/env python3
"""Makes tests/fixtures/models/mamba_small and resnet_small: small models of random weights, and what
Python computes for them. Needs torch, transformers, safetensors and timm.

A ResNet can't be small: its last stages have 1024 and 2048 channels. So its weights are not stored;
weights.json lists them, and random_weights.c makes them by the same formula as `values` here.
"""

import json
import os
import sys

import numpy
import torch
from safetensors.numpy import save_file

import references

MAMBA_CONFIG = dict(hidden_size=24, state_size=5, num_hidden_layers=2, vocab_size=97, use_bias=True)
RESNET_CONFIG = dict(block_type="bottleneck", layers=[1, 2, 1, 1], num_classes=5, input_channels=2,
                     cardinality=2, base_width=4, stem_width=9, stem_type="deep-tiered",
                     avg_down=True)
EOS_CANDIDATES = 8 # an end token is one that greedy generation takes within so many steps


def values(seed, count, scale, shift):
    """Uniform in shift +- scale, a power of two: exact in float32, so equal everywhere."""
    u = (numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9 + seed).astype(numpy.uint32)
    for shift_by, factor in (16, 0x21F0AAAD), (15, 0x735A2D97), (15, 1):
        u ^= u >> numpy.uint32(shift_by)
        u *= numpy.uint32(factor)
    unit = (u >> numpy.uint32(8)).astype(numpy.float64) * 2.0**-23 - 1.0
    return (unit * scale + shift).astype(numpy.float32)


def power_of_two(x):
    return float(2.0 ** numpy.round(numpy.log2(x)))


def range_of(name, shape):
    """(scale, shift) of a ResNet's parameter: about what keeps activations as large as they are."""
    if name.endswith("running_var"):
        return 0.5, 1.0
    if len(shape) == 1:
        return 0.25, 1.0 if name.endswith("weight") else 0.0
    return power_of_two(numpy.sqrt(6.0 / numpy.prod(shape[1:]))), 0.0


def fill(model):
    """Sets the weights and gives the list of them."""
    weights = []
    for seed, (name, tensor) in enumerate(model.state_dict().items()):
        if tensor.dim() == 0:
            continue # num_batches_tracked
        scale, shift = range_of(name, tensor.shape)
        data = values(seed, tensor.numel(), scale, shift).reshape(tensor.shape)
        tensor.copy_(torch.from_numpy(data))
        weights.append(dict(name=name, shape=list(tensor.shape), seed=seed, scale=scale,
                            shift=shift))
    return weights


class Fixture:
    def __init__(self, name, model, notes):
        self.folder = os.path.join(references.FIXTURES, name)
        self.tensors = {}
        self.json = dict(name=name, architecture=type(model).__name__, notes=notes,
                         made_with=dict(transformers=references.transformers.__version__,
                                        torch=torch.__version__),
                         computed="float32 on CPU", cases={})
        os.makedirs(os.path.join(self.folder, "model"), exist_ok=True)

    def add(self, case, inputs, outputs, generated=None, **generate):
        mask = inputs.get("attention_mask")
        for kind, tensors in ("in", inputs), ("out", outputs), ("gen", generated or {}):
            for name, t in tensors.items():
                if kind == "out" and mask is not None and t.shape[:2] == mask.shape:
                    t = t * mask.reshape(mask.shape + (1,) * (t.ndim - 2)).astype(t.dtype)
                self.tensors[f"{case}.{kind}.{name}"] = numpy.ascontiguousarray(t)
        describe = lambda tensors: {k: dict(shape=list(t.shape), dtype=str(t.dtype))
                                    for k, t in tensors.items()}
        self.json["cases"][case] = dict(inputs=describe(inputs), outputs=describe(outputs))
        if generate:
            self.json["cases"][case]["generate"] = generate

    def write(self):
        save_file(self.tensors, os.path.join(self.folder, "expected.safetensors"))
        with open(os.path.join(self.folder, "expected.json"), "w") as f:
            json.dump(self.json, f, indent=1)
            f.write("\n")


def make_mamba():
    model = references.mamba(14, **MAMBA_CONFIG)
    fixture = Fixture("mamba_small", model, dict(seed=14))
    model.save_pretrained(os.path.join(fixture.folder, "model"))
    rng = numpy.random.default_rng(3)
    cases = {"b1": dict(input_ids=rng.integers(3, 97, [1, 19])),
             "left_pad": references.mamba_batch("left", rng, 97),
             "right_pad": references.mamba_batch("right", rng, 97)}
    for name, inputs in cases.items():
        outputs = references.mamba_forward(model, inputs)
        if name == "right_pad":
            fixture.add(name, inputs, outputs)
            continue
        tokens, logits = references.mamba_generate(model, inputs, 24)
        eos = int(tokens[0, EOS_CANDIDATES])
        ended, _ = references.mamba_generate(model, inputs, 24, eos)
        fixture.add(name, inputs, outputs,
                    dict(tokens=tokens, logits=logits, tokens_with_eos=ended),
                    max_new_tokens=24, with_eos=dict(eos_token_id=eos, pad_token_id=0))
    fixture.write()


def make_resnet():
    model = references.resnet(0, **RESNET_CONFIG)
    fixture = Fixture("resnet_small", model, dict(
        code="custom repository code; the model is timm's ResNet",
        weights="weights.json: made by tests/examples/random_weights.c"))
    weights = fill(model)
    with open(os.path.join(fixture.folder, "weights.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(w) for w in weights) + "\n]\n")
    model.config.architectures = [type(model).__name__]
    model.config.auto_map = {"AutoConfig": "configuration_resnet.ResnetConfig",
                             "AutoModel": "modeling_resnet.ResnetModel",
                             "AutoModelForImageClassification":
                                 "modeling_resnet.ResnetModelForImageClassification"}
    model.config.save_pretrained(os.path.join(fixture.folder, "model"))
    rng = numpy.random.default_rng(4)
    for batch, height, width in (2, 40, 33), (1, 65, 17):
        pixels = rng.standard_normal([batch, 2, height, width]).astype(numpy.float32)
        fixture.add(f"b{batch}_{height}x{width}", dict(pixel_values=pixels),
                    references.resnet_forward(model, pixels))
    fixture.write()


def main():
    references.quiet()
    make_mamba()
    make_resnet()
    return 0


if __name__ == "__main__":
    sys.exit(main())
