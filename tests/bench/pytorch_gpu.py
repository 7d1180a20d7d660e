#!/usr/bin/env python3
"""How fast PyTorch loops evaluate coalitions on a GPU: the peer of scripts/gpu-suite. Needs torch with CUDA and transformers.

As a good engineer would write it in a day: half precision, attention `sdpa`, inference mode, inputs on the device before the clock starts, the best
of several batch sizes. Model, coalitions and the two loops (padded, dropped) are those of pytorch_cpu.py. Prints a JSON object: every run, and the
best of each loop; rates count as there.
"""
import argparse
import json
import sys
import time

import pytorch_cpu

BATCH_TOKENS = (8192, 32768, 131072)


def to_device(torch, inputs, device):
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def time_loop(torch, model, work, device, seconds):
    """Sums over the batches that fitted into the time, which is that of the device."""
    order = work.order(0, 1)
    inputs = [to_device(torch, work.inputs(torch, batch), device) for batch in order]
    done = dict(batches=0, sequences=0, tokens=0, flops=0)
    with torch.inference_mode():
        for batch in inputs:  # every shape once: kernels are chosen and loaded
            model(**batch)
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            at = done["batches"] % len(order)
            model(**inputs[at])
            done["batches"] += 1
            done["sequences"] += len(order[at])
            done["tokens"] += work.executed_tokens(order[at])
            done["flops"] += work.flops(order[at])
            if done["batches"] % 8 == 0:
                torch.cuda.synchronize(device)  # the clock is not to run ahead of the device
        torch.cuda.synchronize(device)
        done["seconds"] = time.perf_counter() - start
    return done


def rates(work, done):
    all_tokens = sum(work.executed_tokens(batch) for batch in work.batches)
    return {
        "coalitions_per_s": done["tokens"] / done["seconds"] * len(work.kept) / all_tokens,
        "tokens_per_s": done["tokens"] / done["seconds"],
        "tflops": done["flops"] / done["seconds"] / 1e12,
    }


def measure(torch, model, task, device, seconds):
    runs = []
    for loop in pytorch_cpu.LOOPS:
        for batch_tokens in BATCH_TOKENS:
            work = pytorch_cpu.Work(task, loop, batch_tokens)
            try:
                done = time_loop(torch, model, work, device, seconds)
            except torch.cuda.OutOfMemoryError:
                torch.cuda.empty_cache()
                continue
            runs.append({"loop": loop, "batch_tokens": batch_tokens, **rates(work, done), **done})
    return runs


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=pytorch_cpu.SHAPES, required=True)
    parser.add_argument("--length", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--device", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments):
    import torch
    import transformers

    options = parse(arguments)
    if not torch.cuda.is_available():
        print("pytorch_gpu: skipped: torch finds no GPU", file=sys.stderr)
        return 77
    device = torch.device("cuda", options.device)
    torch.cuda.set_device(device)
    model = pytorch_cpu.make_model(options.shape).half().to(device)
    model.set_attn_implementation("sdpa")
    runs = measure(torch, model, pytorch_cpu.task_of(options.shape, options.length), device, options.seconds)
    best = [max((run for run in runs if run["loop"] == loop), key=lambda run: run["coalitions_per_s"], default=None) for loop in pytorch_cpu.LOOPS]
    facts = {"torch": torch.__version__, "transformers": transformers.__version__, "cuda": torch.version.cuda, "device": torch.cuda.get_device_name(device)}
    print(json.dumps({"shape": options.shape, "length": options.length, "versions": facts, "runs": runs, "best": [run for run in best if run]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
