#!/usr/bin/env python3
"""Makes demo/storyteller: a Llama of about a million parameters that tells short stories.

    python demo/train_storyteller.py [--steps N] [--out DIR]

Needs torch, transformers and tokenizers. The text comes from demo/stories.py, so nothing is downloaded.
Everything is seeded: the same versions on the same kind of processor give the same model. It writes an ordinary
Hugging Face folder, and demo/expected.json with the greedy continuations that transformers computes in
float32, which the tests compare with.
"""

import argparse
import json
import math
import pathlib
import random
import time

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

import stories

HERE = pathlib.Path(__file__).resolve().parent
CONTEXT = 512
VOCAB = 1536
BOS, EOS = "<|begin_of_story|>", "<|end_of_story|>"
# Words with their leading space, contractions, punctuation, line ends: the shape of Llama 3's pattern.
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
PROMPTS = [
    "Once upon a time",
    "Once upon a time, in a quiet forest, there lived a little fox named Pip.",
    "Long ago, in a town with red roofs,",
    "There was once a young dragon called Zara",
]


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[AddedToken(BOS, special=True), AddedToken(EOS, special=True)]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))])
    return tokenizer


def save_tokenizer(tokenizer, out):
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS, "pad_token": EOS,
        "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"]}, indent=2) + "\n")


def pack(tokenizer, texts):
    """Rows of CONTEXT + 1 ids, each starting with a new story and filled with as many as fit."""
    eos = tokenizer.token_to_id(EOS)
    rows, row = [], []
    for encoding in tokenizer.encode_batch(texts):
        row += encoding.ids + [eos]
        if len(row) > CONTEXT:
            rows.append(row[:CONTEXT + 1])
            row = []
    return torch.tensor(rows)


def new_model(tokenizer):
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128, intermediate_size=344, num_hidden_layers=5,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=bos, eos_token_id=eos, pad_token_id=eos))


def learning_rate(step, steps, peak=4e-3, warmup=100):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))


def train(model, tokenizer, args):
    generator = random.Random(args.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05)
    rows, next_row, began, average = torch.empty(0), 0, time.time(), None
    for step in range(args.steps):
        if next_row + args.batch > len(rows):  # always new stories: nothing is seen twice
            rows, next_row = pack(tokenizer, stories.stories(generator.random(), 4000)), 0
        batch = rows[next_row:next_row + args.batch]
        next_row += args.batch
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step:5} loss {average:.3f} {time.time() - began:6.0f} s", flush=True)


def save_model(model, out):
    model = model.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.generation_config.update(do_sample=True, temperature=0.5, top_k=40, top_p=0.95, max_new_tokens=400)
    model.save_pretrained(out)


def write_expected(out, path):
    """What transformers continues greedily in float32, with the smallest lead of a choice over the second."""
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    cases = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        made = model.generate(ids, do_sample=False, max_new_tokens=400, output_logits=True,
                              return_dict_in_generate=True)
        new = made.sequences[0, ids.shape[1]:]
        lead = min(float(top[0] - top[1]) for top in (row[0].topk(2).values for row in made.logits))
        cases.append({"prompt": prompt, "ids": ids[0].tolist(), "tokens": new.tolist(),
                      "text": tokenizer.decode(new, skip_special_tokens=True), "least_margin": round(lead, 5)})
        print(f"--- greedy, least margin {lead:.4f}\n{prompt}{cases[-1]['text']}\n", flush=True)
    path.write_text(json.dumps({"cases": cases}, indent=1) + "\n")
    torch.manual_seed(7)
    for row in model.generate(tokenizer("Once upon a time", return_tensors="pt").input_ids, num_return_sequences=4):
        print("--- sampled\n" + tokenizer.decode(row, skip_special_tokens=True) + "\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "storyteller")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # sums in one order on every machine
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(stories.stories(args.seed + 1, 20000))
    save_tokenizer(tokenizer, args.out)
    model = new_model(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {tokenizer.get_vocab_size()} tokens", flush=True)
    train(model, tokenizer, args)
    save_model(model, args.out)
    write_expected(args.out, args.out.parent / "expected.json")


if __name__ == "__main__":
    main()
