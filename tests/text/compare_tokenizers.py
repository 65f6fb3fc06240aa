#!/usr/bin/env python3
"""Compares Corbel's tokenizers with the `tokenizers` library on random texts and on every code point.

    compare_tokenizers.py COMMAND FIXTURES [--count N] [--seed N]

COMMAND reads lines of JSON as `corbel tokenize DIR --jsonl` does; {} in it is the folder, else the
folder is appended. FIXTURES holds tokenizers/NAME/tokenizer. Exits with 77 (skipped) where the
Python package is missing, with 1 and the first differences where something differs.
"""
import argparse
import json
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

try:
    import tokenizers
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
except ImportError:
    print("skipped: the Python package tokenizers is not installed")
    sys.exit(77)

INTERESTING = [
    "'s", "'S", "'LL", "don't", "\u017f", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2003", "\u0085", "\u180e",
    "e\u0301", "\u00e9", "\u1ec7", "A\u030a\u0323", "\ufb01", "\u0130", "\u01c5", "\u03a3\u03c3\u03c2", "\u1100\u1161\u11a8",
    "\uac01", "\u4e2d\u6587", "\u3042", "\u05d0\u05d1", "\u0627\u0644\u0644\u0647", "\u0915\u094d\u0937", "\u0e01\u0e33",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u200b", "\ufeff", "\ufffd",
    "\u0000", "\u0007", "\u007f", "\u0300", "\u0327", "\u20dd", "\u2581", "\u2581a", "\u00bd", "\u2460", "\u0663", "\u2167",
    "<s>", "</s>", "<unk>", "[MASK]", "[CLS]", " [SEP] ", "<|endoftext|>", "<|eot_id|>", "<0x41>", "hello", "World", "123", "4567",
    ".", ",", "!?", "--", "_x_", "$", "+=", "\u2019", "\u00ab", "\u3002", "\U00020000", "\U0010ffff", "\u2028", "the", " and", "##",
]


def random_text(rng):
    parts = []
    for _ in range(rng.randrange(0, 24)):
        kind = rng.random()
        if kind < 0.5:
            parts.append(rng.choice(INTERESTING))
        elif kind < 0.8:
            parts.append("".join(rng.choice("abcdefgh TE0.'\n") for _ in range(rng.randrange(1, 9))))
        else:
            high = rng.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x20000])
            c = rng.randrange(high)
            parts.append("" if 0xD800 <= c < 0xE000 else chr(c))
    return "".join(parts)


def every_code_point():
    """Each one after a letter, an apostrophe and a space, and in front of a letter and a mark."""
    for low in range(0, 0x31000, 16):
        chars = [chr(c) for c in range(low, low + 16) if not 0xD800 <= c < 0xE000]
        yield "".join(f"a{c}b '{c} {c}\u0301\u0323 {c}{c}" for c in chars)


def byte_pieces(**options):
    """A model that shows every byte of what the steps before it have made of the text."""
    vocab = {"<unk>": 0, **{f"<0x{i:02X}>": i + 1 for i in range(256)}}
    return Tokenizer(models.BPE(vocab, [], unk_token="<unk>", byte_fallback=True, **options))


def whole_words():
    """A model that shows where the pre-tokenizer has cut."""
    return Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))


