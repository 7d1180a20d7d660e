#!/usr/bin/env python3
"""Makes data/golden/models/<name>/: tiny classifiers of every family with random weights and what PyTorch
computes for them.

Each folder is a Hugging Face directory (config.json, model.safetensors or shards with their index) plus
golden.json, which holds the versions and for every input: the token ids, maybe token types, maybe an attention
mask with zeros inside (our policy `remove`: kept tokens keep their position ids), then `rows` (the positions
whose hidden states are stored: kept positions, all of them for short inputs, some of them for long ones),
`embeddings` [rows][hidden] (what the first block gets), `layers` [block][rows][hidden], `pooled` [hidden] (what
the last linear map gets) and `logits` [class].

`policies` holds one row with features: its ids, maybe token types, `features` (of every token, -1 = fixed), the
pipeline's `scores` of the whole row, and for every masking policy the logits of all 2^n coalitions (coalition
number = bit mask of the present features), each from a forward pass of transformers on the masked ids, with
attention mask and the position ids that transformers computes by itself.

probe.json, beside it for some models, holds what `ascribe probe` is held against: for some of the inputs attention
[block][head][query][key], its rollout from the first token, attention flow to every token [token][block], norms of the hidden states [token][1 + blocks], the largest
value, its position and the mean of every neuron [block][neuron], the logits, and those with each head's result
set to 0 in turn [block][head][class].

All values are float32 of an fp32 forward pass with eager attention on the CPU, with 9 significant digits,
computed from the weights as stored (rounded to F16 or BF16 where the file is).

Weights are random with a realistic spread and no bias is zero, so that a missing term shows. Needs Python
>= 3.9, torch, transformers, safetensors and networkx.  Run it from the repository root:
    python3 scripts/make_golden.py --out data/golden/models [NAME ...]
"""
import argparse
import json
import os
from types import SimpleNamespace

import networkx
import torch
import transformers
from safetensors.torch import save_file

FIRST_FREE_ID = 5  # of all vocabularies: below are the special tokens
LENGTHS = (1, 2, 3, 7, 19, 33, 64)
SHORT = 7          # inputs up to this length store every row
MAX_POSITIONS = 64
FIRST_ROW = 0      # the stride of a model that stores no row but the first
COMMON = {"vocab_size": 101, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2,
          "max_position_embeddings": MAX_POSITIONS, "pad_token_id": 0}
SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
TINY = {"num_hidden_layers": 1, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40}
# Position ids begin behind the padding's: two rows of the table are not for tokens.
FROM_PAD = {"max_position_embeddings": MAX_POSITIONS + 2, "pad_token_id": 1}
NO_TYPES = {"type_vocab_size": None}
THREE = ["negative", "neutral", "positive"]
BERT_SPECIAL = {"cls": 2, "sep": 3, "pad": 0, "unk": 1, "mask": 4}
ROBERTA_SPECIAL = {"cls": 0, "sep": 2, "pad": 1, "unk": 3, "mask": 4}
ANY_ID = 17        # of the policy id:N

# family -> (architecture, model_type, special tokens)
FAMILIES = {
    "bert": ("BertForSequenceClassification", "bert", BERT_SPECIAL),
    "distilbert": ("DistilBertForSequenceClassification", "distilbert", BERT_SPECIAL),
    "roberta": ("RobertaForSequenceClassification", "roberta", ROBERTA_SPECIAL),
    "xlm-roberta": ("XLMRobertaForSequenceClassification", "xlm-roberta", ROBERTA_SPECIAL),
    "camembert": ("CamembertForSequenceClassification", "camembert", ROBERTA_SPECIAL),
    "electra": ("ElectraForSequenceClassification", "electra", BERT_SPECIAL),
    "albert": ("AlbertForSequenceClassification", "albert", BERT_SPECIAL),
    "mpnet": ("MPNetForSequenceClassification", "mpnet", ROBERTA_SPECIAL),
}
DISTIL_NAMES = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
                "intermediate_size": "hidden_dim", "hidden_act": "activation"}

