#!/usr/bin/env python3
"""Makes data/golden/models/<name>/: tiny BERT classifiers with random weights and what PyTorch computes for
them.

Each folder is a Hugging Face directory (config.json, model.safetensors) plus golden.json, which holds the
versions and for every input: the token ids, maybe token types, maybe an attention mask with zeros inside
(our policy `remove`: kept tokens keep their position ids), then `rows` (the positions whose hidden states
are stored: kept positions, all of them for short inputs, some of them for long ones), `embeddings`
[rows][hidden], `layers` [layer][rows][hidden], `pooled` [hidden] and `logits` [class].  All values are
float32 of an fp32 forward pass with eager attention on the CPU, with 9 significant digits, computed from
the weights as stored (rounded to F16 or BF16 where the file is).

Weights are random with a realistic spread and no bias is zero, so that a missing term shows. Needs Python
>= 3.9, torch, transformers and safetensors.  Run it from the repository root:
    python3 scripts/make_golden.py --out data/golden/models
"""
import argparse
import json
import os

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

CLS, SEP, FIRST_FREE_ID = 2, 3, 5
LENGTHS = (1, 2, 3, 7, 19, 33, 64)
SHORT = 7          # inputs up to this length store every row
MAX_POSITIONS = 64
FIRST_ROW = 0      # the stride of a model that stores no row but the first
COMMON = {"vocab_size": 101, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2,
          "max_position_embeddings": MAX_POSITIONS, "pad_token_id": 0}
SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
THREE = ["negative", "neutral", "positive"]

# name -> (configuration, class names or None, stored type, seed, stride of the stored rows of long inputs)
MODELS = {
    "bert-f32": (SMALL, THREE, torch.float32, 1, 2),
    "bert-f16": (SMALL, THREE, torch.float16, 1, 2),
    "bert-bf16": (SMALL, THREE, torch.bfloat16, 1, 2),
    "minilm-like": ({"num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 2,
                     "intermediate_size": 128, "vocab_size": 61},
                    None, torch.float16, 2, FIRST_ROW),
    "tinybert-like": ({"num_hidden_layers": 2, "hidden_size": 24, "num_attention_heads": 3,
                       "intermediate_size": 48, "hidden_act": "gelu_new"},
                      ["world", "sports", "business", "science", "other"], torch.float32, 3, 2),
    "bert-relu": ({**SMALL, "hidden_act": "relu", "layer_norm_eps": 1e-5}, ["no", "yes"],
                  torch.float32, 4, 2),
    "bert-gamma": (SMALL, ["no", "yes"], torch.float32, 5, 2),
    "one-class": ({**SMALL, "problem_type": "regression"}, ["score"], torch.float32, 6, 2),
}


def config_of(overrides, names, dtype):
    """The contents of config.json, as a Hugging Face checkpoint has them."""
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", **COMMON, **overrides,
              "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.2,
              "position_embedding_type": "absolute", "torch_dtype": str(dtype).removeprefix("torch.")}
    if names:
        config["id2label"] = {str(index): name for index, name in enumerate(names)}
        config["label2id"] = {name: index for index, name in enumerate(names)}
    return config


