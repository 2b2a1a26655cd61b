"""A style as one file to give away, and one that was given: opened with suspicion, and running nothing."""

import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile, copyfileobj

from core_vimo.archives import check_directory
from core_vimo.bundle import bundle_hash
from core_vimo.errors import InputError
from core_vimo.publish import MANIFEST, publish_file, publish_folder
from edge_adapter.build import SHIPPED, load_dance_model
from edge_adapter.style import Style, build_branch
from stylize.paths import require_others
from stylize.style_library import FILES, find_style, own_folder

SUFFIX = ".vimostyle"

_MOST_BYTES = {name: 1 << 29 if name.endswith(".safetensors") else 1 << 20 for name in FILES}
_MOST_DIRECTORY_BYTES = 1 << 12
_MOST_GROWTH = 8  # weights hardly shrink, so what unpacks to more was made to
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that take no memory of a size that the file chooses, as LZMA does."""
_UNIX = 3
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of zip; without a date the same style is the same file


def pack(style: str | Path, file: Path | str) -> None:
    """Write a trained style, without its clips, into one file. Raises InputError."""
    folder = find_style(style)
    Style.load(folder)  # nothing damaged is given away
    file = Path(file)
    require_others([file], [folder / name for name in FILES])
    with publish_file(file) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.create_system = _UNIX  # on Windows too, or the same style would be another file there
            entry.file_size = (folder / name).stat().st_size
            with open(folder / name, "rb") as source, archive.open(entry, "w") as member:
                copyfileobj(source, member)


def install(file: Path | str) -> Path:
    """Put a packed style into one's own library; its folder. Installing it again changes nothing.

    Raises InputError where the file is anything but a whole style, or another of its name is there; then nothing has
    changed.
    """
    file = Path(file)
    with _unpacked(file) as aside:
        place = own_folder(_checked(file, aside))
        if place.exists():
            if (place / MANIFEST).is_file() and bundle_hash(place) == bundle_hash(aside):
                return place
            raise InputError(
                f"{file}: there is another style '{place.name}' already; `vimo style remove {place.name}` makes room"
            )
        with publish_folder(place, FILES) as fresh:
            for name in FILES:
                copyfile(aside / name, fresh / name)
    return place


def _checked(file: Path, folder: Path) -> str:
    """The name of the style in this folder, all of which is looked at. Raises InputError, which names the package."""
    try:
        style = Style.load(folder)
        own_folder(style.name)
        if style.backbone_sha256 == bundle_hash(SHIPPED):  # of others the shapes are known when it's used
            build_branch(style, load_dance_model(SHIPPED))
    except InputError as error:
        said = str(error).removeprefix(f"{folder}/").removeprefix(f"{folder}: ")
        raise InputError(f"{file}: {said}") from error
    return style.name


@contextmanager
def _unpacked(file: Path) -> Iterator[Path]:
    """Its files in a folder that goes again. Sizes are known before anything is unpacked, and names are ours."""
    with tempfile.TemporaryDirectory(prefix="vimo-style-") as folder:
        try:
            with open(file, "rb") as opened:
                check_directory(file, opened, _MOST_DIRECTORY_BYTES, "a packed style")
                with zipfile.ZipFile(opened) as archive:
                    for entry in _members(file, archive):
                        with archive.open(entry) as member, open(Path(folder) / entry.filename, "wb") as target:
                            copyfileobj(member, target)
        except OSError as error:
            raise InputError(f"{file}: cannot be unpacked ({error.strerror or error}); check the path") from error
        except _BROKEN as error:
            raise InputError(f"{file}: not a whole package of a style ({error}); take a fresh copy") from error
        yield Path(folder)


def _members(file: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if sorted(entry.filename for entry in entries) != sorted(FILES):
        odd = next((entry.filename for entry in entries if entry.filename not in FILES), None)
        found = f"it holds '{odd:.60}'" if odd is not None else "some are missing, or there twice"
        raise InputError(f"{file}: a packed style is {', '.join(FILES)}, but {found}; take a fresh copy")
    for entry in entries:
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise InputError(f"{file}: '{entry.filename}' in it is a link and no file; take a fresh copy")
        if entry.compress_type not in _METHODS:
            raise InputError(f"{file}: '{entry.filename}' in it is packed as no style is; take a fresh copy")
        if entry.file_size > _MOST_BYTES[entry.filename]:
            raise InputError(
                f"{file}: '{entry.filename}' would unpack to {entry.file_size >> 20} MiB, more than the "
                f"{_MOST_BYTES[entry.filename] >> 20} MiB that it may have"
            )
    unpacked, packed = sum(entry.file_size for entry in entries), file.stat().st_size
    if unpacked > _MOST_GROWTH * packed + (1 << 20):
        raise InputError(f"{file}: would unpack to {unpacked >> 20} MiB, which no style does; take a fresh copy")
    return entries
