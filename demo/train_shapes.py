#!/usr/bin/env python3
"""Makes demo/shapes: a Vision Transformer of 0.2 million parameters that names a drawn shape.

    python demo/train_shapes.py [--steps N] [--out DIR]

Needs torch, transformers and Pillow. It draws its own pictures, so nothing is downloaded. Everything is seeded:
the same versions on the same kind of processor give the same model. It writes an ordinary Hugging Face folder with a
few example pictures, measures the accuracy on new pictures, and writes demo/expected_shapes.json with what
transformers answers in float32, which the tests compare with.
"""

import argparse
import json
import math
import pathlib
import random
import time

import numpy
import torch
from PIL import Image, ImageDraw
from transformers import AutoModelForImageClassification, ViTConfig, ViTForImageClassification, ViTImageProcessorPil
from transformers import pipeline

HERE = pathlib.Path(__file__).resolve().parent
SIDE, PATCH = 48, 8
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": SIDE, "width": SIDE},
    "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


# ---- shapes: polygons within the unit circle ------------------------------------------------------------------------

def round_about(n, radius, begin=0.0):
    """n points on a circle, or on circles that take turns."""
    return [(radius[i % len(radius)] * math.sin(begin + 2 * math.pi * i / n),
             -radius[i % len(radius)] * math.cos(begin + 2 * math.pi * i / n)) for i in range(n)]


def heart():
    angles = [2 * math.pi * i / 80 for i in range(80)]
    return [(math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17)
            for t in angles]


def cross(thickness):
    a = thickness
    return [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]


def moon(depth):
    """The outer circle's left, and back along an arc that bends the same way."""
    arc = [math.pi * i / 40 for i in range(41)]
    return [(-math.sin(t), -math.cos(t)) for t in arc] + [(-depth * math.sin(t), math.cos(t)) for t in arc]


def draw_ring(draw, place, fill, ground, r):
    draw.polygon(place(round_about(80, [1])), fill=fill)
    hole = r.uniform(0.45, 0.7)
    draw.polygon(place(round_about(80, [hole])), fill=ground)


SHAPES = {
    "circle": lambda r: round_about(80, [1]),
    "cross": lambda r: cross(r.uniform(0.2, 0.4)),
    "heart": lambda r: heart(),
    "moon": lambda r: moon(r.uniform(0.1, 0.6)),
    "ring": None,
    "square": lambda r: round_about(4, [1], math.pi / 4),
    "star": lambda r: round_about(10, [1, r.uniform(0.36, 0.5)]),
    "triangle": lambda r: round_about(3, [1]),
}
LABELS = list(SHAPES)


# ---- pictures -------------------------------------------------------------------------------------------------------

def colours(r):
    """Two that can be told apart."""
    while True:
        first, second = (tuple(r.randrange(256) for _ in range(3)) for _ in range(2))
        if r.random() < 0.25:
            second = r.choice([(255, 255, 255), (0, 0, 0), (240, 240, 240)])
        if r.random() < 0.15:
            first = r.choice([(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255), (255, 220, 0)])
        if sum(abs(a - b) for a, b in zip(first, second)) > 150:
            return first, second


def placer(r, width, height, turned):
    """Where a shape's points come to lie: anywhere as long as all of it is seen."""
    radius = r.uniform(0.25, 0.48) * min(width, height)
    stretch = r.uniform(0.85, 1.0)
    x = r.uniform(radius, width - radius)
    y = r.uniform(radius, height - radius)
    turn = r.uniform(-math.pi, math.pi) if turned else r.uniform(-0.25, 0.25)
    c, s = math.cos(turn), math.sin(turn)
    return lambda points: [(x + radius * (c * px - s * py * stretch), y + radius * (s * px + c * py * stretch))
                           for px, py in points]


def picture(r, label, noise=True):
    width, height = (r.randint(64, 160) for _ in range(2)) if r.random() < 0.5 else [r.randint(64, 160)] * 2
    if not 0.75 < width / height < 1.33:
        height = width
    shape, ground = colours(r)
    image = Image.new("RGB", (2 * width, 2 * height), ground)  # twice the size: smooth edges
    draw = ImageDraw.Draw(image)
    place = placer(r, 2 * width, 2 * height, turned=r.random() < 0.7)
    if label == "ring":
        draw_ring(draw, place, shape, ground, r)
    else:
        draw.polygon(place(SHAPES[label](r)), fill=shape)
    image = image.resize((width, height), Image.Resampling.BOX)
    return noisy(image, r) if noise and r.random() < 0.6 else image