def built():
    n, p = normalizers, pre_tokenizers
    steps = {
        "nfc": (n.NFC(), None), "nfd": (n.NFD(), None), "nfkc": (n.NFKC(), None), "nfkd": (n.NFKD(), None),
        "lowercase": (n.Lowercase(), None), "strip": (n.Strip(), None), "nmt": (n.Nmt(), None),
        "strip_accents": (n.Sequence([n.NFD(), n.StripAccents()]), None),
        "bert": (n.BertNormalizer(lowercase=True), p.BertPreTokenizer()),
        "bert_cased": (n.BertNormalizer(lowercase=False), p.BertPreTokenizer()),
        "nfc_lower": (n.Sequence([n.NFC(), n.Replace(Regex(r"\s+"), " "), n.Lowercase()]), p.WhitespaceSplit()),
        "prepend": (n.Sequence([n.Prepend("\u2581"), n.Replace(" ", "\u2581")]), None),
        "replace": (n.Replace(Regex("[aeiou]+"), "xyz"), p.Whitespace()),
        "byte_level_normalizer": (n.ByteLevel(), None),
        "whitespace": (None, p.Whitespace()), "digits": (None, p.Digits()), "digit": (None, p.Digits(True)),
        "punctuation": (None, p.Punctuation()), "punctuation_contiguous": (None, p.Punctuation("contiguous")),
        "delimiter": (None, p.CharDelimiterSplit("a")),
        "metaspace": (None, p.Metaspace()), "metaspace_first": (None, p.Metaspace(prepend_scheme="first", split=False)),
        "metaspace_never": (None, p.Metaspace(prepend_scheme="never")),
        "byte_level": (None, p.ByteLevel(add_prefix_space=True)),
        "byte_level_digits": (None, p.Sequence([p.ByteLevel(add_prefix_space=False), p.Digits(True)])),
        "nfkc_byte_level": (n.NFKC(), p.ByteLevel(add_prefix_space=False)),
        "regex_words": (None, p.Split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True)),
        "o200k": (None, p.Split(Regex(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated")),
    }
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        steps["split_" + behavior] = (None, p.Split(Regex("[ab]+|e"), behavior))
        steps["split_inverted_" + behavior] = (None, p.Split("a", behavior, invert=True))
    modern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?%s+|\p{N}%s| ?[^\s%s\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    steps["llama3"] = (None, p.Split(Regex(modern % (r"\p{L}", "{1,3}", r"\p{L}")), "isolated"))
    steps["qwen2"] = (n.NFC(), p.Split(Regex(modern % (r"\p{L}", "", r"\p{L}")), "isolated"))
    steps["qwen3_5"] = (n.NFC(), p.Split(Regex(modern % (r"[\p{L}\p{M}]", "", r"\p{L}\p{M}")), "isolated"))
    for name, (normalizer, pre_tokenizer) in steps.items():
        for kind, t in (("bytes", byte_pieces()), ("words", whole_words())):
            if normalizer:
                t.normalizer = normalizer
            if pre_tokenizer:
                t.pre_tokenizer = pre_tokenizer
            if pre_tokenizer or kind == "bytes":
                yield f"{name}, {kind}", t
    t = byte_pieces()
    t.normalizer = n.Lowercase()
    t.add_tokens([AddedToken("hello", single_word=True), AddedToken("World", normalized=True), AddedToken("the", rstrip=True, normalized=False),
                  AddedToken("123", lstrip=True, rstrip=True, normalized=False), AddedToken("12", normalized=False)])
    t.add_special_tokens([AddedToken("<s>", lstrip=True), "</s>"])
    yield "added_tokens", t


def ask(command, folder, texts, options=()):
    words = [w.replace("{}", str(folder)) for w in command] if any("{}" in w for w in command) else command + [str(folder)]
    lines = "".join(json.dumps(t) + "\n" for t in texts)
    result = subprocess.run(words + list(options), input=lines, capture_output=True, text=True)
    if result.returncode:
        return [{"error": result.stderr.strip()}] * len(texts)
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]


def with_windows(read, encoding):
    """What `read` makes of the encoding and of its further windows."""
    return [read(e) for e in [encoding] + list(encoding.overflowing)]


def compare_windows(name, command, folder, tokenizer, texts, options):
    """Ids of all windows, with `options` that `tokenizer` has been told too."""
    ours, wrong = ask(command, folder, texts, options), 0
    for text, mine in zip(texts, ours):
        want = with_windows(lambda e: e.ids, tokenizer.encode(text))
        got = mine if "error" in mine else [w["ids"] for w in [mine] + mine["overflow"]]
        wrong += got != want
        if got != want and wrong <= 2:
            print(f"{name} {' '.join(options)}: {text!r}\n  library {want}\n  Corbel  {got}")
    print(f"{name} {' '.join(options)}: {len(texts)} texts, {wrong} differ")
    return wrong


def compare_options(name, command, folder, tokenizer, texts):
    tokenizer.encode_special_tokens = True
    wrong = compare_windows(name, command, folder, tokenizer, texts, ["--split-special-tokens"])
    tokenizer.encode_special_tokens = False
    for pad_side, cut_side in (("left", "right"), ("right", "left"), ("left", "left")):
        options = ["--max-length", "12", "--stride", "3", "--truncation-side", cut_side]
        tokenizer.enable_truncation(12, stride=3, direction=cut_side)
        pad = json.loads((folder / "tokenizer_config.json").read_text()).get("pad_token")
        if pad:
            pad = pad if isinstance(pad, str) else pad["content"]
            tokenizer.enable_padding(direction=pad_side, pad_id=tokenizer.token_to_id(pad), pad_token=pad, length=14)
            options += ["--pad-to", "14", "--padding-side", pad_side]
        wrong += compare_windows(name, command, folder, tokenizer, texts, options)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return wrong


def compare(name, command, folder, tokenizer, texts):
    """Prints the first differences; returns how many there are."""
    ours = ask(command, folder, texts)
    wrong = 0
    for text, mine in zip(texts, ours):
        theirs = tokenizer.encode(text)
        want = {"ids": theirs.ids, "offsets": [list(o) for o in theirs.offsets]}
        if "word_ids" in mine:  # `corbel tokenize` does not tell them
            want["word_ids"] = [-1 if w is None else w for w in theirs.word_ids]
        got = {k: mine.get(k) for k in want} if "error" not in mine else mine
        if got != want:
            wrong += 1
            if wrong <= 2:
                print(f"{name}: {text!r}\n  library {want}\n  Corbel  {got}")
    print(f"{name}: {len(texts)} texts, {wrong} differ")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("fixtures", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    command = shlex.split(args.command)
    rng = random.Random(args.seed)
    texts = [random_text(rng) for _ in range(args.count)]
    everything = texts + list(every_code_point())
    wrong = 0

    print("tokenizers", tokenizers.__version__)
    for folder in sorted((args.fixtures / "tokenizers").glob("*/tokenizer")):
        name = folder.parent.name
        # transformers' LlamaTokenizer reads this file its own way: its cases are in cases.json.
        if name != "llama2_llamatokenizer" and args.only in name:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            wrong += compare(name, command, folder, tokenizer, everything)
            wrong += compare_options(name, command, folder, tokenizer, texts)
    with tempfile.TemporaryDirectory() as temporary:
        for name, tokenizer in built():
            if args.only not in name:
                continue
            folder = pathlib.Path(temporary) / name
            folder.mkdir()
            tokenizer.save(str(folder / "tokenizer.json"))
            wrong += compare(name, command, folder, tokenizer, everything)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
