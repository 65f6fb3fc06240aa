"""Prints sampling_reference.inc: what transformers' logits processors make of fixed logits.

Run with transformers installed; the output is kept beside this file and read by test_sampling.c.
"""
import torch
from transformers import (LogitsProcessorList, MinPLogitsWarper, NoRepeatNGramLogitsProcessor,
                          RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                          TopKLogitsWarper, TopPLogitsWarper)

LOGITS = [2.5, -1.0, 0.25, 3.0, 1.75, -2.5, 0.0, 1.0, 2.25, -0.5, 0.75, 1.5]
SEQUENCE = [3, 1, 8, 3, 1]

ROWS = [  # temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram_size
    (1.0, 0, 1.0, 0.0, 1.0, 0),
    (0.7, 4, 1.0, 0.0, 1.0, 0),
    (1.0, 0, 0.8, 0.0, 1.0, 0),
    (1.3, 8, 0.9, 0.0, 1.0, 0),
    (1.0, 0, 1.0, 0.2, 1.0, 0),
    (0.9, 10, 0.95, 0.1, 1.0, 0),
    (1.0, 0, 1.0, 0.0, 1.5, 0),
    (1.0, 5, 1.0, 0.0, 1.3, 3),
    (1.0, 50, 0.01, 0.0, 1.0, 0),
]


def probabilities(temperature, top_k, top_p, min_p, penalty, ngram):
    steps = LogitsProcessorList()
    if penalty != 1.0:
        steps.append(RepetitionPenaltyLogitsProcessor(penalty))
    if ngram:
        steps.append(NoRepeatNGramLogitsProcessor(ngram))
    if temperature != 1.0:
        steps.append(TemperatureLogitsWarper(temperature))
    if top_k:
        steps.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        steps.append(TopPLogitsWarper(top_p))
    if min_p > 0.0:
        steps.append(MinPLogitsWarper(min_p))
    scores = steps(torch.tensor([SEQUENCE]), torch.tensor([LOGITS]))
    return torch.softmax(scores, -1)[0].tolist()


print("/* Made by sampling_reference.py with transformers; see there. */")
for row in ROWS:
    values = ", ".join(f"{p:.6f}f" for p in probabilities(*row))
    print(f"{{{row[0]}, {row[1]}, {row[2]}, {row[3]}, {row[4]}, {row[5]}, {{{values}}}}},")
