#!/usr/bin/env python3
"""How fast a PyTorch loop evaluates coalitions on this CPU: the peer that `ascribe bench` stands beside. Needs torch and transformers.

A transformers model of random weights (float32, inference mode) on one row of random tokens, the first and the last fixed, every other one a
feature; coalitions as in coalitions.py. Two loops:

    padded   the usual one: every sequence has the row's full length, attention_mask holds the coalition
    dropped  absent tokens are left out, position_ids kept (the same values; checked), sequences sorted by length, each batch padded to its longest

Each with attention `sdpa` and `eager`, with one process of two threads and two processes of one thread, with several batch sizes; the best of
each loop counts. All tensors are made before the clock starts. Processes warm up, start together, and their rates are added.

Where a run is too short for all coalitions it takes batches spread evenly over the lengths, and counts their share of all tokens:
coalitions/s = tokens/s x coalitions / tokens of all batches (padding counted on both sides).
"""
import argparse
import contextlib
import fcntl
import json
import multiprocessing
import os
import random
import re
import statistics
import sys
import time

import coalitions

SHAPES = {  # layers, width, heads, width of the feed-forward net
    "minilm-l6": ("bert", 6, 384, 12, 1536),
    "distilbert": ("distilbert", 6, 768, 12, 3072),
    "bert-base": ("bert", 12, 768, 12, 3072),
    "bert-large": ("bert", 24, 1024, 16, 4096),
}
LOOPS = ("padded", "dropped")
ATTENTIONS = ("sdpa", "eager")
GEMMS = ((2048, 768, 3072), (2048, 3072, 768), (2048, 384, 1536), (3072, 3072, 3072))  # m, k, n
N_CLASSES = 2
LEAST_CPU_SHARE = 0.93  # of the processors while measuring; threads that wait for each other in PyTorch's pool count as busy


def sequence_flops(shape, length):
    """Multiplications and additions of one sequence as the loop executes it."""
    _, n_layers, width, _, n_ffn = SHAPES[shape]
    layer = length * (8 * width**2 + 4 * width * n_ffn) + 4 * length**2 * width
    return n_layers * layer + 2 * width**2 + 2 * width * N_CLASSES


def spread(n):
    """0 .. n - 1 in an order whose every beginning is spread evenly (multiples of the golden section)."""
    return sorted(range(n), key=lambda i: (i + 1) * 0.6180339887498949 % 1)