def noisy(image, r):
    """Light from one side, and grain."""
    pixels = numpy.asarray(image, dtype=numpy.float32)
    random_numbers = numpy.random.default_rng(r.getrandbits(32))
    across = numpy.linspace(-1, 1, pixels.shape[1])[None, :, None] * r.uniform(-40, 40)
    down = numpy.linspace(-1, 1, pixels.shape[0])[:, None, None] * r.uniform(-40, 40)
    grain = random_numbers.normal(0, r.uniform(0, 30), pixels.shape)
    return Image.fromarray(numpy.clip(pixels + across + down + grain, 0, 255).astype(numpy.uint8))


def batch_of(r, processor, n):
    labels = [r.randrange(len(LABELS)) for _ in range(n)]
    pictures = [picture(r, LABELS[label]) for label in labels]
    return processor(pictures, return_tensors="pt").pixel_values, torch.tensor(labels)


# ---- the model ------------------------------------------------------------------------------------------------------

def new_model():
    return ViTForImageClassification(ViTConfig(
        image_size=SIDE, patch_size=PATCH, hidden_size=64, intermediate_size=128, num_hidden_layers=6,
        num_attention_heads=4, initializer_range=0.08,  # large, as the model is narrow: it learns sooner
        id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)}))


def learning_rate(step, steps, peak=2e-3, warmup=100):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))


def train(model, processor, args):
    r = random.Random(args.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.02)
    began, average, right = time.time(), None, 0.0
    for step in range(args.steps):
        pixels, labels = batch_of(r, processor, args.batch)  # always new pictures: nothing is seen twice
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps)
        logits = model(pixels).logits
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        right = 0.98 * right + 0.02 * (logits.argmax(1) == labels).float().mean().item()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step:5} loss {average:.3f} right {right:.3f} {time.time() - began:6.0f} s", flush=True)


def save_model(model, out):
    model = model.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.save_pretrained(out)
    (out / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=2) + "\n")


def save_examples(folder, seed):
    """One of each shape, and two that are harder."""
    folder.mkdir(exist_ok=True)
    r = random.Random(seed)
    for label in LABELS:
        image = picture(r, label, noise=False)
        image.quantize(64, dither=Image.Dither.NONE).save(folder / f"{label}.png", optimize=True)
    noisy(picture(r, "heart", noise=False), r).save(folder / "noisy_heart.jpg", quality=85)
    noisy(picture(r, "moon", noise=False), r).save(folder / "noisy_moon.jpg", quality=85)


# ---- what it can do -------------------------------------------------------------------------------------------------

def measure(out, processor, seed, n):
    model = AutoModelForImageClassification.from_pretrained(out, dtype=torch.float32).eval()
    r, right = random.Random(seed), 0
    with torch.no_grad():
        for _ in range(n // 100):
            pixels, labels = batch_of(r, processor, 100)
            right += int((model(pixels).logits.argmax(1) == labels).sum())
    print(f"right on {right} of {n // 100 * 100} new pictures", flush=True)


def write_expected(out, processor, path):
    model = AutoModelForImageClassification.from_pretrained(out, dtype=torch.float32).eval()
    classify = pipeline("image-classification", model=model, image_processor=processor)
    files = sorted(str(file.relative_to(out)) for file in (out / "examples").iterdir())
    calls = [{"inputs": file, "output": classify(str(out / file), top_k=3)} for file in files]
    for call in calls:
        print(call["inputs"], call["output"][0], flush=True)
    path.write_text(json.dumps({"calls": calls}, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "shapes")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # sums in one order on every machine
    args.out.mkdir(parents=True, exist_ok=True)
    processor = ViTImageProcessorPil(**{k: v for k, v in PROCESSOR.items() if k != "image_processor_type"})
    model = new_model()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(model, processor, args)
    save_model(model, args.out)
    save_examples(args.out / "examples", args.seed + 13)  # ones of which it is sure
    measure(args.out, processor, args.seed + 1, 4000)
    write_expected(args.out, processor, args.out.parent / "expected_shapes.json")


if __name__ == "__main__":
    main()