# name -> (family, configuration, class names or None, stored type, seed, stride of the stored rows of long inputs)
MODELS = {
    "bert-f32": ("bert", SMALL, THREE, torch.float32, 1, 2),
    "bert-f16": ("bert", SMALL, THREE, torch.float16, 1, 2),
    "bert-bf16": ("bert", SMALL, THREE, torch.bfloat16, 1, 2),
    "minilm-like": ("bert", {"num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 2,
                             "intermediate_size": 128, "vocab_size": 61},
                    None, torch.float16, 2, FIRST_ROW),
    "tinybert-like": ("bert", {"num_hidden_layers": 2, "hidden_size": 24, "num_attention_heads": 3,
                               "intermediate_size": 48, "hidden_act": "gelu_new"},
                      ["world", "sports", "business", "science", "other"], torch.float32, 3, 2),
    "bert-relu": ("bert", {**SMALL, "hidden_act": "relu", "layer_norm_eps": 1e-5}, ["no", "yes"],
                  torch.float32, 4, 2),
    "bert-gamma": ("bert", SMALL, ["no", "yes"], torch.float32, 5, 2),
    "one-class": ("bert", {**SMALL, "problem_type": "regression"}, ["score"], torch.float32, 6, 2),
    "distilbert": ("distilbert", {**SMALL, "problem_type": "multi_label_classification"},
                   ["toxic", "insult", "threat"], torch.float32, 7, 4),
    "roberta": ("roberta", {**SMALL, **FROM_PAD, "type_vocab_size": 1, "layer_norm_eps": 1e-5}, THREE,
                torch.float32, 8, 4),
    "xlm-roberta": ("xlm-roberta", {**TINY, **FROM_PAD, "type_vocab_size": 1, "layer_norm_eps": 1e-5}, ["toxic"],
                    torch.float32, 9, 4),
    "camembert": ("camembert", {**TINY, **FROM_PAD, "type_vocab_size": 1, "layer_norm_eps": 1e-5}, ["no", "yes"],
                  torch.float16, 10, 4),
    "electra-small": ("electra", {**SMALL, "embedding_size": 16}, THREE, torch.float32, 11, 4),
    "electra-base": ("electra", {**TINY, "embedding_size": 24}, ["no", "yes"], torch.float32, 12, 4),
    "albert": ("albert", {**SMALL, "embedding_size": 16, "hidden_act": "gelu_new", "num_hidden_groups": 1,
                          "inner_group_num": 1, "num_hidden_layers": 3}, THREE, torch.float32, 13, 4),
    "albert-groups": ("albert", {**TINY, "embedding_size": 24, "hidden_act": "gelu_new", "num_hidden_groups": 2,
                                 "inner_group_num": 2, "num_hidden_layers": 3}, ["a", "b"], torch.float32, 14, 8),
    "mpnet": ("mpnet", {**SMALL, **FROM_PAD, **NO_TYPES, "max_position_embeddings": 302,
                        "relative_attention_num_buckets": 32}, THREE, torch.float32, 15, 8),
}
PROBED = ("bert-f32", "distilbert", "roberta", "electra-small", "albert", "mpnet")
PROBED_INPUTS = ("plain-7", "plain-19")
WITHOUT_POLICIES = ("bert-f16", "bert-bf16", "minilm-like", "tinybert-like", "bert-relu", "bert-gamma")
SHARDED = ("camembert",)
PADDED_FEATURE = ("xlm-roberta",)  # whose policy row has padding inside a feature


