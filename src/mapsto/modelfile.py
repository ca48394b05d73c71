"""The `.mapsto` file: one uncompressed zip of JSON and safetensors, in exactly one layout.

Writing is canonical: the same contents give the same bytes. Reading is strict: the directory at the end of the file is
parsed, the layout it implies is rebuilt, and every header byte must agree; sizes and SHA-256 hashes of the contents
are listed in the manifest. So a file that was cut, lengthened, spliced, renamed or had any bit flipped is refused, and
nothing is ever unpacked to disk. The contents may still be hostile with valid hashes: whoever reads a part checks it
(`Column.from_state`, `Member.from_state`).

A zip is used so that anyone can look inside with ordinary tools. The standard library's `zipfile` is not used for
reading because it forgives: it skips leading bytes, accepts overlapping entries and unpacks what it is told to.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.errors import ModelFileError
from mapsto.files import write_aside

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

FORMAT = 1
"""Version of the layout; raised only when an older reader could not read a newer file."""

State = tuple[dict[str, Any], dict[str, "np.ndarray"]]
"""What a part of a model saves: JSON and plain arrays."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 0x21  # 1980-01-01, the zip format's zero
_MAX_BYTES = 2**32 - 2**20
_MAX_FILES = 4096
_MAX_JSON = 64 * 2**20
_MAX_NODES = 2**22
"""Lists, mappings and entries of all JSON together: each takes up to a hundred bytes of memory."""
_MARKS = (b",", b"[", b"{", b":")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*\.(json|safetensors)")
_DTYPES = {"float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"}


def save(path: str | os.PathLike[str], manifest: dict[str, Any], parts: dict[str, State]) -> str:
    """Write a model file aside, flush it to the disk and rename it into place; returns its SHA-256.

    `parts` maps a name such as "schema" or "members/0" to its JSON and arrays.
    """
    return write_aside(Path(path), _zip(_files(manifest, parts)))


def to_bytes(manifest: dict[str, Any], parts: dict[str, State]) -> bytes:
    """The bytes that `save` would write."""
    return b"".join(_zip(_files(manifest, parts)))


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, State]]:
    """Read and verify a model file: its manifest and its parts.

    Raises `ModelFileError`, naming the file and what is wrong with it; `FileNotFoundError` if there is none.
    """
    path = Path(path)
    if path.is_dir():
        message = f"{path} is a folder; expected a .mapsto file. A run folder holds one: {path / 'model.mapsto'}"
        raise ModelFileError(message)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        message = f"{path} has {size:,} bytes; a model file has at most {_MAX_BYTES:,}. It was not written by mapsto."
        raise ModelFileError(message)
    return from_bytes(path.read_bytes(), str(path))


def from_bytes(data: bytes, name: str = "the model file") -> tuple[dict[str, Any], dict[str, State]]:
    """Verify and read what `to_bytes` made; `name` is used in messages."""
    files = _unzip(data, name)
    if "manifest.json" not in files:
        raise _damaged(name, "it has no manifest.json")
    manifest = _json(files.pop("manifest.json"), name, "manifest.json")
    version = manifest.get("format")
    if not isinstance(version, int) or not 1 <= version <= FORMAT:
        message = (
            f"{name} has format {version!r}; this mapsto reads formats 1 to {FORMAT}. "
            "Install a newer mapsto to read it, or save the model again."
        )
        raise ModelFileError(message)
    listed = manifest.get("files")
    if not isinstance(listed, dict) or set(listed) != set(files):
        raise _damaged(name, "the files inside are not those its manifest lists")
    for inner, content in files.items():
        if listed[inner] != {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}:
            raise _damaged(name, f"{inner} differs from what its manifest says")
    nodes = sum(content.count(mark) for inner, content in files.items() if inner.endswith(".json") for mark in _MARKS)
    if nodes > _MAX_NODES:
        raise _damaged(name, f"its JSON has {nodes:,} entries; at most {_MAX_NODES:,} are read")
    parts: dict[str, State] = {}
    for inner in sorted({Path(inner).with_suffix("").as_posix() for inner in files}):
        json_part = _json(files.get(f"{inner}.json", b"{}"), name, f"{inner}.json")
        parts[inner] = (json_part, _arrays(files.get(f"{inner}.safetensors"), name, inner))
    return manifest, parts


def _damaged(name: str, what: str) -> ModelFileError:
    return ModelFileError(f"{name} is damaged or was altered: {what}. Copy it again from where it was saved.")


