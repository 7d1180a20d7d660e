"""Files as torch.save writes them, by hand: a zip archive with a pickle of protocol 2 and the storages beside it.

torch_file_writer.py MODEL.safetensors PYTORCH.bin makes the one from the other; no PyTorch is needed.
"""

import json
import struct
import sys
import zipfile

WORDS = {"F32": ("FloatStorage", 4), "F16": ("HalfStorage", 2), "BF16": ("BFloat16Storage", 2), "I64": ("LongStorage", 8),
         "BOOL": ("BoolStorage", 1)}
END = b"."


def name(module, thing):
    return b"c%s\n%s\n" % (module.encode(), thing.encode())


def text(value):
    data = value.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def items(*parts):
    return b"(" + b"".join(parts) + b"t"


def call(function, *arguments):
    return function + items(*arguments) + b"R"


def ordered(pairs):
    body = b"".join(text(key) + value for key, value in pairs)
    return name("collections", "OrderedDict") + b")R(" + body + b"u"


def storage(kind, key, n_elements):
    return items(text("storage"), name("torch", kind), text(key), text("cpu"), number(n_elements)) + b"Q"


def strides_of(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return strides


def tensor(kept, shape, strides=None, offset=0):
    strides = strides_of(shape) if strides is None else strides
    return call(
        name("torch._utils", "_rebuild_tensor_v2"), kept, number(offset), items(*map(number, shape)),
        items(*map(number, strides)), b"\x89", ordered([]),
    )


def parameter(value):
    return call(name("torch._utils", "_rebuild_parameter"), value, b"\x88", ordered([]))


def state(pairs):
    """A state_dict with the _metadata that PyTorch hangs on it."""
    metadata = ordered([("", b"}" + text("version") + number(1) + b"s")])
    return ordered(pairs) + b"}" + text("_metadata") + metadata + b"sb"


def write(path, root, storages, compression=zipfile.ZIP_STORED, more=()):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + root + END)
        for key, data in storages.items():
            archive.writestr("archive/data/" + key, data)
        for entry, data in more:
            archive.writestr(entry, data)
        archive.writestr("archive/version", b"3\n")


def main(source, target):
    with open(source, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    pairs, storages = [], {}
    for key, (tensor_name, entry) in enumerate(header.items()):
        kind, width = WORDS[entry["dtype"]]
        begin, end = entry["data_offsets"]
        storages[str(key)] = body[begin:end]
        pairs.append((tensor_name, tensor(storage(kind, str(key), (end - begin) // width), entry["shape"])))
    write(target, state(pairs), storages)


if __name__ == "__main__":
    main(*sys.argv[1:])
