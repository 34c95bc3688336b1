"""The messages between judge and worker: what passes, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course.grading import protocol
from course.grading.protocol import ARRAY, ProtocolError, pack, receive, send, unpack

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ARRAYS = hnp.arrays(
    st.sampled_from(["?", "i1", "<i4", ">i8", "u2", "<f2", ">f4", "f8"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
)


def passed(message: Any) -> Any:
    """The message after a journey through a stream."""
    stream = io.BytesIO()
    send(stream, message)
    stream.seek(0)
    return receive(stream)


@given(PLAIN)
def test_plain_data_arrives_as_it_was(message: Any) -> None:
    assert passed(message) == message


@given(ARRAYS)
def test_an_array_arrives_as_it_was(array: np.ndarray[Any, Any]) -> None:
    arrived = passed({"value": [array]})["value"][0]
    assert arrived.dtype == array.dtype.newbyteorder("<")
    assert arrived.shape == array.shape
    assert arrived.flags.writeable
    np.testing.assert_array_equal(arrived, array)


def test_a_transposed_array_keeps_its_numbers() -> None:
    array = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(passed(array), array)


def test_a_number_of_numpy_arrives_as_an_array() -> None:
    assert passed(np.float64(0.5)) == 0.5
    assert passed(np.float64(0.5)).dtype == np.float64


@pytest.mark.parametrize(
    "message",
    [
        object(),
        (1, 2),
        {1, 2},
        2**64,
        "\ud800",  # half of a character
        np.array([object()]),
        np.array(["text"]),
        np.array([1j]),
        np.array(0, "datetime64[s]"),
        np.zeros(protocol.LIMIT, np.uint8),
    ],
    ids=lambda message: f"{type(message).__name__} {message!r:.20}",
)
def test_what_is_no_plain_data_is_not_sent(message: Any) -> None:
    with pytest.raises(ProtocolError):
        pack(message)


def array_of(*content: Any) -> bytes:
    packed: bytes = msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb(content)))
    return packed


HUGE = b"\xdd\xff\xff\xff\xff"  # announces a list of four thousand million

FORGED = {
    "an array of objects": array_of("|O", [1], b"\0" * 8),
    "an array of a made-up dtype": array_of("f8,f8", [1], b"\0" * 16),
    "a dtype that is no text": array_of([["a", "<f8"]], [1], b"\0" * 8),
    "an array with too few bytes": array_of("<f8", [2], b"\0" * 8),
    "an array with too many bytes": array_of("<f8", [1], b"\0" * 16),
    "a shape with a negative size": array_of("<f8", [-1, -1], b"\0" * 8),
    "a shape that overflows": array_of("<f8", [2**62, 4], b""),
    "a shape of truths": array_of("<f8", [True], b"\0" * 8),
    "a shape of many axes": array_of("<f8", [1] * 65, b"\0" * 8),
    "a shape that is a number": array_of("<f8", 1, b"\0" * 8),
    "bytes that are a text": array_of("|i1", [1], "x"),
    "an array of two parts": array_of("<f8", [0]),
    "an array that is a number": msgpack.packb(msgpack.ExtType(ARRAY, b"\x01")),
    "an array of no bytes": msgpack.packb(msgpack.ExtType(ARRAY, b"")),
    "an array in an array": msgpack.packb(
        msgpack.ExtType(ARRAY, array_of("<f8", [0], b""))
    ),
    "another extension": msgpack.packb(msgpack.ExtType(5, b"")),
    "a moment in time": msgpack.packb(msgpack.Timestamp(0)),
    "bytes": msgpack.packb(b"abc"),
    "a number as a key": msgpack.packb({1: 2}),
    "bytes as a key": msgpack.packb({b"a": 2}),
    "a list as a key": b"\x81\x90\xc0",
    "text that is not UTF-8": b"\xa1\xff",
    "nothing": b"",
    "two messages in one": b"\xc0\xc0",
    "half a message": b"\x92\xc0",
    "an unused code": b"\xc1",
    "a list of unheard-of length": HUGE,
    "many such lists": HUGE * 1000,
    "lists in lists": b"\x91" * 20 + b"\xc0",
    "a great many lists in lists": b"\x91" * 2_000_000,
    "maps in maps": b"\x81\xa0" * 20 + b"\xc0",
    "a great many empty lists": msgpack.packb([[]] * (protocol.MOST_LISTS + 1)),
}


@pytest.mark.parametrize("body", FORGED.values(), ids=FORGED)
def test_a_forged_message_is_refused_in_a_sentence(body: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^[A-Z].+\.$"):
        unpack(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(body: bytes) -> None:
    try:
        message = unpack(body)
    except ProtocolError:
        return
    pack(message)


class Trickle(io.RawIOBase):
    """A pipe that gives and takes one byte at a time."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)

    def read(self, size: int = -1) -> bytes:
        part = bytes(self.content[:1])
        del self.content[:1]
        return part

    def write(self, content: Any) -> int:
        self.content += bytes(content[:1])
        return 1


def test_a_slow_pipe_loses_nothing() -> None:
    pipe: Any = Trickle()
    send(pipe, ["slow", 1.5])
    assert receive(pipe) == ["slow", 1.5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The other side has ended."),
        (b"\0\0", "The other side has ended."),
        (b"\0\0\0\x05abc", "The other side has ended."),
        (b"\xff\xff\xff\xff" + b"a" * 10, "4,294,967,295 bytes is announced"),
        (b"\0\0\0\x01\xc1", "The bytes are no message."),
    ],
)
def test_a_broken_stream_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        receive(io.BytesIO(content))


def test_a_closed_stream_is_refused() -> None:
    stream = io.BytesIO()
    stream.close()
    with pytest.raises(ProtocolError, match="closed the connection"):
        send(stream, 1)
    with pytest.raises(ProtocolError, match="lost"):
        receive(stream)