def random_state(model, seed, dtype):
    """Random weights, rounded to `dtype`: matrices N(0, 0.2), norm weights 1 +- 0.2, biases N(0, 0.15)."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in sorted(model.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("LayerNorm.weight"):
            value = 1 + 0.2 * noise.clamp(-2, 2)
        elif name.endswith("bias"):
            value = 0.15 * noise
        elif name == "classifier.weight":
            value = 0.4 * noise
        else:
            value = 0.2 * noise
        state[name] = value.to(dtype)
    return state


def old_names(state):
    """The same tensors under the names of old TensorFlow conversions, with the old position buffer."""
    renamed = {}
    for name, value in state.items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed[name] = value
    renamed["bert.embeddings.position_ids"] = torch.arange(MAX_POSITIONS).unsqueeze(0)
    return renamed


def make_inputs(vocab_size):
    """(name, ids, types or None, mask or None): plain ones, pairs (types) and masked ones."""
    generator = torch.Generator().manual_seed(99)
    inputs = []
    for length in LENGTHS:
        ids = torch.randint(FIRST_FREE_ID, vocab_size, (length,), generator=generator)
        ids[0] = CLS
        if length > 1:
            ids[-1] = SEP
        inputs.append((f"plain-{length}", ids, None, None))
        if length < SHORT:
            continue
        types = (torch.arange(length) > length // 2).long()
        mask = (torch.rand(length, generator=generator) < 0.55).long()
        mask[0] = mask[-1] = 1
        mask[length // 3] = 0
        if length in (7, 33):
            inputs.append((f"types-{length}", ids, types, None))
        inputs.append((f"mask-{length}", ids, None, mask))
        if length in (7, 19):
            inputs.append((f"types-mask-{length}", ids, types, mask))
    only_fixed = torch.zeros(19, dtype=torch.long)
    only_fixed[0] = only_fixed[-1] = 1
    inputs.append(("empty-19", [i for n, i, _, _ in inputs if n == "plain-19"][0], None, only_fixed))
    return inputs


@torch.no_grad()
def forward(model, ids, types, mask, positions=None):
    """(hidden states [1 + layers][T, D], pooled [D], logits [C])."""
    mask = torch.ones_like(ids) if mask is None else mask
    row = {"input_ids": ids.unsqueeze(0), "attention_mask": mask.unsqueeze(0)}
    if types is not None:
        row["token_type_ids"] = types.unsqueeze(0)
    if positions is not None:
        row["position_ids"] = positions.unsqueeze(0)
    body = model.bert(**row, output_hidden_states=True)
    logits = model(**row).logits
    return [state[0] for state in body.hidden_states], body.pooler_output[0], logits[0]


def check_removal(model, ids, types, mask, expected):
    """Dropping the masked tokens and keeping the position ids of the others must give the same answer."""
    kept = mask.nonzero()[:, 0]
    states, pooled, logits = forward(model, ids[kept], None if types is None else types[kept], None, kept)
    torch.testing.assert_close(logits, expected[2], rtol=2e-5, atol=2e-5)
    torch.testing.assert_close(pooled, expected[1], rtol=2e-5, atol=2e-5)
    torch.testing.assert_close(states[-1], expected[0][-1][kept], rtol=2e-5, atol=5e-5)


def number(value):
    return f"{value:.9g}"


def vector(values):
    return "[" + ",".join(number(v) for v in values.tolist()) + "]"


def matrix(rows):
    return "[" + ",\n".join(vector(row) for row in rows) + "]"


def describe(model, name, ids, types, mask, stride):
    """One input and its outputs as JSON text."""
    states, pooled, logits = result = forward(model, ids, types, mask)
    if mask is not None:
        check_removal(model, ids, types, mask, result)
    rows = list(range(len(ids))) if mask is None else mask.nonzero()[:, 0].tolist()
    if stride == FIRST_ROW:
        rows = rows[:1]
    elif len(ids) > SHORT:
        rows = sorted({*rows[::stride], rows[-1]})
    parts = [f'"name": {json.dumps(name)}', f'"input_ids": {json.dumps(ids.tolist())}']
    if types is not None:
        parts.append(f'"token_type_ids": {json.dumps(types.tolist())}')
    if mask is not None:
        parts.append(f'"attention_mask": {json.dumps(mask.tolist())}')
    parts.append(f'"rows": {json.dumps(rows)}')
    parts.append(f'"embeddings": {matrix(states[0][rows])}')
    parts.append('"layers": [' + ",\n".join(matrix(state[rows]) for state in states[1:]) + "]")
    parts += [f'"pooled": {vector(pooled)}', f'"logits": {vector(logits)}']
    return "{" + ",\n".join(parts) + "}"


def rounding_error(model, inputs):
    """Largest difference of the logits to the same pass in double."""
    double = BertForSequenceClassification(model.config).double().eval()
    double.load_state_dict({name: t.double() for name, t in model.state_dict().items()})
    worst = 0.0
    for _, ids, types, mask in inputs:
        gap = forward(double, ids, types, mask)[2] - forward(model, ids, types, mask)[2].double()
        worst = max(worst, float(gap.abs().max()))
    return worst


def make_model(out, name):
    """Writes one folder; returns (bytes, largest |logit|, rounding error)."""
    overrides, names, dtype, seed, stride = MODELS[name]
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    config = config_of(overrides, names, dtype)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(config, indent=2) + "\n")
    model = BertForSequenceClassification(BertConfig(**config, attn_implementation="eager")).float().eval()
    assert model.config._attn_implementation == "eager"
    state = random_state(model, seed, dtype)
    model.load_state_dict({key: t.float() for key, t in state.items()}, strict=True)
    stored = old_names(state) if name == "bert-gamma" else state
    save_file(stored, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    inputs = make_inputs(config["vocab_size"])
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"model": {json.dumps(name)},\n"versions": {json.dumps(versions)},\n')
        file.write('"made_by": "scripts/make_golden.py",\n"inputs": [\n')
        file.write(",\n".join(describe(model, *one, stride) for one in inputs))
        file.write("]}\n")
    size = sum(os.path.getsize(os.path.join(folder, part)) for part in os.listdir(folder))
    largest = max(float(forward(model, *one[1:])[2].abs().max()) for one in inputs)
    return size, largest, rounding_error(model, inputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="data/golden/models")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in MODELS:
        size, largest, error = make_model(args.out, name)
        print(f"{name:14} {size / 1000:6.0f} kB, largest |logit| {largest:.2f}, fp32 - fp64 {error:.1e}")


if __name__ == "__main__":
    main()