def _files(manifest: dict[str, Any], parts: dict[str, State]) -> dict[str, bytes]:
    from safetensors.numpy import save as save_arrays

    files: dict[str, bytes] = {}
    for name, (json_part, arrays) in parts.items():
        if json_part:
            files[f"{name}.json"] = json.dumps(json_part, allow_nan=True).encode()
        if arrays:
            import numpy as np

            files[f"{name}.safetensors"] = save_arrays({key: np.asarray(a, order="C") for key, a in arrays.items()})
    listed = {n: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in sorted(files.items())}
    manifest = {**manifest, "format": FORMAT, "files": listed}
    return {"manifest.json": json.dumps(manifest, indent=1).encode(), **dict(sorted(files.items()))}


def _headers(entries: Iterable[tuple[str, int, int]]) -> tuple[list[bytes], bytes, int]:
    """Local headers, directory and total size of contents and headers for `(name, size, crc)` in order."""
    local, central, offset = [], [], 0
    for name, size, crc in entries:
        raw = name.encode()
        local.append(_LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, crc, size, size, len(raw), 0) + raw)
        fields = (b"PK\1\2", 20, 20, 0, 0, 0, _DATE, crc, size, size, len(raw), 0, 0, 0, 0, 0, offset)
        central.append(_CENTRAL.pack(*fields) + raw)
        offset += len(local[-1]) + size
    directory = b"".join(central)
    end = _END.pack(b"PK\5\6", 0, 0, len(central), len(central), len(directory), offset, 0)
    return local, directory + end, offset


def _zip(files: dict[str, bytes]) -> Iterable[bytes]:
    total = sum(map(len, files.values()))
    if total > _MAX_BYTES or len(files) > _MAX_FILES:
        message = f"the model holds {total:,} bytes in {len(files)} parts; a model file takes {_MAX_BYTES:,} bytes"
        raise ModelFileError(message)
    local, directory, _ = _headers((name, len(content), zlib.crc32(content)) for name, content in files.items())
    for header, content in zip(local, files.values(), strict=True):
        yield header
        yield content
    yield directory


def _unzip(data: bytes, name: str) -> dict[str, bytes]:
    if len(data) < _END.size:
        message = f"{name} has only {len(data)} bytes; expected a .mapsto model file"
        raise ModelFileError(message)
    magic, _, _, _, count, size, offset, _ = _END.unpack(data[-_END.size :])
    if magic != b"PK\5\6" or count > _MAX_FILES or offset + size + _END.size != len(data):
        message = f"{name} is not a complete .mapsto model file: it is truncated, lengthened or of another kind"
        raise ModelFileError(message)
    entries, at = [], offset
    for _ in range(count):
        if at + _CENTRAL.size > len(data):
            raise _damaged(name, "its directory is cut short")
        fields = _CENTRAL.unpack_from(data, at)
        raw = data[at + _CENTRAL.size : at + _CENTRAL.size + fields[10]]
        at += _CENTRAL.size + fields[10]
        inner = raw.decode("ascii", errors="replace")
        if len(inner) > 200 or not _NAME.fullmatch(inner):
            raise _damaged(name, f"it holds a file with the unexpected name {inner[:60]!r}")
        entries.append((inner, fields[8], fields[7]))
    if sum(length for _, length, _ in entries) > offset:
        raise _damaged(name, "its directory lists more bytes than it holds")
    if len({inner for inner, _, _ in entries}) != len(entries):
        raise _damaged(name, "it holds two files of one name")
    local, directory, end = _headers(entries)
    if end != offset or data[offset:] != directory:
        raise _damaged(name, "its directory does not match its contents")
    files: dict[str, bytes] = {}
    at = 0
    for header, (inner, length, crc) in zip(local, entries, strict=True):
        if data[at : at + len(header)] != header:
            raise _damaged(name, f"the header of {inner} was changed")
        at += len(header)
        files[inner] = data[at : at + length]
        at += length
        if zlib.crc32(files[inner]) != crc:
            raise _damaged(name, f"the checksum of {inner} is wrong")
    return files


def _json(content: bytes, name: str, inner: str) -> dict[str, Any]:
    if len(content) > _MAX_JSON:
        raise _damaged(name, f"{inner} has {len(content):,} bytes; at most {_MAX_JSON:,} are read")
    try:
        found = json.loads(content)
        if b"\\ud" in content or b"\\uD" in content:
            json.dumps(found, ensure_ascii=False).encode()  # half a character, which no text can hold, is refused
    except (ValueError, RecursionError) as error:
        raise _damaged(name, f"{inner} is not valid JSON") from error
    if not isinstance(found, dict):
        raise _damaged(name, f"{inner} holds {type(found).__name__}, expected an object")
    return found


def _arrays(content: bytes | None, name: str, inner: str) -> dict[str, np.ndarray]:
    if content is None:
        return {}
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_arrays

    try:
        arrays: dict[str, np.ndarray] = load_arrays(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(name, f"{inner}.safetensors cannot be read ({error})") from error
    for key, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise _damaged(name, f"array {key!r} of {inner} has the unexpected type {array.dtype}")
    return arrays
