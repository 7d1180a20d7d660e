"""Writes an ascribe-dataset v1.0 file: HDF5, earliest file format, no variable-length and no compound types.

What a file need not have: rows/key, tokens/types, text/split (uint32, the byte of the row's text where the second text of
a pair begins), one kind of labels (labels.py), meta/*.

Arrays grow by whole chunks while the rows stream by; what does not fill a chunk waits in memory, so a
dataset's chunks are never larger than its data. The file is written beside its final place, flushed to the
disk and renamed; after any error nothing is left. No times are stored: the same input gives the same bytes.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

import h5py
import numpy as np

from . import __version__
from .errors import IO_ERROR, NO_OUTPUT, PrepareError, quote

FLAT_CHUNK = 131072
ROW_CHUNK = 65536
CHUNK_BYTES = 4 << 20
MATRIX_CHUNK_BYTES = 1 << 20
FILTERS = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}


def _typed(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A copy whose dtype says that its strings are UTF-8; numpy's own conversions lose that."""
    copy = np.empty(values.shape, dtype)
    copy[...] = values
    return copy


class _Array:
    """A dataset that grows in its first dimension; made when the first chunk is full or at the end. `line`: the
    shape of one element, () or (columns,)."""

    def __init__(self, file: h5py.File, name: str, dtype: np.dtype, chunk: int, line: Tuple[int, ...] = ()):
        self._file, self._name, self._dtype, self._chunk, self._line = file, name, dtype, chunk, line
        self._waiting: List[np.ndarray] = []
        self._n_waiting = 0
        self._dataset = None
        self.size = 0
        self.total = 0  # of the counts, in an offsets dataset

    def append(self, values: np.ndarray) -> None:
        self._waiting.append(np.asarray(values).astype(self._dtype, copy=False))
        self._n_waiting += len(values)
        self.size += len(values)
        if self._n_waiting >= self._chunk:
            self._write(self._n_waiting - self._n_waiting % self._chunk)

    def finish(self) -> None:
        self._write(self._n_waiting)

    def _write(self, count: int) -> None:
        values = np.concatenate(self._waiting) if self._waiting else np.zeros((0, *self._line), self._dtype)
        if self._dataset is None:
            self._dataset = self._file.create_dataset(
                self._name,
                shape=(0, *self._line),
                maxshape=(None, *self._line),
                dtype=self._dtype,
                track_times=False,
                chunks=(max(1, min(self._chunk, len(values))), *self._line),
                **FILTERS,
            )
        done = self._dataset.shape[0]
        self._dataset.resize(done + count, axis=0)
        self._dataset[done:] = _typed(values[:count], self._dtype)
        self._waiting = [values[count:].copy()]
        self._n_waiting = len(values) - count