def config_of(family, overrides, names, dtype):
    """The contents of config.json, as a Hugging Face checkpoint has them."""
    architecture, model_type, _ = FAMILIES[family]
    config = {"architectures": [architecture], "model_type": model_type, **COMMON, **overrides,
              "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.2,
              "position_embedding_type": "absolute", "torch_dtype": str(dtype).removeprefix("torch.")}
    if family == "distilbert":
        for absent in ("layer_norm_eps", "type_vocab_size", "position_embedding_type",
                       "attention_probs_dropout_prob", "hidden_dropout_prob"):
            del config[absent]
        config = {DISTIL_NAMES.get(key, key): value for key, value in config.items()}
        config["sinusoidal_pos_embds"] = False
    config = {key: value for key, value in config.items() if value is not None}
    if names:
        config["id2label"] = {str(index): name for index, name in enumerate(names)}
        config["label2id"] = {name: index for index, name in enumerate(names)}
    return config


def class_of(family):
    return getattr(transformers, FAMILIES[family][0])


def model_of(family, config):
    known = transformers.CONFIG_MAPPING[FAMILIES[family][1]](**config, attn_implementation="eager")
    model = class_of(family)(known).float().eval()
    assert model.config._attn_implementation == "eager"
    return model


def random_state(model, seed, dtype):
    """Random weights, rounded to `dtype`: matrices N(0, 0.2), norm weights 1 +- 0.2, biases N(0, 0.15)."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in sorted(model.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.lower().endswith("norm.weight"):
            value = 1 + 0.2 * noise.clamp(-2, 2)
        elif name.endswith("bias"):
            value = 0.15 * noise
        elif name.endswith(("classifier.weight", "out_proj.weight", "relative_attention_bias.weight")):
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


def make_inputs(config, special):
    """(name, ids, types or None, mask or None): plain ones, pairs (types), masked ones, padding inside, a long one."""
    generator = torch.Generator().manual_seed(99)
    with_types = config.get("type_vocab_size", 0) > 1
    inputs = []
    for length in LENGTHS + ((300,) if config["max_position_embeddings"] > 300 else ()):
        ids = torch.randint(FIRST_FREE_ID, config["vocab_size"], (length,), generator=generator)
        ids[0] = special["cls"]
        if length > 1:
            ids[-1] = special["sep"]
        inputs.append((f"plain-{length}", ids, None, None))
        if length < SHORT:
            continue
        types = (torch.arange(length) > length // 2).long()
        mask = (torch.rand(length, generator=generator) < 0.55).long()
        mask[0] = mask[-1] = 1
        mask[length // 3] = 0
        if length in (7, 33) and with_types:
            inputs.append((f"types-{length}", ids, types, None))
        inputs.append((f"mask-{length}", ids, None, mask))
        if length in (7, 19) and with_types:
            inputs.append((f"types-mask-{length}", ids, types, mask))
    middle = [ids for name, ids, _, _ in inputs if name == "plain-19"][0]
    only_fixed = torch.zeros(19, dtype=torch.long)
    only_fixed[0] = only_fixed[-1] = 1
    inputs.append(("empty-19", middle, None, only_fixed))
    if special["pad"] == 1:
        padded = middle.clone()
        padded[[3, 8, 9]] = special["pad"]
        inputs.append(("padding-inside-19", padded, None, None))
    return inputs


def blocks_of(model):
    """The modules that are the blocks; shared ones run several times."""
    body = model.base_model
    if hasattr(body, "transformer"):
        return list(body.transformer.layer)
    if hasattr(body.encoder, "albert_layer_groups"):
        return [layer for group in body.encoder.albert_layer_groups for layer in group.albert_layers]
    return list(body.encoder.layer)


@torch.no_grad()
def forward(model, ids, types, mask, positions=None):
    """(hidden states [1 + blocks][T, D], pooled [D], logits [C])."""
    mask = torch.ones_like(ids) if mask is None else mask
    row = {"input_ids": ids.unsqueeze(0), "attention_mask": mask.unsqueeze(0)}
    if types is not None:
        row["token_type_ids"] = types.unsqueeze(0)
    if positions is not None:
        row["position_ids"] = positions.unsqueeze(0)
    states, pooled = [], []

    def enter(_, inputs, named):
        if not states:
            states.append((inputs[0] if inputs else named["hidden_states"])[0].clone())

    def leave(_, __, output):
        states.append((output[0] if isinstance(output, tuple) else output)[0].clone())

    last = getattr(model.classifier, "out_proj", model.classifier)
    hooks = [last.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0][0].clone()))]
    for block in blocks_of(model):
        hooks.append(block.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(block.register_forward_hook(leave))
    logits = model(**row).logits
    for hook in hooks:
        hook.remove()
    return states, pooled[0], logits[0]


def positions_of(model, ids):
    """What transformers makes of the ids when it is given no position ids."""
    if model.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        real = ids.ne(model.config.pad_token_id).long()
        return torch.cumsum(real, 0) * real + model.config.pad_token_id
    return torch.arange(len(ids))


def check_removal(model, ids, types, mask, expected):
    """Dropping the masked tokens and keeping the position ids of the others must give the same answer; not where
    attention looks at the tokens' distance in the input."""
    if model.config.model_type == "mpnet":
        return
    kept = mask.nonzero()[:, 0]
    states, pooled, logits = forward(model, ids[kept], None if types is None else types[kept], None,
                                     positions_of(model, ids)[kept])
    torch.testing.assert_close(logits, expected[2], rtol=2e-5, atol=2e-5)
    torch.testing.assert_close(pooled, expected[1], rtol=2e-5, atol=2e-5)
    torch.testing.assert_close(states[-1], expected[0][-1][kept], rtol=2e-5, atol=5e-5)


