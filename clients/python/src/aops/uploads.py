"""Files that are sent in parts (tus 1.0.0): after a cut, what has come is not sent again."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import httpx

from aops.datasets import Datasets, File, asked
from aops.errors import AopsError, Invalid, Problem, UploadInterrupted
from aops.transport import Transport, pause
from aops.types import Dataset, Upload

PART = 4 << 20
"""Bytes that are sent, and held in memory, at a time."""

Progress = Callable[[float], None]

_ALL = "/api/v1/uploads"
_VERSION = {"tus-resumable": "1.0.0"}
_TIMEOUT, _CONFLICT = 408, 409


class Uploads:
    """`client.uploads`."""

    def __init__(self, transport: Transport, datasets: Datasets) -> None:
        self._transport = transport
        self._datasets = datasets

    def upload(
        self,
        file: File,
        *,
        module: str,
        warranty: bool,
        name: str | None = None,
        pseudonyms: bool = False,
        mapping: Mapping[str, str] | None = None,
        part: int = PART,
        progress: Progress | None = None,
    ) -> Dataset:
        """Sends a CSV or XLSX file in parts of so many bytes; as `datasets.upload` else.

        After a cut it asks how far the file has come and goes on from there, again and again as
        long as something arrives. `progress` is called with the share that has come, from 0 to 1.

        Raises `UploadInterrupted`, which `resume` goes on from, and `Invalid`; what was refused so
        is given up.
        """
        with _opened(file) as content:
            begun = self.begin(
                _length(content),
                module=module,
                warranty=warranty,
                name=asked(file, module, warranty, name, pseudonyms, mapping).get("name"),
                pseudonyms=pseudonyms,
                mapping=mapping,
            )
            try:
                return self._sent(begun, content, part, progress)
            except Invalid:
                self.delete(begun.id)
                raise

    def begin(
        self,
        length: int,
        *,
        module: str,
        warranty: bool,
        name: str | None = None,
        pseudonyms: bool = False,
        mapping: Mapping[str, str] | None = None,
    ) -> Upload:
        """Announces a file of so many bytes; `resume` sends it."""
        answer = self._transport.answer(
            "POST",
            _ALL,
            query=asked(None, module, warranty, name, pseudonyms, mapping),
            headers={**_VERSION, "upload-length": str(length)},
            again=False,
        )
        return Upload.read(answer.json())

    def resume(
        self, id: str, file: File, *, part: int = PART, progress: Progress | None = None
    ) -> Dataset:
        """Sends what of the same file has not come yet, also from another program or machine.

        Raises `UploadInterrupted`, and `Invalid` for a file at fault, whose upload stays until it
        is deleted or its day is over.
        """
        with _opened(file) as content:
            return self._sent(self.get(id), content, part, progress)

    def get(self, id: str) -> Upload:
        """Where it stands."""
        return Upload.read(self._transport.json("GET", _path(id), headers=_VERSION))

    def list(self) -> tuple[Upload, ...]:
        """Those that are under way, the newest first."""
        return tuple(map(Upload.read, self._transport.json("GET", _ALL)["uploads"]))

    def delete(self, id: str) -> None:
        """Gives it up; what has come is deleted at once. A data set that it became stays."""
        self._transport.answer("DELETE", _path(id), headers=_VERSION)

    def _sent(
        self, upload: Upload, content: IO[bytes], part: int, progress: Progress | None
    ) -> Dataset:
        length = _length(content)
        if length != upload.length:
            raise AopsError(
                f"upload {upload.id} is of a file of {upload.length} bytes, this one has {length}"
            )
        begin, at, tries = content.tell(), upload.offset, 0
        while True:
            piece = _piece(content, begin + at, length - at, part)
            try:
                answer = self._appended(upload.id, at, piece)
                reached, tries = int(answer.headers["upload-offset"]), 0
            except (httpx.TransportError, Problem) as broken:
                if isinstance(broken, Problem) and not _passes(broken):
                    raise
                if tries == self._transport.retries:
                    raise UploadInterrupted(upload.id, at) from broken
                told = broken.retry_after if isinstance(broken, Problem) else None
                time.sleep(pause(tries, told))
                answer, reached = None, self._offset(upload.id, at)
                tries = 0 if reached > at else tries + 1
            at = reached
            if progress is not None:
                progress(at / length)
            if answer is not None and at == length:
                return self._datasets.get(answer.headers["location"].rsplit("/", 1)[-1])

    def _appended(self, id: str, at: int, piece: bytes) -> httpx.Response:
        """One part, an empty one where all has come already: its answer says what became of it."""
        headers = {
            **_VERSION,
            "content-type": "application/offset+octet-stream",
            "upload-offset": str(at),
        }
        return self._transport.answer(
            "PATCH", _path(id), content=piece, headers=headers, again=False
        )

    def _offset(self, id: str, known: int) -> int:
        """Where to go on."""
        try:
            answer = self._transport.answer("HEAD", _path(id), headers=_VERSION)
        except httpx.TransportError as broken:
            raise UploadInterrupted(id, known) from broken
        return int(answer.headers["upload-offset"])


def _passes(refused: Problem) -> bool:
    """Whether a part may go well that did not: too slow, not where it stands, out of order."""
    return refused.status in (_TIMEOUT, _CONFLICT) or refused.status >= 500


@contextmanager
def _opened(file: File) -> Iterator[IO[bytes]]:
    if isinstance(file, (str, Path)):
        with open(file, "rb") as content:
            yield content
    elif isinstance(file, bytes):
        yield io.BytesIO(file)
    else:
        yield file


def _length(content: IO[bytes]) -> int:
    """Bytes from where it stands to its end."""
    begin = content.tell()
    end = content.seek(0, os.SEEK_END)
    content.seek(begin)
    return end - begin


def _piece(content: IO[bytes], at: int, left: int, part: int) -> bytes:
    content.seek(at)
    piece = content.read(min(left, part))
    if len(piece) < min(left, part):
        raise AopsError("the file became shorter while it was sent")
    return piece


def _path(id: str) -> str:
    return f"{_ALL}/{quote(id, safe='')}"
