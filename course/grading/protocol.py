"""What judge and worker say to each other: plain data, and nothing that could run.

A message is its length in four bytes, most significant first, and then msgpack: None,
booleans, numbers, strings, lists, dicts with strings as keys, and numeric arrays. What
arrives may have been written by a student's code, so nothing in it is believed:
lengths, types, shapes and depth are checked before anybody looks at the content.
"""

from __future__ import annotations

import math
import os
from typing import IO, Any

import msgpack
import numpy as np

LIMIT = 8 * 2**20
"""The longest message, in bytes."""

ARRAY = 1  # msgpack's number for our one extension type
# What a worker may send; little-endian, and never objects.
DTYPES = frozenset(
    ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"]
)
DEEPEST = 16  # lists in lists
MOST_LISTS = 200_000  # an empty list is one byte here, but 56 in Python's memory
MOST_AXES = 32
MOST_KEYS = 10_000  # of one dict


class ProtocolError(Exception):
    """What arrived is no message, or there is nobody left who could send one."""


def pack(message: Any) -> bytes:
    """The message as bytes, with its length in front.

    Raises:
        ProtocolError: If it holds something that is no plain data, or is too long.
    """
    try:
        body: bytes = msgpack.packb(message, default=_pack_array, strict_types=True)
    except ProtocolError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"This cannot be sent: {error}.") from error
    if len(body) > LIMIT:
        raise ProtocolError(f"A message of {len(body):,} bytes is too long.")
    return len(body).to_bytes(4, "big") + body


def unpack(body: bytes) -> Any:
    """The message in these bytes (without the length).

    Raises:
        ProtocolError: If they are none.
    """
    lists = 0

    def count(items: Any) -> Any:  # of a list or a dict
        nonlocal lists
        lists += 1
        if lists > MOST_LISTS:
            raise ProtocolError("The message has too many lists.")
        return items

    try:
        message = msgpack.unpackb(
            body,
            ext_hook=_unpack_array,
            list_hook=count,
            object_hook=count,
            max_map_len=MOST_KEYS,
            max_array_len=MOST_LISTS,
        )
    except ProtocolError:
        raise
    except Exception as error:  # msgpack raises many kinds, and other than its own
        raise ProtocolError("The bytes are no message.") from error
    _require_plain(message)
    return message


def send(stream: IO[bytes], message: Any) -> None:
    """Writes one message.

    Raises:
        ProtocolError: If it cannot be sent, or nobody reads any more.
    """
    write(stream, pack(message))


def write(stream: IO[bytes], packed: bytes) -> None:
    """Writes what `pack` has made.

    Raises:
        ProtocolError: If nobody reads any more.
    """
    whole = memoryview(packed)
    try:
        while whole:  # an unbuffered pipe may take less than all
            whole = whole[stream.write(whole) :]
        stream.flush()
    except (OSError, ValueError) as error:
        raise ProtocolError("The other side has closed the connection.") from error


def receive(stream: IO[bytes]) -> Any:
    """Reads one message, and waits for it.

    Raises:
        ProtocolError: At the end of the stream, or if what arrives is no message.
    """
    length = int.from_bytes(_read(stream, 4), "big")
    if length > LIMIT:
        raise ProtocolError(f"A message of {length:,} bytes is announced: too long.")
    return unpack(_read(stream, length))


def lead_nowhere(*descriptors: int) -> None:
    """What is written there is lost, and there is nothing to read."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _read(stream: IO[bytes], length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        try:
            part = stream.read(length)
        except (OSError, ValueError) as error:
            raise ProtocolError("The connection was lost.") from error
        if not part:
            raise ProtocolError("The other side has ended.")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _pack_array(value: Any) -> msgpack.ExtType:
    if type(value) is tuple:
        raise ProtocolError("This cannot be sent: a tuple; make it a list.")
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        if array.dtype.str in DTYPES:
            content = [array.dtype.str, list(array.shape), array.tobytes()]
            return msgpack.ExtType(ARRAY, msgpack.packb(content))
    raise ProtocolError(f"This cannot be sent: {type(value).__name__}.")


def _unpack_array(code: int, content: bytes) -> np.ndarray[Any, Any]:
    if code != ARRAY:
        raise ProtocolError(f"There is no extension type {code}.")
    parts = msgpack.unpackb(content)
    if type(parts) is not list or len(parts) != 3:
        raise ProtocolError("An array is its dtype, its shape and its bytes.")
    dtype, shape, data = parts
    if type(dtype) is not str or dtype not in DTYPES:
        raise ProtocolError("An array has a dtype that is not allowed.")
    if (
        type(shape) is not list
        or len(shape) > MOST_AXES
        or any(type(size) is not int or size < 0 for size in shape)
    ):
        raise ProtocolError("An array has an impossible shape.")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if type(data) is not bytes or len(data) != size:
        raise ProtocolError("An array has more or fewer bytes than its shape says.")
    # A copy: NumPy's own memory, aligned and writeable.
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _require_plain(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise ProtocolError("The message is nested too deeply.")
    if type(value) is list:
        for each in value:
            _require_plain(each, depth + 1)
    elif type(value) is dict:
        for key, each in value.items():
            if type(key) is not str:
                raise ProtocolError("A key of the message is no string.")
            _require_plain(each, depth + 1)
    elif type(value) not in (type(None), bool, int, float, str, np.ndarray):
        raise ProtocolError(f"The message holds a {type(value).__name__}.")