def policy_row(name, config, special):
    """(ids, types or None, features): 12 tokens, 5 features of one or two tokens, a pair."""
    features = torch.tensor([-1, 0, 1, 1, -1, -1, 2, 3, 3, 4, 4, -1])
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(FIRST_FREE_ID, config["vocab_size"], (len(features),), generator=generator)
    ids[features < 0] = special["sep"]
    ids[0] = special["cls"]
    if name in PADDED_FEATURE:
        ids[8] = special["pad"]
    types = (torch.arange(len(features)) > 4).long() if config.get("type_vocab_size", 0) > 1 else None
    return ids, types, features


def masked_logits(model, row, policy, replacement, coalition):
    """Logits of the row with the features outside `coalition` masked, as transformers computes them."""
    ids, types, features = row
    present = torch.tensor([f < 0 or bool(coalition >> f & 1) for f in features.tolist()])
    if policy == "remove":
        return forward(model, ids, types, present.long())[2]
    if policy == "delete":
        return forward(model, ids[present], None if types is None else types[present], None)[2]
    return forward(model, torch.where(present, ids, torch.tensor(replacement)), types, None)[2]


def pipeline_scores(model, logits):
    """The scores of transformers' text classification pipeline, in the order of the classes."""
    caller = SimpleNamespace(model=model)
    found = transformers.TextClassificationPipeline.postprocess(
        caller, {"logits": logits.unsqueeze(0)}, top_k=None, _legacy=False)
    scores = {one["label"]: one["score"] for one in found}
    return torch.tensor([scores[model.config.id2label[index]] for index in range(len(scores))])


def describe_policies(model, name, config, special):
    """The policies' row and values as a last member in JSON text."""
    if name in WITHOUT_POLICIES:
        return ""
    row = policy_row(name, config, special)
    ids, types, features = row
    n_coalitions = 2 ** (int(features.max()) + 1)
    parts = [f'"input_ids": {json.dumps(ids.tolist())}', f'"features": {json.dumps(features.tolist())}']
    if types is not None:
        parts.append(f'"token_type_ids": {json.dumps(types.tolist())}')
    parts.append(f'"scores": {vector(pipeline_scores(model, forward(model, ids, types, None)[2]))}')
    replacing = {kind: special[kind] for kind in ("mask", "pad", "unk")} | {f"id:{ANY_ID}": ANY_ID}
    values = []
    for policy, replacement in {"remove": -1, "delete": -1, **replacing}.items():
        logits = [masked_logits(model, row, policy, replacement, coalition) for coalition in range(n_coalitions)]
        values.append(f'{{"policy": {json.dumps(policy)}, "replacement": {replacement}, "logits": {matrix(logits)}}}')
    parts.append('"values": [' + ",\n".join(values) + "]")
    return ',\n"policies": {' + ",\n".join(parts) + "}"


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


