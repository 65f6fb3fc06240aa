#!/usr/bin/env python3
"""Compares the interpreter of chat templates with transformers.

    compare_templates.py TOOL [--count N] [--seed N] [--write FILE]

TOOL is template_tool. Every case is rendered by both; the texts must be equal byte for byte, or
both must refuse. --write makes the tables of tests/fixtures/chat from the cases that are written by
hand, with what transformers says. Exits with 77 where transformers is missing."""

import argparse
import datetime as real_datetime
import json
import os
import re
import subprocess
import sys

os.environ["TZ"] = "UTC"
try:
    from transformers.utils import chat_template_utils as original
except ImportError:
    print("transformers is not installed: skipped")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conversations
import expressions

# What our limits refuse, and what Python prints an address for.
BEYOND = re.compile(r"64 bits|more than \d+|longer than|no real number|infinite number or no number")
ADDRESS = re.compile(r"0x[0-9a-f]{6,}|<(function|bound method|method|generator|iterator|listiterator|reversed)|"
                     r"<built-in|iterator object|<class ")
# Refused at load by design, where Jinja waits for the line to be reached or finds nothing to do.
DESIGN = re.compile(r"there is no (filter|test)|is not supported|U\+10FFFF|surrogate|"
                    # Jinja answers these before it has looked: a constant slice, a generator that is not used.
                    r"can't be sliced|slice's bounds|map requires|can only get item pairs")


def render(case):
    class Clock(real_datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(case["clock"])

    if "clock" in case:
        original.datetime = Clock
    try:
        template = original._compile_jinja_template(case["template"])
        text = template.render(**json.loads(json.dumps(case.get("variables", {}))))
        text.encode()
        return text
    except Exception as error:  # whatever Python raises is a refusal
        return error
    finally:
        original.datetime = real_datetime.datetime


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, case):
        self.process.stdin.write(json.dumps(case).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def same(case, expected, answer):
    if isinstance(expected, Exception):
        return "error" in answer
    if "error" in answer and "__class__" in case["template"] and "has no" in answer["error"]:
        return True  # of what is undefined Jinja hides it, we refuse
    if "error" in answer:
        return bool(BEYOND.search(answer["error"]) or DESIGN.search(answer["error"]))
    return answer["text"] == expected or bool(ADDRESS.search(expected))


def compare(tool, cases):
    n, different = 0, 0
    for case in cases:
        n += 1
        expected, answer = render(case), tool.render(case)
        if not same(case, expected, answer):
            different += 1
            if different <= 40:
                print(f"{case['template']!r}\n  expected {expected!r}\n  found    {answer}")
    return n, different


def write(path, cases, tool):
    """The table of the tests; variables stand once for all cases that share them."""
    shared, templates, rows = [], [case["template"] for case in conversations.cases()], []
    templates = list(dict.fromkeys(templates))
    for case in cases:
        expected = render(case)
        if not isinstance(expected, Exception) and (ADDRESS.search(expected) or "\0" in expected):
            continue  # base/json takes no U+0000
        if not isinstance(expected, Exception) and "error" in tool.render(case):
            continue  # refused by design, see DESIGN
        variables = case.get("variables", {})
        if variables not in shared:
            shared.append(variables)
        template = case["template"]
        row = {"template": templates.index(template) if template in templates else template,
               "variables": shared.index(variables)}
        if "clock" in case and "strftime_now" in case["template"]:
            row["clock"] = case["clock"]
        row["text"] = None if isinstance(expected, Exception) else expected
        rows.append(row)
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"variables": ' + json.dumps(shared, ensure_ascii=False) + ',\n"templates": ' +
                   json.dumps(templates, ensure_ascii=False) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
        file.write("\n]}\n")
    print(f"{path}: {len(rows)} cases, {os.path.getsize(path)} bytes")


# ---- calls of apply_chat_template -----------------------------------------------------------------

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "tokenizers")
TURNS = ("{% for m in messages %}{{ bos_token if loop.first }}[{{ m.role }}] {{ m.content }}"
         "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}")
