"""Tensors out of PyTorch's files, without PyTorch and without running what the pickle in them asks for.

Since version 1.6 torch.save writes a zip archive: NAME/data.pkl is a pickle of the objects, NAME/data/KEY are the bytes
of the storages, stored as they are. A tensor in the pickle is a call of torch._utils._rebuild_tensor_v2 with a
reference to a storage, an offset, sizes and strides, counted in elements. Here the pickle may name the few functions of
KNOWN and nothing else; they are ours, and what they return has no state that a pickle could change.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from typing import Any, Dict, NamedTuple, Tuple

import numpy as np

from .errors import MALFORMED, PrepareError, quote

MOST_PICKLE_BYTES = 64 << 20  # a hundred bytes a tensor is usual
MOST_DIMS = 32
# The classes of storages -> safetensors' name of the type and its bytes.
STORAGES = {
    "DoubleStorage": ("F64", 8),
    "LongStorage": ("I64", 8),
    "FloatStorage": ("F32", 4),
    "IntStorage": ("I32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}


class StorageType(NamedTuple):
    kind: str
    width: int


class Storage(NamedTuple):
    type: StorageType
    key: str
    n_elements: int


class Tensor(NamedTuple):
    """Where a tensor's elements are: its storage, and offset and strides in elements."""

    storage: Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]

    @property
    def kind(self) -> str:
        return self.storage.type.kind

    @property
    def width(self) -> int:
        return self.storage.type.width

    @property
    def n_elements(self) -> int:
        n = 1
        for size in self.shape:
            n *= size
        return n


class _Function:
    """A function for the pickle to call; unlike Python's own it has no attributes to set."""

    __slots__ = ("_call",)

    def __init__(self, call: Any):
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(name)

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


def _are_counts(numbers: Any) -> bool:
    return isinstance(numbers, (tuple, list)) and all(type(n) is int and 0 <= n < 1 << 62 for n in numbers)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or not _are_counts([offset]) or not _are_counts(shape) or not _are_counts(strides):
        raise ValueError("a tensor without storage, offset, sizes and strides")
    if len(shape) != len(strides) or len(shape) > MOST_DIMS:
        raise ValueError("a tensor of %d sizes and %d strides" % (len(shape), len(strides)))
    tensor = Tensor(storage, offset, tuple(shape), tuple(strides))
    end = offset + sum((size - 1) * stride for size, stride in zip(shape, strides)) + 1
    if tensor.n_elements > storage.n_elements or (tensor.n_elements > 0 and end > storage.n_elements):
        raise ValueError("a tensor %s that reaches beyond its storage of %d" % (list(shape), storage.n_elements))
    return tensor


def _rebuild_parameter(tensor: Any, *_: Any) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


KNOWN: Dict[Tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(_rebuild_parameter),
}
KNOWN.update({("torch", name): StorageType(*row) for name, row in STORAGES.items()})


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, path: str):
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        found = KNOWN.get((module, name))
        if found is None:
            raise _refuse(self._path, "%s.%s" % (module, name))
        return found

    def persistent_load(self, pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], StorageType):
            raise ValueError("a reference to what is no storage")
        if not isinstance(pid[2], str) or not re.fullmatch("[0-9A-Za-z_]{1,64}", pid[2]) or not _are_counts([pid[4]]):
            raise ValueError("a storage without a key and a size")
        return Storage(pid[1], pid[2], pid[4])


def _refuse(path: str, found: str) -> PrepareError:
    return PrepareError(
        MALFORMED,
        quote(path, 200),
        "a PyTorch file with nothing but weights",
        quote(found, 160),
        "a file that needs other objects is not loaded: it could run code",
    )


class TorchFile:
    """One file; `tensors` are its tensors by name, whose bytes are read when they are asked for."""

    def __init__(self, path: str):
        self._path = path
        with open(path, "rb") as file:
            start = file.read(4)
        if start != b"PK\3\4":
            raise _old_file(path, start)
        try:
            self._archive = zipfile.ZipFile(path)
            self._find_entries()
            self.tensors = self._load()
        except (PrepareError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever a hostile archive or pickle makes their readers say
            raise _refuse(path, "%s" % (str(error).split("\n")[0] or type(error).__name__)) from None

    def _find_entries(self) -> None:
        infos = self._archive.infolist()
        self._entries = {info.filename: info for info in infos}
        if len(self._entries) != len(infos):
            raise ValueError("an archive with two entries of one name")
        pickles = [name for name in self._entries if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise ValueError("an archive with %d data.pkl" % len(pickles))
        self._root = pickles[0][: -len("data.pkl")]
        order = self._root + "byteorder"
        if order in self._entries and self._read(order, len("little")) != b"little":
            raise ValueError("numbers that are not little-endian")

    def _read(self, name: str, most_bytes: int) -> bytes:
        info = self._entries.get(name)
        if info is None:
            raise ValueError("an archive without %s" % name)
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size > most_bytes:
            raise ValueError("%s, compressed, encrypted or too large" % name)
        return self._archive.read(info)

    def _load(self) -> Dict[str, Tensor]:
        text = self._read(self._root + "data.pkl", MOST_PICKLE_BYTES)
        state = _Unpickler(io.BytesIO(text), self._path).load()
        if not isinstance(state, dict) or not state:
            raise ValueError("no named tensors but %s" % type(state).__name__)
        for name, tensor in state.items():
            if not isinstance(name, str) or not isinstance(tensor, Tensor):
                raise ValueError("%s, a %s that is no tensor" % (quote(name), type(tensor).__name__))
            self._check_storage(tensor.storage)
        return dict(state)

    def _entry_of(self, storage: Storage) -> str:
        return "%sdata/%s" % (self._root, storage.key)

    def _check_storage(self, storage: Storage) -> None:
        info = self._entries.get(self._entry_of(storage))
        found = info.file_size if info else 0
        if info is None or found != storage.n_elements * storage.type.width:
            raise ValueError("%d bytes for storage %s of %d" % (found, storage.key, storage.n_elements))

    def bytes_of(self, tensor: Tensor) -> bytes:
        """The elements in order, little-endian."""
        size = tensor.storage.n_elements * tensor.width
        try:
            raw = self._read(self._entry_of(tensor.storage), size)
            if len(raw) != size:
                raise ValueError("a storage that is cut off")
        except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise _refuse(self._path, str(error)) from None
        if tensor.n_elements == 0:
            return b""
        elements = np.frombuffer(raw, dtype="u%d" % tensor.width)[tensor.offset :]  # bits, never numbers
        strides = [stride * tensor.width for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(elements, tensor.shape, strides, writeable=False).tobytes()


def _old_file(path: str, start: bytes) -> PrepareError:
    found = "one of before PyTorch 1.6" if start[:1] == b"\x80" else "another beginning"
    return PrepareError(
        MALFORMED,
        quote(path, 200),
        "a zip archive as torch.save writes it",
        found,
        "where it comes from a source that you trust, load it with PyTorch (torch.load, weights_only=True) and save it again",
    )