def check_buckets(model):
    """The rule of the bias by distance in whole numbers, as the C code has it."""
    if model.config.model_type != "mpnet":
        return
    distance = torch.arange(-1000, 1001)
    found = model.base_model.encoder.relative_position_bucket(distance).tolist()
    for d, bucket in zip(distance.tolist(), found):
        n = min(abs(d), 128)
        logarithmic = 8 + max((j for j in range(8) if n * n >= 64 << j), default=0)
        assert bucket == (16 if d > 0 else 0) + (n if n < 8 else logarithmic), (d, bucket)


def rounding_error(model, inputs):
    """Largest difference of the logits to the same pass in double."""
    double = type(model)(model.config).double().eval()
    double.load_state_dict({name: t.double() for name, t in model.state_dict().items()})
    worst = 0.0
    for _, ids, types, mask in inputs:
        gap = forward(double, ids, types, mask)[2] - forward(model, ids, types, mask)[2].double()
        worst = max(worst, float(gap.abs().max()))
    return worst


def submodule(block, names):
    """The first of the dotted names that the block has."""
    known = dict(block.named_modules())
    return next(known[name] for name in names if name in known)


def heads_out(block):
    """The linear map that mixes the heads' results: what it gets are those results."""
    return submodule(block, ("attention.output.dense", "attention.attn.o", "attention.out_lin", "attention.dense"))


def neurons_out(block):
    """The FFN's outer linear map: what it gets are the neurons behind their activation."""
    return submodule(block, ("output.dense", "ffn.lin2", "ffn_output"))


@torch.no_grad()
def ablated_logits(model, ids, n_blocks, n_heads, block, head):
    """Logits with one head of one block that runs set to 0; blocks may share weights."""
    calls = []

    def switch_off(_, inputs):
        calls.append(0)
        if len(calls) - 1 != block:
            return None
        mixed = inputs[0].clone()
        size = mixed.shape[-1] // n_heads
        mixed[..., head * size:(head + 1) * size] = 0
        return (mixed,)

    hooks = [heads_out(one).register_forward_pre_hook(switch_off) for one in blocks_of(model)]
    logits = forward(model, ids, None, None)[2]
    for hook in hooks:
        hook.remove()
    assert len(calls) == n_blocks
    return logits


def attention_flow(mean):
    """[tokens][blocks]: behind each block the shares that a maximum flow from the first token there brings to each token of the embeddings
    (Abnar & Zuidema 2020); mean [blocks, tokens, tokens] is attention averaged over heads."""
    n_blocks, n = mean.shape[:2]
    capacity = 0.5 * mean + 0.5 * torch.eye(n, dtype=torch.float64)
    graph = networkx.DiGraph()
    for block in range(n_blocks):
        for query in range(n):
            for key in range(n):
                graph.add_edge((block + 1, query), (block, key), capacity=float(capacity[block, query, key]))
    flow = torch.tensor([[networkx.maximum_flow_value(graph, (block + 1, 0), (0, key)) for block in range(n_blocks)] for key in range(n)], dtype=torch.float64)
    return (flow / flow.sum(0)).tolist()


