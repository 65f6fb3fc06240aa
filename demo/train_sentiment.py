#!/usr/bin/env python3
"""Makes demo/sentiment: a DistilBERT of about a million parameters that tells good reviews from bad ones.

    python demo/train_sentiment.py [--steps N] [--out DIR]

Needs torch, transformers and tokenizers. The text comes from demo/reviews.py, so nothing is downloaded.
Everything is seeded: the same versions on the same kind of processor give the same model. It writes an ordinary
Hugging Face folder, and demo/expected_sentiment.json with the logits that transformers computes in float32, which the
tests compare with, and the accuracy on reviews made of templates that were held out.
"""

import argparse
import json
import math
import pathlib
import time

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DistilBertConfig,
                          DistilBertForSequenceClassification)

import reviews

HERE = pathlib.Path(__file__).resolve().parent
CONTEXT = 128
VOCAB = 2560
PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
LABELS = ["NEGATIVE", "POSITIVE"]
EXAMPLES = [
    "I loved every minute of it",
    "The food was cold and the waiter was rude.",
    "Not bad at all!",
    "It was not good.",
    "The acting was wooden, but the story moved me to tears",
    "I wanted to like this phone, but the battery is terrible.",
    "The plot makes no sense. I want my money back",
    "I can't recommend this hotel enough",
    "Nobody in our office would ever buy that printer again",
    "Café crème: délicieux, and very cheap! 🙂",
    "",
]


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=VOCAB, show_progress=False, special_tokens=[PAD, UNK, CLS, SEP, MASK],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789"), continuing_subword_prefix="##"))
    cls, sep = (CLS, tokenizer.token_to_id(CLS)), (SEP, tokenizer.token_to_id(SEP))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}", pair=f"{CLS} $A {SEP} $B:1 {SEP}:1", special_tokens=[cls, sep])
    return tokenizer


def save_tokenizer(tokenizer, out):
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": CONTEXT,
        "pad_token": PAD, "unk_token": UNK, "cls_token": CLS, "sep_token": SEP, "mask_token": MASK,
        "model_input_names": ["input_ids", "attention_mask"]}, indent=2) + "\n")


def new_model(tokenizer):
    return DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=CONTEXT, dim=128, n_layers=3, n_heads=4,
        hidden_dim=512, pad_token_id=tokenizer.token_to_id(PAD), id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)}))


def batches(tokenizer, rows, size):
    """(ids, mask, labels); rows of about one length together, so that little is padding."""
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(PAD), pad_token=PAD)
    tokenizer.enable_truncation(CONTEXT)
    for start in range(0, len(rows), 16 * size):
        block = sorted(rows[start:start + 16 * size], key=lambda row: len(row[0]))
        for i in torch.randperm(len(block) // size).tolist():
            part = block[i * size:(i + 1) * size]
            encoded = tokenizer.encode_batch([text for text, _ in part])
            yield (torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded]),
                   torch.tensor([label for _, label in part]))


def learning_rate(step, steps, peak=1e-3, warmup=200):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))


def train(model, tokenizer, args):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05)
    began, average = time.time(), None
    rows = reviews.reviews(args.seed, args.steps * args.batch)  # nothing is seen twice
    for step, (ids, mask, labels) in enumerate(batches(tokenizer, rows, args.batch)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps)
        logits = model(ids, attention_mask=mask).logits
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if step % 100 == 0 or step == args.steps - 1:
            print(f"step {step:5} loss {average:.3f} {time.time() - began:6.0f} s", flush=True)


def save_model(model, out):
    model = model.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.save_pretrained(out)


@torch.no_grad()
def accuracy(model, tokenizer, seed, held_out):
    rows, right = reviews.reviews(seed, 4096, held_out), 0
    for ids, mask, labels in batches(tokenizer, rows, 64):
        right += (model(ids, attention_mask=mask).logits.argmax(-1) == labels).sum().item()
    return round(right / len(rows), 4)


@torch.no_grad()
def write_expected(out, path, seed):
    """What transformers says in float32."""
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForSequenceClassification.from_pretrained(out, dtype=torch.float32).eval()
    plain = Tokenizer.from_file(str(out / "tokenizer.json"))
    result = {"accuracy": {"templates of the training": accuracy(model, plain, seed + 1, False),
                           "held-out templates": accuracy(model, plain, seed + 2, True)}, "cases": []}
    print(result, flush=True)
    for text in EXAMPLES + [text for text, _ in reviews.reviews(seed + 3, 10, True)]:
        ids = tokenizer(text, return_tensors="pt").input_ids
        logits = model(ids).logits[0]
        result["cases"].append({"text": text, "ids": ids[0].tolist(), "logits": logits.tolist()})
        print(f"{LABELS[logits.argmax()]} {logits.softmax(-1).max():.3f}  {text}", flush=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "sentiment")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # sums in one order on every machine
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(text for text, _ in reviews.reviews(args.seed + 4, 30000))
    save_tokenizer(tokenizer, args.out)
    model = new_model(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {tokenizer.get_vocab_size()} tokens", flush=True)
    train(model, tokenizer, args)
    save_model(model, args.out)
    write_expected(args.out, args.out.parent / "expected_sentiment.json", args.seed)


if __name__ == "__main__":
    main()
