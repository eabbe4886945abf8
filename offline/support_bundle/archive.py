"""A bundle's file: texts without secrets in one .tar.gz, whole or not there, and read again before it is given out."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from offline.failures import Refused
from offline.support_bundle.redaction import Redaction

ENDING = ".tar.gz"


class Archive:
    """Takes texts and writes them without secrets; members come in the order in which they are added."""

    def __init__(self, file: tarfile.TarFile, folder: str, made: datetime, redaction: Redaction) -> None:
        self._file = file
        self._folder = folder
        self._seconds = int(made.timestamp())
        self._redaction = redaction

    def add(self, path: str, text: str) -> int:
        """Add a text below the archive's folder; return the bytes that it takes."""
        data = self._redaction.redact(text).encode(errors="replace")
        # A name of a file may hold a secret, too. Whoever made the bundle is nobody's business.
        member = tarfile.TarInfo(f"{self._folder}/{self._redaction.redact(path)}")
        member.size, member.mtime, member.mode = len(data), self._seconds, 0o600
        self._file.addfile(member, io.BytesIO(data))
        return len(data)


@contextmanager
def write_archive(
    path: Path, made: datetime, redaction: Redaction, read_secrets: Callable[[], Redaction]
) -> Iterator[Archive]:
    """Write an archive, readable by its owner alone, that is there once it is whole and holds no secret.

    Args:
        path: where it goes; its name without the ending is the archive's one folder.
        made: what the members' times say.
        redaction: what is taken out of them.
        read_secrets: returns what must not be in them at the end, for a secret may have come meanwhile.

    Raises:
        Refused: a secret is in it all the same; the archive is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            # Neither a name nor a time of its own in the file's head.
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=int(made.timestamp())) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as file,
            ):
                yield Archive(file, path.name.removesuffix(ENDING), made, redaction)
            raw.flush()
            os.fsync(raw.fileno())
        require_clean(unfinished, read_secrets())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def require_clean(path: Path, redaction: Redaction) -> None:
    """Read an archive from its file.

    Raises:
        Refused: the value of a secret is in it; the text names member and secret, never the value.
    """
    with tarfile.open(path, mode="r|gz") as file:
        for member in file:
            content = file.extractfile(member)
            text = content.read().decode(errors="replace") if content else ""
            if names := redaction.find_names(f"{member.name}\n{text}"):
                inside = redaction.redact(member.name.partition("/")[2])
                raise Refused(
                    f"the bundle was removed, for its part {inside} held the value of {', '.join(names)}: "
                    f"run it again; if that happens twice, report it without a bundle"
                )
