#!/usr/bin/env python3
"""The cache is Hugging Face's own: what huggingface_hub downloaded Corbel finds, and the reverse.

usage: test_hub.py PULL_TOOL HUB_PY

Both clients talk to the same test hub, which is thereby shown to be faithful. Exit status 77 where
huggingface_hub is not installed."""

import json
import os
import random
import subprocess
import sys
import tempfile

TOOL, HUB = sys.argv[1:3]
try:
    import huggingface_hub  # noqa: F401
except ImportError:
    print("skipped: no huggingface_hub")
    sys.exit(77)


class Hub:
    def __init__(self, *specs):
        self.process = subprocess.Popen([sys.executable, HUB, "--page", "3", *specs],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hello = json.loads(self.process.stdout.readline())

    def order(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def requests(self, server):
        return [r for r in self.order(do="log") if r["server"] == server]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def environment(home, **more):
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH")}
    return {**kept, "HOME": home, "HF_HOME": home, "HF_ENDPOINT": hub.hello["hub"],
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", **more}


def corbel(home, *arguments, status=0, **more):
    done = subprocess.run([TOOL, *arguments], env=environment(home, **more), capture_output=True,
                          text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return json.loads(done.stdout) if status == 0 else done.stderr


def python(home, code, **more):
    """Runs `code` in a fresh interpreter: huggingface_hub reads its environment once. What the
    code assigns to `answer` is returned."""
    whole = ("import json, huggingface_hub\nfrom huggingface_hub import *\n" + code +
             "\nprint(json.dumps(answer))")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", whole], text=True,
                          env=environment(home, **more), capture_output=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def make_repo(folder):
    rng = random.Random(1)
    os.makedirs(os.path.join(folder, "shards"))
    os.makedirs(os.path.join(folder, "onnx"))
    files = {
        "config.json": b'{"model_type": "none"}', "tokenizer.json": rng.randbytes(50000),
        "README.md": b"# a model\n", "onnx/model.bin": rng.randbytes(1000),
        "model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": {
            "a": "model-1.safetensors", "b": "shards/model-2.safetensors"}}).encode(),
        "model-1.safetensors": rng.randbytes(1000000),
        "shards/model-2.safetensors": rng.randbytes(1000000),
    }
    for path, data in files.items():
        with open(os.path.join(folder, path), "wb") as f:
            f.write(data)
    return files


def check_files(folder, paths):
    for path in paths:
        with open(os.path.join(folder, path), "rb") as f:
            assert f.read() == files[path], path


NEEDED = ["config.json", "tokenizer.json", "model.safetensors.index.json", "model-1.safetensors",
          "shards/model-2.safetensors"]


def test_python_finds_offline_what_corbel_fetched(home):
    folder = corbel(home, "org/m", "--include", "*")["folder"]
    check_files(folder, files)
    found = python(home, "answer = snapshot_download('org/m')", HF_HUB_OFFLINE="1")
    assert found == folder, found
    for path in NEEDED:
        found = python(home, f"answer = hf_hub_download('org/m', {path!r})", HF_HUB_OFFLINE="1")
        assert found == os.path.join(folder, path)
    absent = python(home, "from huggingface_hub import _CACHED_NO_EXIST\n"
                    "answer = try_to_load_from_cache('org/m', 'added_tokens.json') is "
                    "_CACHED_NO_EXIST")
    assert absent


def test_python_fetches_nothing_that_corbel_has_fetched(home):
    corbel(home, "org/m@v1.0")
    hub.order(do="clear")
    python(home, f"answer = snapshot_download('org/m', revision='v1.0', allow_patterns={NEEDED!r})")
    assert not hub.requests("storage")
    # The rest comes beside ours, into the same snapshot.
    python(home, "answer = snapshot_download('org/m', revision='v1.0')")
    corbel(home, "org/m@v1.0", "--include", "*", "--offline", "--verify")


def test_scan_and_verify_are_content(home):
    corbel(home, "org/m", "--include", "*")
    corbel(home, "org/m@v1.0")
    scan = python(home, "c = scan_cache_dir()\n"
                  "answer = {'warnings': [str(w) for w in c.warnings], 'repos': [[r.repo_id, "
                  "r.repo_type, r.nb_files, sorted(r.refs)] for r in c.repos]}")
    assert scan["warnings"] == [], scan
    assert [r[0] for r in scan["repos"]] == ["org/m"] and scan["repos"][0][3] == ["main", "v1.0"]
    if python(home, "answer = hasattr(HfApi(), 'verify_repo_checksums')"):
        found = python(home, "v = HfApi().verify_repo_checksums('org/m')\n"
                       "answer = [v.checked_count, len(v.mismatches), len(v.missing_paths), "
                       "len(v.extra_paths)]")
        assert found == [len(files), 0, 0, 0], found


def test_corbel_finds_offline_what_python_fetched(home):
    folder = python(home, "answer = snapshot_download('org/m')")
    pulled = corbel(home, "org/m", "--offline", "--trap-sockets", "--verify")
    assert pulled["folder"] == folder
    hub.order(do="clear")
    assert corbel(home, "org/m")["n_fetched"] == 0
    assert not hub.requests("storage")


def test_corbel_finds_offline_what_python_fetched_file_by_file(home):
    for path in NEEDED[:-1]:
        python(home, f"answer = hf_hub_download('org/m', {path!r})")
    said = corbel(home, "org/m", "--offline", status=4)
    assert "shards/model-2.safetensors" in said, said
    python(home, f"answer = hf_hub_download('org/m', {NEEDED[-1]!r})")
    corbel(home, "org/m", "--offline", "--trap-sockets")


def test_corbel_completes_what_python_began(home):
    python(home, "answer = hf_hub_download('org/m', 'config.json')")
    python(home, "answer = hf_hub_download('org/m', 'model-1.safetensors')")
    pulled = corbel(home, "org/m")
    assert pulled["n_fetched"] == 3, pulled
    check_files(pulled["folder"], NEEDED)


def test_both_at_once_on_one_cold_cache(home):
    hub.order(do="fault", where="storage", kind="slow", chunk=50000, seconds=0.01)
    code = f"from huggingface_hub import *\nsnapshot_download('org/m', allow_patterns={NEEDED!r})"
    running = []
    for _ in range(3):
        running.append(subprocess.Popen([sys.executable, "-W", "ignore", "-c", code],
                                        env=environment(home)))
        running.append(subprocess.Popen([TOOL, "org/m"], env=environment(home),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert [p.wait() for p in running] == [0] * len(running)
    hub.order(do="clear")
    check_files(corbel(home, "org/m", "--offline", "--verify")["folder"], NEEDED)


with tempfile.TemporaryDirectory() as scratch:
    repo = os.path.join(scratch, "repo")
    files = make_repo(repo)
    hub = Hub(f"org/m@main={repo}", f"org/m@v1.0={repo}")
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                hub.order(do="clear")
                test(os.path.join(scratch, name))
                print("ok", name, flush=True)
    finally:
        hub.close()
