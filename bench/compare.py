#!/usr/bin/env python3
"""Corbel beside transformers and llama.cpp: the same models, machine, threads and prompt, in one run.

    python bench/compare.py [--models NAME ...] [--engines NAME ...] [--repeat N] [--json FILE]

Medians. Every engine runs in a process of its own on the same pinned cores with a warm page cache:
  start     from starting the process to the first new token after a prompt of 8, in seconds. For
            llama.cpp (called through Python) from just before its library is loaded.
  prefill   a prompt of 512 tokens, tokens/s
  decode    64 tokens after that prompt, tokens/s
  peak      largest resident memory of the process, MiB
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ENGINES = ["corbel", "transformers-bf16", "transformers-fp32", "llama.cpp-bf16"]
SHORT, PREFILL, DECODE = 8, 512, 64


def prompt(n):
    return [2 + (37 * i) % 30000 for i in range(n)]


# ---- inside the measured process: `compare.py --worker ENGINE MODEL MODE REPEAT` -----------------------

def measure(prefill, step, repeat):
    """prefill(ids) and step(id) both return the next id."""
    prefill_s, decode_s = [], []
    for _ in range(repeat + 1):  # the first is the warm-up
        began = time.perf_counter()
        token = prefill(prompt(PREFILL))
        middle = time.perf_counter()
        for _ in range(DECODE):
            token = step(token)
        decode_s.append((time.perf_counter() - middle) / DECODE)
        prefill_s.append((middle - began) / PREFILL)
    return {"prefill_tokens_per_s": 1 / statistics.median(prefill_s[1:]),
            "decode_tokens_per_s": 1 / statistics.median(decode_s[1:])}


def worker_transformers(folder, dtype, mode, repeat, threads):
    import torch
    from transformers import AutoModelForCausalLM, DynamicCache
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    cache = None

    def run(ids):
        with torch.inference_mode():
            logits = model(torch.tensor([ids]), past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            return int(logits[0, -1].argmax())

    def prefill(ids):
        nonlocal cache
        cache = DynamicCache(config=model.config)
        return run(ids)

    if mode == "start":
        prefill(prompt(SHORT))
        return {"ended": time.time()}
    return measure(prefill, lambda token: run([token]), repeat)


def worker_llama_cpp(path, mode, repeat, threads):
    began = time.time()
    import llama_cpp as llama
    llama.llama_log_set(silent := llama.llama_log_callback(lambda *_: None), None)
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    params = llama.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 1024, PREFILL, PREFILL
    params.n_threads = params.n_threads_batch = threads
    context = llama.llama_init_from_model(model, params)
    n_vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def run(ids):
        tokens = (llama.llama_token * len(ids))(*ids)
        if llama.llama_decode(context, llama.llama_batch_get_one(tokens, len(ids))) != 0:
            raise RuntimeError("llama_decode failed")
        import numpy
        logits = llama.llama_get_logits_ith(context, -1)
        return int(numpy.ctypeslib.as_array(logits, (n_vocab,)).argmax())

    def prefill(ids):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        return run(ids)

    if mode == "start":
        prefill(prompt(SHORT))
        return {"began": began, "ended": time.time()}
    return measure(prefill, lambda token: run([token]), repeat)


def worker(engine, folder, mode, repeat, threads):
    if engine.startswith("transformers"):
        dtype = {"bf16": "bfloat16", "fp32": "float32"}[engine.split("-")[1]]
        result = worker_transformers(folder, dtype, mode, repeat, threads)
    else:
        result = worker_llama_cpp(folder + ".gguf", mode, repeat, threads)
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


# ---- the comparison ------------------------------------------------------------------------------------

def run_process(command, cpus):
    """(stdout, when it began, when it ended) of a command on these cores."""
    with tempfile.TemporaryFile() as out:
        began = time.time()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        error = process.stderr.read()
        _, status, _ = os.wait4(process.pid, 0)
        ended = time.time()
        out.seek(0)
        if status != 0:
            raise RuntimeError((error.decode(errors="replace").strip() or f"status {status}").splitlines()[-1])
        return out.read().decode(), began, ended


def python_worker(args, engine, folder, mode):
    command = [sys.executable, __file__, "--worker", engine, str(folder), mode,
               "--repeat", str(args.repeat), "--threads", str(args.threads)]
    output, began, _ = run_process(command, args.cpus)
    result = json.loads(output.strip().splitlines()[-1])
    if mode == "start":
        result["start_s"] = result["ended"] - result.get("began", began)
    return result


def corbel_start(args, folder):
    ids = ",".join(map(str, prompt(SHORT)))
    _, began, ended = run_process(
        [args.corbel, "generate", str(folder), "--ids", ids, "--max-new-tokens", "1", "--eos-token-id", "none",
         "--no-sample", "--device-map", args.device, "--threads", str(args.threads)], args.cpus)
    return {"start_s": ended - began}


def corbel_speed(args, folder):
    output, _, _ = run_process(
        [args.corbel, "bench", str(folder), "--json", "--prefill", str(PREFILL), "--decode", str(DECODE),
         "--repeat", str(args.repeat), "--device-map", args.device, "--threads", str(args.threads)], args.cpus)
    return json.loads(output)  # its own peak is of before it measures the machine's limits


def compare_one(args, engine, folder):
    started = [corbel_start(args, folder) if engine == "corbel" else python_worker(args, engine, folder, "start")
               for _ in range(args.repeat + 1)][1:]
    speed = corbel_speed(args, folder) if engine == "corbel" else python_worker(args, engine, folder, "speed")
    return {"engine": engine, "model": folder.name,
            "start_s": statistics.median(run["start_s"] for run in started), **speed}


def print_table(results):
    print(f"\n{'model':<16}{'engine':<20}{'start s':>9}{'prefill t/s':>13}{'decode t/s':>12}{'peak MiB':>10}")
    for r in results:
        print(f"{r['model']:<16}{r['engine']:<20}{r['start_s']:>9.2f}{r['prefill_tokens_per_s']:>13.0f}"
              f"{r['decode_tokens_per_s']:>12.1f}{r['peak_rss_bytes'] / 2**20:>10.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["smollm-135m", "tinyllama-1.1b"])
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    parser.add_argument("--folder", type=pathlib.Path, default=HERE / "models")
    parser.add_argument("--corbel", default=str(HERE.parent / "build/bin/corbel"))
    parser.add_argument("--device", default="cpu", help="Corbel's --device-map")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, default=HERE / "results/compare.json")
    parser.add_argument("--worker", nargs=3, metavar=("ENGINE", "MODEL", "MODE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        engine, folder, mode = args.worker
        return worker(engine, folder, mode, args.repeat, args.threads)

    args.cpus = set(sorted(os.sched_getaffinity(0))[:args.threads])
    results = []
    for model in args.models:
        for engine in args.engines:
            print(f"measuring {engine} on {model}", file=sys.stderr, flush=True)
            try:
                results.append(compare_one(args, engine, args.folder / model))
            except RuntimeError as failure:
                print(f"{engine} on {model} failed: {failure}", file=sys.stderr)
    print_table(results)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