def batches_of(loop, lengths, full_length, batch_tokens):
    """Lists of sequences (indices of `lengths`) that run together, each of at most batch_tokens positions unless it is one sequence."""
    if loop == "padded":
        n = max(1, batch_tokens // full_length)
        return [list(range(start, min(start + n, len(lengths)))) for start in range(0, len(lengths), n)]
    batches = []
    for sequence in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[sequence] > batch_tokens:
            batches.append([])
        batches[-1].append(sequence)
    return batches


def kept_positions(length, n_features, budget, seed):
    """Of every coalition the positions that stay: the fixed ones, then features 0 .. n - 1 are positions 1 .. n."""
    fixed_behind = list(range(n_features + 1, length))
    return [
        [0] + [feature + 1 for feature in members] + fixed_behind
        for pair in coalitions.draw(n_features, budget, seed)
        for members in pair
    ]


class Work:
    """One row's coalitions, cut into batches for a loop: what a process times."""

    def __init__(self, task, loop, batch_tokens):
        self.full_length = task["length"]
        self.kept = kept_positions(task["length"], task["features"], task["budget"], task["seed"])
        stream = random.Random(task["seed"] + 1)
        self.tokens = [stream.randrange(1000, 30000) for _ in range(self.full_length)]
        self.loop = loop
        self.shape = task["shape"]
        self.batches = batches_of(loop, [len(kept) for kept in self.kept], self.full_length, batch_tokens)

    def length_of(self, batch):
        return self.full_length if self.loop == "padded" else max(len(self.kept[i]) for i in batch)

    def executed_tokens(self, batch):
        return len(batch) * self.length_of(batch)

    def flops(self, batch):
        return len(batch) * sequence_flops(self.shape, self.length_of(batch))

    def order(self, process, n_processes):
        """Batches of this process, in the order in which it takes them."""
        order = [self.batches[i] for i in spread(len(self.batches))]
        return order[process::n_processes] or order

    def inputs(self, torch, batch):
        """Keyword arguments of the model."""
        length = self.length_of(batch)
        positions = torch.zeros(len(batch), length, dtype=torch.long)
        mask = torch.zeros(len(batch), length, dtype=torch.long)
        for row, sequence in enumerate(batch):
            kept = torch.tensor(self.kept[sequence])
            if self.loop == "padded":
                mask[row, kept] = 1
            else:
                mask[row, : len(kept)] = 1
                positions[row, : len(kept)] = kept
        if self.loop == "padded":
            positions = torch.arange(length).repeat(len(batch), 1)
        inputs = {"input_ids": torch.tensor(self.tokens)[positions], "position_ids": positions}
        if not bool(mask.all()):
            inputs["attention_mask"] = mask
        return inputs


def make_model(shape):
    import torch
    import transformers

    family, n_layers, width, n_heads, n_ffn = SHAPES[shape]
    sizes = dict(num_labels=N_CLASSES, initializer_range=1.5 / width**0.5)  # large enough that coalitions change the logits
    if family == "distilbert":
        config = transformers.DistilBertConfig(
            dim=width, n_layers=n_layers, n_heads=n_heads, hidden_dim=n_ffn, **sizes
        )
        kind = transformers.DistilBertForSequenceClassification
    else:
        config = transformers.BertConfig(
            hidden_size=width, num_hidden_layers=n_layers, num_attention_heads=n_heads, intermediate_size=n_ffn, **sizes
        )
        kind = transformers.BertForSequenceClassification
    torch.manual_seed(0)
    return kind(config).float().eval()


class Process:
    """What one process of the loop does: answers requests until the pipe closes."""

    def __init__(self, task, start_line):
        import torch

        self.torch, self.task, self.start_line = torch, task, start_line
        torch.set_num_threads(task["threads"])
        self.model = make_model(task["shape"])

    def measure(self, loop, attention, batch_tokens, seconds):
        """Sums over the batches that fitted into the time, and the seconds that they took."""
        self.model.set_attn_implementation(attention)
        work = Work(self.task, loop, batch_tokens)
        order = work.order(self.task["process"], self.task["processes"])
        inputs = [work.inputs(self.torch, batch) for batch in order]
        done = dict(batches=0, sequences=0, tokens=0, flops=0)
        with self.torch.inference_mode():
            for batch in inputs[:1]:
                self.model(**batch)
            self.start_line.wait()
            start, start_cpu = time.perf_counter(), time.process_time()
            while time.perf_counter() - start < seconds:
                at = done["batches"] % len(order)
                self.model(**inputs[at])
                done["batches"] += 1
                done["sequences"] += len(order[at])
                done["tokens"] += work.executed_tokens(order[at])
                done["flops"] += work.flops(order[at])
            done["seconds"] = time.perf_counter() - start
            done["cpu_share"] = (time.process_time() - start_cpu) / done["seconds"] / self.task["threads"]
        done["all_tokens"] = sum(work.executed_tokens(batch) for batch in work.batches)
        done["all_flops"] = sum(work.flops(batch) for batch in work.batches)
        done["all_sequences"] = len(work.kept)
        done["all_kept"] = sum(len(kept) for kept in work.kept)
        return done

    def gemm(self, m, k, n, seconds):
        """Operations a second of torch.mm on this process's threads."""
        a, b, c = (self.torch.rand(*size) for size in ((m, k), (k, n), (m, n)))
        best, until = float("inf"), None
        with self.torch.inference_mode():
            self.torch.mm(a, b, out=c)
            self.start_line.wait()
            while until is None or time.perf_counter() < until:
                start = time.perf_counter()
                until = until or start + seconds
                self.torch.mm(a, b, out=c)
                best = min(best, time.perf_counter() - start)
        return 2 * m * k * n / best

    def values(self, loop, attention, n_sequences):
        """The logits of the first coalitions as a list."""
        self.model.set_attn_implementation(attention)
        work = Work(self.task, loop, 16 * self.task["length"])
        wanted = [None] * n_sequences
        with self.torch.inference_mode():
            for batch in work.batches:
                batch = [i for i in batch if i < n_sequences]
                if batch:
                    for i, logits in zip(batch, self.model(**work.inputs(self.torch, batch)).logits.tolist()):
                        wanted[i] = logits
        return wanted


def serve(pipe, task, start_line):
    """The life of a process: requests are (name of a method, its arguments); None ends it."""
    import torch
    import transformers

    process = Process(task, start_line)
    build = [line.strip(" -") for line in torch.__config__.show().split("\n") if re.search("Math Kernel|MKL-DNN|OpenMP|CPU capability", line)]
    pipe.send({"torch": torch.__version__, "transformers": transformers.__version__, "build": build})
    for name, arguments in iter(pipe.recv, None):
        pipe.send(getattr(process, name)(*arguments))


class Team:
    """Processes x threads on one task."""

    def __init__(self, task, n_processes, n_threads):
        context = multiprocessing.get_context("spawn")
        start_line = context.Barrier(n_processes)
        self.name = f"{n_processes}x{n_threads}"
        self.members = []
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(n_threads)
        for process in range(n_processes):
            pipe, other_end = context.Pipe()
            own = dict(task, process=process, processes=n_processes, threads=n_threads)
            child = context.Process(target=serve, args=(other_end, own, start_line), daemon=True)
            child.start()
            other_end.close()
            self.members.append((child, pipe))
        self.versions = [pipe.recv() for _, pipe in self.members][0]

    def ask(self, name, *arguments):
        for _, pipe in self.members:
            pipe.send((name, arguments))
        return [pipe.recv() for _, pipe in self.members]

    def close(self):
        for child, pipe in self.members:
            with contextlib.suppress(BrokenPipeError):
                pipe.send(None)
            child.join(30)


def rates(parts):
    """One measurement from what its processes did."""
    whole = parts[0]
    tokens_per_s = sum(part["tokens"] / part["seconds"] for part in parts)
    return {
        "seconds": max(part["seconds"] for part in parts),
        "batches": sum(part["batches"] for part in parts),
        "sequences": sum(part["sequences"] for part in parts),
        "coalitions_per_s": tokens_per_s * whole["all_sequences"] / whole["all_tokens"],
        "tokens_per_s": tokens_per_s,
        "gflops": sum(part["flops"] / part["seconds"] for part in parts) / 1e9,
        "cpu_share": min(part["cpu_share"] for part in parts),
        "padding_percent": 100 * (1 - whole["all_kept"] / whole["all_tokens"]),
    }


class Quiet:
    """Holds the lock (flock) of a file, when there is one, that keeps other work off the machine: `with quiet:`; may be nested."""

    def __init__(self, lock_file):
        self.lock_file, self.depth = lock_file, 0

    def __enter__(self):
        self.depth += 1
        if self.depth == 1 and self.lock_file:
            self.lock = open(self.lock_file, "a")
            fcntl.flock(self.lock, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.depth -= 1
        if self.depth == 0 and self.lock_file:
            self.lock.close()


def say(run):
    """One line on standard error for who waits."""
    print(
        "{loop:8}{processes_x_threads} {attention:6}{batch_tokens:6} tokens a batch {coalitions_per_s:9.1f} coalitions/s "
        "{gflops:7.1f} GFLOP/s, {padding_percent:4.1f} % padding, processors {cpu_share:.2f}".format(**run),
        file=sys.stderr, flush=True,
    )


class Peer:
    """The loops on one shape: teams of processes that stay up between measurements."""

    def __init__(self, task, lock_file=None, n_cores=2):
        self.task, self.quiet, self.runs = task, Quiet(lock_file), []
        self.teams = {}
        for n_processes, n_threads in dict.fromkeys(((n_cores, 1), (1, n_cores))):
            team = Team(task, n_processes, n_threads)
            self.teams[team.name] = team
        self.versions = team.versions

    def measure(self, loop, choice, seconds):
        """choice = (team, attention, batch_tokens). Once more where other work took a part of the processors."""
        team, attention, batch_tokens = choice
        tries = []
        while not tries or (tries[-1]["cpu_share"] < LEAST_CPU_SHARE and len(tries) < 2):
            with self.quiet:
                parts = self.teams[team].ask("measure", loop, attention, batch_tokens, seconds)
            run = dict(loop=loop, processes_x_threads=team, attention=attention, batch_tokens=batch_tokens, **rates(parts))
            say(run)
            tries.append(run)
        self.runs += tries
        return max(tries, key=lambda run: run["coalitions_per_s"])

    def tune(self, loop, batch_tokens, seconds):
        """The best (team, attention, batch_tokens): all at a middling batch, then the better two over the batches."""
        with self.quiet:
            return self.best_choice(loop, batch_tokens, seconds)

    def best_choice(self, loop, batch_tokens, seconds):
        middle = batch_tokens[len(batch_tokens) // 2]
        choices = [(team, attention, middle) for team in self.teams for attention in ATTENTIONS]
        found = {choice: self.measure(loop, choice, seconds)["coalitions_per_s"] for choice in choices}
        for team, attention, _ in sorted(found, key=found.get)[-2:]:
            for tokens in batch_tokens:
                choice = (team, attention, tokens)
                if choice not in found:
                    found[choice] = self.measure(loop, choice, seconds)["coalitions_per_s"]
        return max(found, key=found.get)

    def gemm_gflops(self, seconds=0.3):
        """The best rate of torch.mm for each team, all cores busy."""
        best = {}
        for name, team in self.teams.items():
            with self.quiet:
                best[name] = max(sum(team.ask("gemm", *size, seconds)) for size in GEMMS) / 1e9
        return best

    def agreement(self, n_sequences=24):
        """How far the logits of the loops and attentions differ at most, and how far coalitions move them: the standard deviation of
        the first logit. Both relative to the largest logit where that is above 1."""
        team = list(self.teams.values())[-1]
        answers = [team.ask("values", loop, attention, n_sequences)[0] for loop in LOOPS for attention in ATTENTIONS]
        flat = [[logit for logits in answer for logit in logits] for answer in answers]
        scale = max(1, max(map(abs, flat[0])))
        return {
            "largest_difference": max(abs(a - b) for answer in flat[1:] for a, b in zip(flat[0], answer)) / scale,
            "deviation": statistics.stdev(logits[0] for logits in answers[0]) / scale,
        }

    def close(self):
        for team in self.teams.values():
            team.close()


def agrees(agreement):
    """Whether the loops compute the same, on coalitions that could have told them apart."""
    return agreement["largest_difference"] <= 1e-4 and agreement["deviation"] >= 1e-2


def task_of(shape, length, budget=None, seed=0):
    n_features = length - 2
    budget = budget or coalitions.default_budget(n_features)
    return {"shape": shape, "length": length, "features": n_features, "budget": budget, "seed": seed}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="minilm-l6")
    parser.add_argument("--length", type=int, default=32, help="tokens of the row [default: 32]")
    parser.add_argument("--budget", type=int, help="coalitions of the row [default: as --budget auto]")
    parser.add_argument("--batch-tokens", type=int, nargs="+", default=[512, 1024, 2048, 4096], help="batch sizes tried, in tokens")
    parser.add_argument("--tune-seconds", type=float, default=2, help="of each measurement that compares choices [default: 2]")
    parser.add_argument("--seconds", type=float, default=10, help="of the last one with the best choice [default: 10]")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--lock", metavar="FILE", help="hold this file's lock (flock) during each measurement")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    peer = Peer(task_of(options.shape, options.length, options.budget), options.lock, options.cores)
    try:
        agreement = peer.agreement()
        best = {}
        for loop in LOOPS:
            choice = peer.tune(loop, options.batch_tokens, options.tune_seconds)
            best[loop] = peer.measure(loop, choice, options.seconds)
        report = {
            "task": peer.task, "versions": peer.versions, "agreement": agreement,
            "torch_mm_gflops": peer.gemm_gflops(), "best": best, "runs": peer.runs,
        }
    finally:
        peer.close()
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if agrees(agreement) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
