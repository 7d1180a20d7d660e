"""What prepare needs of a Hugging Face model directory: the tokenizer, its special tokens, the longest input,
the classes. config.json and tokenizer_config.json may be missing; the tokenizer may not."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from .errors import MALFORMED, NO_INPUT, PrepareError, quote

FALLBACK_LENGTH = 512
ABSURD_LENGTH = 10**9
KNOWN_TOKENS = {
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "mask": ("[MASK]", "<mask>"),
}
# In these families the position of the first token is pad_token_id + 1.
SHIFTED_POSITIONS = (
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "camembert",
    "mpnet",
    "longformer",
    "xmod",
    "roberta-prelayernorm",
    "data2vec-text",
    "ibert",
)


@dataclass
class ModelDir:
    tokenizer: Tokenizer  # padding and truncation switched off
    tokenizer_name: str  # file name
    tokenizer_sha256: str
    vocab_size: int  # one more than the largest token id
    model_vocab_size: Optional[int]
    special_ids: Dict[str, int]  # cls, sep, pad, unk, mask; -1 = none
    max_length: Optional[int]  # None: nothing says
    truncation_side: str
    class_names: Optional[List[str]]
    problem_type: Optional[str]  # as config.json has it


def load(folder: str, tokenizer_path: Optional[str]) -> ModelDir:
    """Reads the directory; `tokenizer_path` replaces its tokenizer.json or vocab.txt."""
    if not os.path.isdir(folder):
        raise PrepareError(NO_INPUT, "--model " + quote(folder, 200), "a model directory", "none")
    config = _read_object(os.path.join(folder, "config.json"))
    token_config = _read_object(os.path.join(folder, "tokenizer_config.json")) or {}
    named = {
        **(_read_object(os.path.join(folder, "special_tokens_map.json")) or {}),
        **{key: value for key, value in token_config.items() if value is not None},
    }
    path = tokenizer_path or _find_tokenizer(folder)
    data = _read(path)
    if path.endswith(".txt"):
        tokenizer = _word_piece(data, path, named)
    else:
        tokenizer = _parse(data, path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return ModelDir(
        tokenizer=tokenizer,
        tokenizer_name=os.path.basename(path),
        tokenizer_sha256=hashlib.sha256(data).hexdigest(),
        vocab_size=1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1),
        model_vocab_size=_whole((config or {}).get("vocab_size")),
        special_ids={kind: _special_id(tokenizer, kind, named) for kind in KNOWN_TOKENS},
        max_length=_max_length(config or {}, token_config),
        truncation_side="left" if token_config.get("truncation_side") == "left" else "right",
        class_names=_class_names(config, os.path.join(folder, "config.json")),
        problem_type=(config or {}).get("problem_type"),
    )


def _find_tokenizer(folder: str) -> str:
    for name in ("tokenizer.json", "vocab.txt"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise PrepareError(
        NO_INPUT,
        "--model " + quote(folder, 200),
        "tokenizer.json or vocab.txt in it",
        "neither",
        "name the file with --tokenizer, or save the tokenizer with transformers' save_pretrained",
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise PrepareError(NO_INPUT, "file " + quote(path, 200), "a readable one", error.strerror) from None


def _read_object(path: str) -> Optional[Dict[str, Any]]:
    """The JSON object in a file, None if there is no such file."""
    if not os.path.exists(path):
        return None
    try:
        value = json.loads(_read(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PrepareError(MALFORMED, quote(path, 200), "JSON", quote(error, 120)) from None
    if not isinstance(value, dict):
        raise PrepareError(MALFORMED, quote(path, 200), "a JSON object", type(value).__name__)
    return value


def _parse(data: bytes, path: str) -> Tokenizer:
    try:
        return Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the library raises nothing more specific
        raise PrepareError(
            MALFORMED, quote(path, 200), "a tokenizer.json of Hugging Face tokenizers", quote(error, 120)
        ) from None


def _word_piece(data: bytes, path: str, named: Dict[str, Any]) -> Tokenizer:
    """BERT's tokenizer from vocab.txt, as transformers' BertTokenizer sets it up."""
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise PrepareError(
            MALFORMED, quote(path, 200), "UTF-8", "byte 0x%02x at %d" % (data[error.start], error.start)
        ) from None
    if lines[-1] == "":
        lines.pop()
    vocab = {line[:-1] if line.endswith("\r") else line: index for index, line in enumerate(lines)}
    token = {kind: _token_name(named.get(kind + "_token")) or KNOWN_TOKENS[kind][0] for kind in KNOWN_TOKENS}
    for kind in ("unk", "cls", "sep"):
        if token[kind] not in vocab:
            raise PrepareError(
                MALFORMED, quote(path, 200), "the token " + quote(token[kind]), "%d others" % len(vocab)
            )
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=token["unk"], max_input_chars_per_word=100))
    tokenizer.add_special_tokens([name for name in token.values() if name in vocab])
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=named.get("tokenize_chinese_chars", True) is not False,
        strip_accents=named.get("strip_accents"),
        lowercase=named.get("do_lower_case", True) is not False,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        (token["sep"], vocab[token["sep"]]), (token["cls"], vocab[token["cls"]])
    )
    return tokenizer


def _token_name(value: Any) -> Optional[str]:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _special_id(tokenizer: Tokenizer, kind: str, named: Dict[str, Any]) -> int:
    """The id of a special token: the one the configuration names, else a usual name in the vocabulary."""
    stated = _token_name(named.get(kind + "_token"))
    for name in (stated,) if stated else KNOWN_TOKENS[kind]:
        number = tokenizer.token_to_id(name)
        if number is not None:
            return number
    return -1


def _whole(value: Any) -> Optional[int]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= ABSURD_LENGTH:
        return None
    return int(value)


def _max_length(config: Dict[str, Any], token_config: Dict[str, Any]) -> Optional[int]:
    """The smaller of the model's number of positions and the tokenizer's limit, where they are given."""
    positions = _whole(config.get("max_position_embeddings")) or _whole(config.get("n_positions"))
    if positions and config.get("model_type") in SHIFTED_POSITIONS:
        pad = config.get("pad_token_id", 1)
        positions -= (pad if isinstance(pad, int) else 1) + 1
    limits = [limit for limit in (positions, _whole(token_config.get("model_max_length"))) if limit]
    return min(limits) if limits else None


def _class_names(config: Optional[Dict[str, Any]], path: str) -> Optional[List[str]]:
    """id2label in index order. Transformers leaves it out where it is the default, LABEL_0 and LABEL_1."""
    if config is None:
        return None
    names = config.get("id2label")
    if names is None:
        count = _whole(config.get("num_labels")) or 2
        return ["LABEL_%d" % index for index in range(count)]
    try:
        pairs: List[Tuple[int, str]] = sorted((int(key), str(value)) for key, value in names.items())
    except (AttributeError, ValueError):
        pairs = []
    if not pairs or [index for index, _ in pairs] != list(range(len(pairs))):
        raise PrepareError(
            MALFORMED, quote(path, 200) + ", id2label", "names for the classes 0, 1, 2, ...", quote(names)
        )
    return [name for _, name in pairs]
