"""ascribe-convert: pytorch_model.bin -> model.safetensors, without running what the pickle asks for.

torch_file.py reads the tensors; PyTorch is not needed. The output is written as the safetensors format says: 8 bytes of
header length, a JSON header padded to 8 bytes, the tensors without holes, the widest types first. Tensors that share
their storage are written each under its name. It appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict, List, NamedTuple, Optional

from . import __version__
from .errors import MALFORMED, NO_INPUT, NO_OUTPUT, PrepareError, quote
from .program import Parser, guarded
from .torch_file import Tensor, TorchFile

NAME = "ascribe-convert"
DESCRIPTION = """\
Makes model.safetensors from pytorch_model.bin (or its shards) in a Hugging Face model folder."""
EPILOG = """\
example:
  ascribe-convert my-model

PyTorch's files hold pickles, which can run code when they are read. This command builds nothing but tensors from them
and refuses a file that asks for anything else by name. It needs no torch. Files of before PyTorch 1.6 are not read.

exit status: 0 done, 64 usage, 65 malformed input, 66 input missing, 70 a fault of ascribe, 71 out of
memory, 73 cannot create the output, 74 input/output error
"""
SINGLE, INDEX, OUTPUT = "pytorch_model.bin", "pytorch_model.bin.index.json", "model.safetensors"
METADATA = "__metadata__"


class Source(NamedTuple):
    file: TorchFile
    tensor: Tensor


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=NAME,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument("model", metavar="DIR", help="Hugging Face model folder")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the file to make (default: model.safetensors in DIR)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary")
    parser.add_argument("--version", action="version", version="%s %s" % (NAME, __version__))
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit status."""
    options = make_parser().parse_args(arguments)
    return guarded(NAME, lambda: _run(options), "expected enough for all weights, found less; try a machine with more")


def _run(options: argparse.Namespace) -> int:
    output = options.output or os.path.join(options.model, OUTPUT)
    sources = find_sources(options.model)
    if os.path.lexists(output) and not options.force:
        raise PrepareError(NO_OUTPUT, "output " + quote(output, 200), "no such file", "one", "--force replaces it")
    tensors = load(sources)
    size = write(tensors, output)
    if not options.quiet:
        print("%s: %d tensors, %.1f MB" % (output, len(tensors), size / 1e6))
    return 0


def find_sources(folder: str) -> List[str]:
    """The files that hold the weights: one, or the shards of the index."""
    single, index = os.path.join(folder, SINGLE), os.path.join(folder, INDEX)
    if os.path.isfile(single):
        return [single]
    if not os.path.isfile(index):
        raise PrepareError(NO_INPUT, "folder " + quote(folder, 200), SINGLE + " or " + INDEX + " in it", "neither")
    try:
        with open(index, encoding="utf-8") as file:
            names = sorted(set(json.load(file)["weight_map"].values()), key=str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PrepareError(MALFORMED, quote(index, 200), "JSON with a 'weight_map' of tensors and file names") from None
    for name in names:
        if not isinstance(name, str) or os.path.basename(name) != name or name.startswith("."):
            raise PrepareError(MALFORMED, quote(index, 200), "file names without folders", quote(name))
        if not os.path.isfile(os.path.join(folder, name)):
            raise PrepareError(NO_INPUT, quote(index, 200), "all its %d files" % len(names), "no " + quote(name))
    return [os.path.join(folder, name) for name in names]


def is_name(name: str) -> bool:
    """Whether a safetensors file can hold a tensor of this name: text in UTF-8, and not the key of the header's own entry."""
    return name != METADATA and not any("\ud800" <= letter <= "\udfff" for letter in name)


def load(paths: List[str]) -> Dict[str, Source]:
    """All tensors by name."""
    tensors: Dict[str, Source] = {}
    for path in paths:
        file = TorchFile(path)
        for name, tensor in file.tensors.items():
            if name in tensors:
                raise PrepareError(MALFORMED, quote(path, 200), "every tensor once", quote(name) + " again")
            if not is_name(name):
                raise PrepareError(MALFORMED, quote(path, 200), "names that safetensors can hold", quote(name))
            tensors[name] = Source(file, tensor)
    return tensors


def header_of(tensors: Dict[str, Source]) -> "tuple[bytes, List[str]]":
    """The header with its length, and the order of the tensors."""
    order = sorted(tensors, key=lambda name: (-tensors[name].tensor.width, name))
    entries: Dict[str, Any] = {METADATA: {"format": "pt"}}
    begin = 0
    for name in order:
        tensor = tensors[name].tensor
        end = begin + tensor.width * tensor.n_elements
        entries[name] = {"dtype": tensor.kind, "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, order


def write(tensors: Dict[str, Source], path: str) -> int:
    """Writes the file beside its place, syncs it, and puts it there; returns its size."""
    header, order = header_of(tensors)
    temporary = "%s.%d.tmp" % (path, os.getpid())
    try:
        file = open(temporary, "xb")
    except OSError as error:
        raise PrepareError(NO_OUTPUT, "output " + quote(path, 200), "to create it", error.strerror) from None
    try:
        with file:
            file.write(header)
            for name in order:
                file.write(tensors[name].file.bytes_of(tensors[name].tensor))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(os.path.dirname(path) or ".")
    return size


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
