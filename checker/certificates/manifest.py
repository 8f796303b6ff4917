"""What lies in a certificate: which files make a proof of which property, and what each is to show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from .smtlib import is_claim

FILE = "manifest.json"
FORMAT: Literal["tsofence certificate 1"] = "tsofence certificate 1"
Shows = Literal[
    "initiation",
    "consecution",
    "implication",
    "descent",
    "persistence",
    "progress",
    "help",
    "possibility",
    "bound",
]
#: larger than any that is written
_MAX_BYTES = 1 << 26
#: what a file or folder may be called: none leads out of the certificate
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")


class CertificateError(ValueError):
    """A certificate that cannot be used; the message is one line: which file, what is wrong, what to do."""


class Solver(msgspec.Struct, frozen=True):
    """Who answered."""

    name: str
    version: str


class Question(msgspec.Struct, frozen=True):
    """What one check shows: that the first states meet a lemma (``initiation``), that a step keeps it
    (``consecution``), or that a step does not break the property (``implication``; no lemma is named).

    Of liveness: that a step makes the rank no larger (``descent``), leaves what helps (``persistence``) and,
    where it helps, makes it less (``progress``); that something helps (``help``), can be taken
    (``possibility``, of the ``step`` named), and that counts are never negative (``bound``).
    """

    shows: Shows
    lemma: str | None = None
    step: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """A lemma: its name, its words, and its text over the state ``s``."""

    name: str
    meaning: str
    text: str


class Listed(msgspec.Struct, frozen=True):
    """A file: the checks in it, in their order; all have to be ``unsat``."""

    file: str
    transition: str
    sha256: str
    checks: tuple[Question, ...]


class Proof(msgspec.Struct, frozen=True):
    """What is proved, of which system, under what, and the files that show it.

    ``digest``: of the system, the property and all that is taken for granted, as `obligations.Task` has it;
    ``given``: what is, beside the constraints, in words.
    """

    folder: str
    fence: str
    build: str
    property: str
    meaning: str
    digest: str
    nodes: int | Literal["any"]
    assumptions: tuple[str, ...]
    constraints: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...]
    solver: Solver
    lemmas: tuple[Claim, ...]
    files: tuple[Listed, ...]
    given: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """All that lies in one folder; ``version``: of the tsofence that wrote it."""

    format: Literal["tsofence certificate 1"]
    version: str
    proofs: tuple[Proof, ...]


def sha256(text: str) -> str:
    """Of a file's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def as_text(manifest: Manifest) -> str:
    """As it is written."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n"


def read(folder: Path) -> Manifest:
    """The manifest of a certificate.

    Raises:
        CertificateError: there is none, or it is damaged.
    """
    file = folder / FILE
    try:
        made = msgspec.json.decode(_text(file), type=Manifest)
    except msgspec.DecodeError as error:
        raise _damaged(file, str(error)) from None
    for proof in made.proofs:
        for name in (proof.folder, *(each.file for each in proof.files)):
            if not _NAME.fullmatch(name):
                raise _damaged(file, f"{name!r} is no name of a file in it")
        for lemma in proof.lemmas:
            if not is_claim(lemma.text):
                raise _damaged(file, f"lemma {lemma.name!r} is no single claim about a state")
    return made


def files(folder: Path, proof: Proof) -> Mapping[str, str]:
    """The texts of a proof's files, by name: all that are listed, as they were written.

    Raises:
        CertificateError: one is missing, or is another by now.
    """
    found = {}
    for listed in proof.files:
        file = folder / proof.folder / listed.file
        found[listed.file] = _text(file)
        if sha256(found[listed.file]) != listed.sha256:
            raise _damaged(file, "its SHA-256 is not the one in the manifest")
    return found


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode()
    except OSError as error:
        raise CertificateError(
            f"{file}: missing, or cannot be read ({error.strerror}); write the certificate again "
            "(prove --certify)"
        ) from None
    except UnicodeDecodeError:
        raise _damaged(file, "it is not UTF-8") from None


def _damaged(file: Path, why: str) -> CertificateError:
    return CertificateError(
        f"{file}: expected it as prove --certify wrote it, but {why}; write the certificate again"
    )