class DatasetFile:
    """The open file: `append` and `append_counts` in any order, `finish` at the end."""

    def __init__(self, file: h5py.File, sink: "_Sink"):
        self._file, self._sink = file, sink
        self._arrays: Dict[str, _Array] = {}

    def append(self, name: str, values: np.ndarray, dtype: str, chunk: int = FLAT_CHUNK) -> None:
        """Appends to dataset `name`, of `dtype`; the first call settles dtype and chunk."""
        if name not in self._arrays:
            self._arrays[name] = _Array(self._file, name, np.dtype(dtype), chunk)
        self._arrays[name].append(values)
        self._sink.check()

    def append_matrix(self, name: str, values: np.ndarray) -> None:
        """Appends rows to a matrix of bytes."""
        n_columns = values.shape[1]
        if name not in self._arrays:
            chunk = max(1, min(ROW_CHUNK, MATRIX_CHUNK_BYTES // n_columns))
            self._arrays[name] = _Array(self._file, name, np.dtype("uint8"), chunk, (n_columns,))
        self._arrays[name].append(values)
        self._sink.check()

    def has(self, name: str) -> bool:
        return name in self._arrays

    def append_counts(self, name: str, counts: np.ndarray) -> None:
        """Appends to an offsets dataset (int64, one element more than there are rows)."""
        if name not in self._arrays:
            self.append(name, np.zeros(1, np.int64), "int64")
        array = self._arrays[name]
        array.append(array.total + np.cumsum(counts))
        array.total += int(np.sum(counts))

    def fill_up(self, name: str, size: int, dtype: str) -> None:
        """Appends zeros until `name` has `size` elements."""
        have = self._arrays[name].size if name in self._arrays else 0
        for begin in range(have, size, FLAT_CHUNK):
            self.append(name, np.zeros(min(FLAT_CHUNK, size - begin), dtype), dtype)

    def write_rows(self, name: str, blocks: Iterable[np.ndarray], dtype: str) -> None:
        """Writes a whole per-row column."""
        for block in blocks:
            self.append(name, block, dtype, ROW_CHUNK)

    def write_row_strings(self, name: str, blocks: Iterable[List[bytes]], width: int) -> None:
        """Writes a whole per-row column of UTF-8 strings of at most `width` bytes."""
        dtype = h5py.string_dtype("utf-8", max(1, width))
        chunk = max(1, min(ROW_CHUNK, CHUNK_BYTES // max(1, width)))
        for block in blocks:
            self.append(name, np.array(block, dtype="S%d" % max(1, width)), dtype, chunk)

    def write_names(self, name: str, names: List[str]) -> None:
        """Writes a short list of UTF-8 strings."""
        data = [value.encode("utf-8") for value in names]
        width = max([1] + [len(value) for value in data])
        dtype = h5py.string_dtype("utf-8", width)
        self._file.create_dataset(name, data=_typed(np.array(data), dtype), dtype=dtype, track_times=False)

    def finish(self, attributes: Dict[str, Union[str, int]]) -> None:
        """Writes what waits, then format, version, maker and the other root attributes."""
        for array in self._arrays.values():
            array.finish()
            self._sink.check()
        head = {
            "format": "ascribe-dataset",
            "format_version": "1.0",
            "created_by": "ascribe-prepare " + __version__,
        }
        for name, value in {**head, **attributes}.items():
            if isinstance(value, str):
                data = value.encode("utf-8", "replace")
                dtype = h5py.string_dtype("utf-8", max(1, len(data)))
                self._file.attrs.create(name, _typed(np.array([data]), dtype).reshape(()), dtype=dtype)
            else:
                self._file.attrs.create(name, np.int64(value))


def check_output(path: str, force: bool) -> None:
    """Refuses an output that cannot be made, before any work is done."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise PrepareError(
            NO_OUTPUT, "folder of the output", "an existing folder", quote(folder, 200), "make it first"
        )
    if not os.path.lexists(path):
        return
    if not os.path.isfile(path):
        raise PrepareError(
            NO_OUTPUT, "output " + quote(path, 200), "a file name", "something that is no regular file"
        )
    if not force:
        raise PrepareError(
            NO_OUTPUT,
            "output " + quote(path, 200),
            "no such file yet",
            "an existing one",
            "choose another name or replace it with --force",
        )


class _Sink:
    """The file under HDF5 (h5py's file-object driver). HDF5 cannot survive a failed write: it crashes later,
    at the latest when the process ends. So a failure is kept for `check`; from then on writes only seem to
    succeed.
    """

    def __init__(self, path: str):
        self._file = open(path, "r+b", buffering=0)
        self.error: Optional[OSError] = None

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def write(self, data: memoryview) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            self.error = error
        return len(view)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, data: memoryview) -> int:
        return self._file.readinto(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> int:
        try:
            if self.error is None:
                self._file.truncate(size)
        except OSError as error:
            self.error = error
        return size

    def flush(self) -> None:
        """Nothing is buffered."""

    def sync_and_close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        self._file.close()


@contextmanager
def create(path: str, force: bool) -> Iterator[DatasetFile]:
    """A DatasetFile that becomes `path` when the block ends well and leaves nothing otherwise."""
    temporary = "%s.tmp-%d" % (path, os.getpid())
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    except OSError as error:
        raise PrepareError(
            NO_OUTPUT, "output " + quote(path, 200), "a folder to write in", error.strerror
        ) from None
    try:
        sink = _Sink(temporary)
        try:
            with h5py.File(sink, "w", libver=("earliest", "v110")) as file:
                yield DatasetFile(file, sink)
            sink.check()
            sink.sync_and_close()
        finally:
            sink.close()
        check_output(path, force)
        os.replace(temporary, path)
        _sync(os.path.dirname(path) or ".")
    except OSError as error:
        raise PrepareError(
            IO_ERROR,
            "writing " + quote(path, 200),
            "enough room and a working disk",
            error.strerror or quote(error, 200),
        ) from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