@torch.no_grad()
def probe_of(model, name, ids):
    """What happens inside on one input, as JSON text."""
    inner = []
    hooks = [neurons_out(one).register_forward_pre_hook(lambda _, inputs: inner.append(inputs[0][0].clone())) for one in blocks_of(model)]
    states, _, logits = forward(model, ids, None, None)
    for hook in hooks:
        hook.remove()
    attention = torch.stack([one[0] for one in model(input_ids=ids.unsqueeze(0), output_attentions=True).attentions])
    rollout = torch.eye(len(ids), dtype=torch.float64)
    for block in attention.double():
        rollout = (0.5 * block.mean(0) + 0.5 * torch.eye(len(ids))) @ rollout
    n_blocks, n_heads = attention.shape[:2]
    flow = attention_flow(attention.double().mean(1))
    ablated = [[ablated_logits(model, ids, n_blocks, n_heads, b, h).tolist() for h in range(n_heads)] for b in range(n_blocks)]
    facts = {"name": name, "input_ids": ids.tolist(), "attention": attention.tolist(), "rollout": rollout[0].tolist(), "flow": flow,
             "norms": torch.stack([state.norm(dim=-1) for state in states], -1).tolist(),
             "neuron_max": [one.max(0).values.tolist() for one in inner], "neuron_position": [one.argmax(0).tolist() for one in inner],
             "neuron_mean": [one.mean(0).tolist() for one in inner], "logits": logits.tolist(), "ablated_logits": ablated}
    return json.dumps({key: rounded(value) for key, value in facts.items()}, separators=(",", ":"))


def rounded(value):
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(number(value)) if isinstance(value, float) else value


def write_probe(folder, model, inputs):
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    write_text(folder, "probe.json",
               f'{{"versions": {json.dumps(versions)},\n"made_by": "scripts/make_golden.py",\n"inputs": [\n'
               + ",\n".join(probe_of(model, name, ids) for name, ids, _, _ in inputs if name in PROBED_INPUTS) + "]}\n")


def write_text(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def save_shards(state, folder, n_shards):
    """The tensors in turn to the shards, and their index."""
    names = [f"model-{index + 1:05}-of-{n_shards:05}.safetensors" for index in range(n_shards)]
    where = {key: names[index % n_shards] for index, key in enumerate(sorted(state))}
    for name in names:
        save_file({key: state[key] for key in state if where[key] == name}, os.path.join(folder, name),
                  metadata={"format": "pt"})
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    write_text(folder, "model.safetensors.index.json",
               json.dumps({"metadata": {"total_size": size}, "weight_map": where}, indent=2) + "\n")


def make_model(out, name, only_probe):
    """Writes one folder, or its probe.json alone; returns (bytes, largest |logit|, rounding error)."""
    family, overrides, names, dtype, seed, stride = MODELS[name]
    special = FAMILIES[family][2]
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    config = config_of(family, overrides, names, dtype)
    if not only_probe:
        write_text(folder, "config.json", json.dumps(config, indent=2) + "\n")
    model = model_of(family, config)
    check_buckets(model)
    state = random_state(model, seed, dtype)
    model.load_state_dict({key: t.float() for key, t in state.items()}, strict=True)
    if name in SHARDED and not only_probe:
        save_shards(state, folder, 3)
    elif not only_probe:
        stored = old_names(state) if name == "bert-gamma" else state
        save_file(stored, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    inputs = make_inputs(config, special)
    if name in PROBED:
        write_probe(folder, model, inputs)
    if only_probe:
        return 0, 0, 0
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    write_text(folder, "golden.json",
               f'{{"model": {json.dumps(name)},\n"versions": {json.dumps(versions)},\n'
               '"made_by": "scripts/make_golden.py",\n"inputs": [\n'
               + ",\n".join(describe(model, *one, stride) for one in inputs)
               + "]" + describe_policies(model, name, config, special) + "}\n")
    size = sum(os.path.getsize(os.path.join(folder, part)) for part in os.listdir(folder))
    largest = max(float(forward(model, *one[1:])[2].abs().max()) for one in inputs)
    return size, largest, rounding_error(model, inputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="data/golden/models")
    parser.add_argument("--only-probe", action="store_true", help="writes probe.json alone, beside models that are there")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of the models (default: all)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in args.names or MODELS:
        size, largest, error = make_model(args.out, name, args.only_probe)
        if not args.only_probe:
            print(f"{name:14} {size / 1000:6.0f} kB, largest |logit| {largest:.2f}, fp32 - fp64 {error:.1e}")


if __name__ == "__main__":
    main()