TRIMMED = TURNS.replace("m.content", "m.content|trim")
NO_CONTENT = "{% for m in messages %}{{ m.role }}{% endfor %}"
REASONING = "{% for m in messages %}{{ m.role }}{{ m.reasoning_content }}|{{ m.thinking }}{{ m.keys()|list }}{{ m.content }}{% endfor %}"
BLOCKS = "{% for m in messages %}{% for b in m.content %}{{ b.text }};{% endfor %}{% endfor %}"


def calls():
    user = {"role": "user", "content": "a <s> b </s><unk> <|eot_id|> <bos> <|endoftext|> [SEP] c"}
    end = {"role": "assistant", "content": "Sure, "}
    conversations_ = [
        ([user], {"add_generation_prompt": True}),
        ([user, end], {"continue_final_message": True}),
        ([user, end], {"continue_final_message": True, "add_generation_prompt": True}),
        ([user, {"role": "assistant", "content": None}], {"continue_final_message": True}),
        ([user, {"role": "assistant", "content": None, "reasoning": "why", "x": None}], {}),
        ([user, {"role": "assistant", "content": "CONTINUE_FINAL_MESSAGE_TAG  "}], {"continue_final_message": True}),
        ([{"role": "user", "content": [{"text": "one"}, {"text": "two "}, {"image": 1}]}], {"continue_final_message": True}),
        ([], {}),
        ([{"role": "user", "content": "\U000f0000</s>\U000f0001 x"}], {"sanitize_control_tokens": True}),
        ([user, end, user], {"sanitize_control_tokens": True, "add_generation_prompt": True}),
        ([user, end], {"sanitize_control_tokens": True, "continue_final_message": True}),
    ]
    for tokenizer in ("llama2", "llama3", "gemma", "gpt2", "bert_uncased"):
        for template in (TURNS, TRIMMED, NO_CONTENT, REASONING, BLOCKS):
            for messages, params in conversations_:
                yield {"tokenizer": tokenizer, "template": template, "messages": messages, "params": params}


def call_original(tokenizers, call):
    from transformers import AutoTokenizer

    name = call["tokenizer"]
    if name not in tokenizers:
        tokenizers[name] = AutoTokenizer.from_pretrained(os.path.join(ROOT, name, "tokenizer"))
    messages = json.loads(json.dumps(call["messages"]))
    arguments = dict(call["params"], chat_template=call["template"])
    try:
        ids = tokenizers[name].apply_chat_template(messages, return_dict=False, **arguments)
        arguments.pop("sanitize_control_tokens", None)
        text = tokenizers[name].apply_chat_template(messages, tokenize=False, **arguments)
        return {"text": text, "ids": ids}
    except Exception as error:
        return error


def compare_calls(tool, path):
    tokenizers, rows, different = {}, [], 0
    for call in calls():
        expected = call_original(tokenizers, call)
        answer = tool.render(dict(call, tokenizer=os.path.join(ROOT, call["tokenizer"], "tokenizer")))
        refused = isinstance(expected, Exception)
        if refused != ("error" in answer) or (not refused and answer != expected):
            different += 1
            print(f"{call}\n  expected {expected!r}\n  found    {answer}")
        rows.append(dict(call, **({"text": None} if refused else expected)))
    if path:
        with open(path, "w", encoding="utf-8") as file:
            rows = [row for i, row in enumerate(rows) if row["tokenizer"] == "llama2" or i % 8 == 0]
            file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
        print(f"{path}: {len(rows)} calls, {os.path.getsize(path)} bytes")
    print(f"calls: {different} differ")
    return different


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tool")
    arguments.add_argument("--count", type=int, default=2000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--write", metavar="FOLDER")
    options = arguments.parse_args()
    hand = list(expressions.hand_cases()) + list(conversations.cases())
    tool = Tool(options.tool)
    if options.write:
        write(os.path.join(options.write, "templates.json"), hand, tool)
    n, different = compare(tool, hand)
    print(f"by hand: {different} of {n} differ")
    m, more = compare(tool, expressions.random_cases(options.count, options.seed))
    print(f"random: {more} of {m} differ")
    calls_differ = compare_calls(tool, options.write and os.path.join(options.write, "calls.json"))
    return 1 if different or more or calls_differ else 0


if __name__ == "__main__":
    sys.exit(main())
