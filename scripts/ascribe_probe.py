"""Reads files of `ascribe probe`. Needs numpy and h5py.

    import ascribe_probe

    with ascribe_probe.load("probe.h5") as probe:
        print(probe.heads("ablation/loss_change"))        # [blocks, heads]
        for neuron in probe.top_neurons(block=0):
            print(neuron.number, [(row.row_id, row.activation, probe.text(row.context)) for row in neuron.rows])
        row = probe.whole(0)                              # of --full-rows
        print(row.text, row.attention.shape, row.rollout) # [blocks, heads, tokens, tokens], [tokens]

Nothing is read before it is asked for. B blocks, H heads, T tokens of a row, C classes. A file from elsewhere: `ascribe verify` checks it first.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

import h5py
import numpy as np

__all__ = ["Matrix", "Neuron", "NeuronRow", "Probe", "ProbeError", "WholeRow", "load"]

SIDE = 32  # cells of a heat map
EDGES = np.concatenate(([-np.inf], np.arange(-64, 65) / 128, [np.inf]))  # of a histogram's bins


class ProbeError(ValueError):
    """The file is no complete probe of a version that this module reads."""


class Matrix(NamedTuple):
    name: str
    shape: tuple
    mean: float
    std: float
    low: float
    high: float
    bins: np.ndarray  # counts between the EDGES
    heat: Optional[np.ndarray]  # [<= 32, <= 32] root mean squares of its parts; None in files of version 1.0


class NeuronRow(NamedTuple):
    row_id: int
    activation: float
    position: int
    context: List[int]  # token ids around the position
    middle: int  # where in the context the position is


class Neuron(NamedTuple):
    number: int
    rows: List[NeuronRow]  # most active first


class WholeRow(NamedTuple):
    row_id: int
    text: str
    tokens: np.ndarray  # [T] ids
    attention: np.ndarray  # [B, H, T, T] by query and key
    rollout: np.ndarray  # [T] from the first token
    flow: Optional[np.ndarray]  # [T, B] shares, behind each block; None: the row is too long, or none was asked for
    norms: np.ndarray  # [T, B + 1]
    logits: np.ndarray  # [C]


def load(path: Any) -> "Probe":
    """Opens a probe. FileNotFoundError, ProbeError, OSError (no HDF5 file)."""
    file = h5py.File(path, "r")
    try:
        return Probe(file)
    except BaseException:
        file.close()
        raise


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Probe:
    """An open probe."""

    def __init__(self, file: h5py.File):
        self._file = file
        found, version = (_text(file.attrs.get(name, b"")) for name in ("format", "format_version"))
        if found != "ascribe-probe" or not version.startswith("1.") or int(file.attrs.get("complete", 0)) != 1:
            raise ProbeError("%s: expected a complete ascribe-probe file of version 1, found %r %r" % (file.filename, found, version))
        self.facts: Dict[str, Any] = {name: _text(value) if isinstance(value, bytes) else int(value) for name, value in file.attrs.items()}
        self.n_blocks, self.n_heads = self.facts["n_blocks"], self.facts["n_heads"]
        self.class_names = [_text(name) for name in file["class_names"][:]]
        self._names: Optional[List[str]] = None

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def has(self, name: str) -> bool:
        """Whether there is such a column: "ablation/flips"."""
        return name in self._file

    def heads(self, name: str) -> np.ndarray:
        """[B, H] of a column of `heads/`, `attention/` or `ablation/`."""
        return self._file[name][:].reshape(self.n_blocks, self.n_heads)

    def hidden(self, name: str) -> np.ndarray:
        """[B + 1] of a column of `hidden/`."""
        return self._file["hidden/" + name][:]

    def direction(self) -> np.ndarray:
        """[tokens of the vocabulary, C]: each embedding times each class's direction."""
        return self._file["vocabulary/direction"][:]

    # ---- Tokens ----

    def token(self, token_id: int) -> str:
        """As the tokenizer's vocabulary has it; "#7" when the file has no name for it."""
        if self._names is None:
            self._names = [_text(name) for name in self._file["vocabulary/name"][:]] if "vocabulary/name" in self._file else []
        return (self._names[token_id] if token_id < len(self._names) else "") or "#%d" % token_id

    def text(self, token_ids: Any) -> str:
        """Names with spaces between; pieces of a word ("##ing") follow what they belong to."""
        return " ".join(self.token(int(token_id)) for token_id in token_ids).replace(" ##", "")

    # ---- Matrices ----

    def matrices(self) -> List[Matrix]:
        group = self._file["matrices"]
        columns = {name: group[name][:] for name in ("name", "rows", "columns", "mean", "std", "min", "max", "bins")}
        heat = group["heat"][:].reshape(-1, SIDE, SIDE) if "heat" in group else None
        found = []
        for i, name in enumerate(columns["name"]):
            shape = (int(columns["rows"][i]), int(columns["columns"][i]))
            numbers = [float(columns[what][i]) for what in ("mean", "std", "min", "max")]
            found.append(Matrix(_text(name), shape, *numbers, columns["bins"][i], None if heat is None else heat[i, : shape[0], : shape[1]]))
        return found

    # ---- Neurons ----

    def top_neurons(self, block: int) -> List[Neuron]:
        """The neurons of a block with the largest activations, best first; none without rows."""
        n = self.facts.get("n_top_neurons", 0)
        if "top_neurons" not in self._file:
            return []
        lines = slice(block * n, (block + 1) * n)
        columns = {name: self._file["top_neurons/" + name][lines] for name in ("neuron", "activation", "row", "position", "context")}
        contexts = columns["context"].reshape(n, columns["row"].shape[1], -1)
        return [Neuron(int(columns["neuron"][i]), self._rows(columns, contexts[i], i)) for i in range(n)]

    @staticmethod
    def _rows(columns: Dict[str, np.ndarray], contexts: np.ndarray, line: int) -> List[NeuronRow]:
        found = []
        for k, position in enumerate(columns["position"][line].tolist()):
            ids = contexts[k].tolist()
            middle = len(ids) // 2
            if position >= 0:
                before = [one for one in ids[:middle] if one >= 0]
                found.append(NeuronRow(int(columns["row"][line, k]), float(columns["activation"][line, k]), position,
                                       before + [one for one in ids[middle:] if one >= 0], len(before)))
        return found

    # ---- Whole rows ----

    @property
    def n_whole(self) -> int:
        return self.facts["n_full"]

    def whole(self, index: int) -> WholeRow:
        """The index-th row of --full-rows."""
        if not 0 <= index < self.n_whole:
            raise IndexError("expected a whole row below %d, found %d" % (self.n_whole, index))
        full = self._file["full"]

        def part(name: str, offsets: str) -> np.ndarray:
            begin, end = full[offsets][index : index + 2]
            return full[name][begin:end]

        tokens = part("tokens", "offsets")
        attention = part("attention", "attention_offsets").reshape(self.n_blocks, self.n_heads, len(tokens), len(tokens))
        flow = part("flow", "offsets") if "flow" in full else None
        return WholeRow(int(full["row"][index]), part("text", "text_offsets").tobytes().decode("utf-8", "replace"), tokens, attention, part("rollout", "offsets"),
                        flow if flow is not None and np.isfinite(flow).all() else None, part("norms", "offsets"), full["logits"][index])
