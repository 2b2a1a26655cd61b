"""Packed styles that were damaged, forged, or made to harm; none may leave anything in the library."""

import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file

from core_vimo.publish import write_manifest
from edge_adapter.build import SHIPPED
from stylize.cli import main
from stylize.style_library import FILES


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VIMO_STYLES", str(tmp_path / "library"))
    return tmp_path / "library"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, invented_style) -> Path:
    """The folder of a style for the shipped backbone."""
    return invented_style("waltz", tmp_path_factory.mktemp("styles"), SHIPPED)


@pytest.fixture
def members(whole) -> dict[str, bytes]:
    return {name: (whole / name).read_bytes() for name in FILES}


@pytest.fixture
def refused_package(refused, tmp_path, library):
    """Installing these members must be refused; nothing may be in the library, nor beside the package."""

    def run(members, *, change=lambda entry: entry, repeat=()) -> str:
        file = tmp_path / "given" / "a.vimostyle"
        file.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in [*members.items(), *repeat]:
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(change(entry), data)
        return given(file)

    def given(file: Path) -> str:
        before = sorted(tmp_path.rglob("*"))
        said = refused("style", "install", file)
        assert str(file) in said and "/vimo-style-" not in said
        assert sorted(tmp_path.rglob("*")) == before and not library.exists()
        return said

    run.given = given
    return run


def test_a_whole_one_is_taken_in_once(members, tmp_path, library, capsys) -> None:
    file = tmp_path / "a.vimostyle"
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    for _ in range(2):
        assert main(["style", "install", str(file)]) == 0
        assert str(library / "waltz") in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (library / "waltz").iterdir()} == members
    assert [path.name for path in library.iterdir()] == ["waltz"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "../../evil.yaml", "/tmp/evil", "C:\\evil", "..\\evil", "a/branch.safetensors", "./style.yaml",
        "model.pkl", "branch.pt", "archive/data.pkl", "con", "clips/", "STYLE.YAML", "x" * 300,
    ],
)  # fmt: skip
@pytest.mark.parametrize("instead", [True, False])
def test_names_that_are_not_a_styles(name, instead, members, refused_package) -> None:
    data = members.pop("card.md") if instead else b"evil"
    refused_package({**members, name: data})


def test_members_given_twice(members, refused_package) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        refused_package(members, repeat=[("style.yaml", members["style.yaml"])])
    card = members.pop("card.md")
    with pytest.warns(UserWarning, match="Duplicate name"):
        refused_package({**members}, repeat=[("style.yaml", card)])


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_links_and_other_things_that_are_no_files(kind, members, refused_package) -> None:
    def change(entry):
        if entry.filename == "card.md":
            entry.external_attr = (kind | 0o777) << 16
        return entry

    assert "card.md" in refused_package(members | {"card.md": b"/etc/passwd"}, change=change)


def test_zip_bombs(members, refused_package) -> None:
    said = refused_package(members | {"branch.safetensors": bytes(60 << 20)})
    assert "would unpack to" in said
    said = refused_package(members | {"style.yaml": b"a: " + bytes(9 << 20)})
    assert "would unpack to 9 MiB" in said


def test_sizes_that_lie(members, refused_package, tmp_path) -> None:
    """The table of contents says a kilobyte, the data goes on for 20 MiB."""
    file = tmp_path / "lie.vimostyle"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, bytes(20 << 20) if name == "card.md" else data)
    raw, size = bytearray(file.read_bytes()), struct.pack("<L", 20 << 20)
    while (at := raw.find(size)) >= 0:
        raw[at : at + 4] = struct.pack("<L", 1000)
    file.write_bytes(raw)
    refused_package.given(file)


def test_a_table_of_contents_without_end(tmp_path, refused_package) -> None:
    file = tmp_path / "many.vimostyle"
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(500):
            archive.writestr(str(number), b"")
    assert "far more files" in refused_package.given(file)


def test_a_table_of_contents_that_another_record_points_to(tmp_path, refused_package) -> None:
    """The end record says a table of nothing; zipfile believes the one of 64 bits before it, which says all."""
    file = tmp_path / "many.vimostyle"
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(500):
            archive.writestr(str(number), b"")
        start = archive.start_dir
    raw = file.read_bytes()
    at, size = len(raw) - 22, len(raw) - 22 - start
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 500, 500, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    file.write_bytes(raw[:at] + record + locator + b"PK\x05\x06" + bytes(18))
    with zipfile.ZipFile(file) as archive:
        assert len(archive.infolist()) == 500
    assert "far more files" in refused_package.given(file)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_ways_of_packing_that_no_style_has(method, members, refused_package) -> None:
    """An LZMA stream says itself how much memory unpacking it takes."""

    def change(entry):
        entry.compress_type = method
        return entry

    assert "packed as no style is" in refused_package(members, change=change)


@pytest.mark.parametrize("data", [b"", b"PK", b"hello", b"PK\x05\x06" + bytes(18), b"\x80\x04\x95."])
def test_what_is_no_package(data, tmp_path, refused_package) -> None:
    (tmp_path / "a.vimostyle").write_bytes(data)
    refused_package.given(tmp_path / "a.vimostyle")


def test_no_file_and_a_folder(tmp_path, refused_package) -> None:
    refused_package.given(tmp_path / "nothing.vimostyle")
    refused_package.given(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_and_a_cut_are_noticed(name, members, refused_package) -> None:
    data = bytearray(members[name])
    data[len(data) // 2] ^= 1
    refused_package(members | {name: bytes(data)})
    refused_package(members | {name: members[name][:-9]})
    refused_package({other: data for other, data in members.items() if other != name})


@pytest.mark.parametrize("where", ["/etc/passwd", "../x", "clips/clips.json", "model.pkl"])
def test_manifests_that_reach_beyond_the_style(where, members, refused_package) -> None:
    hashes = json.loads(members["manifest.json"])["sha256"] | {where: "0" * 64}
    refused_package(members | {"manifest.json": json.dumps({"sha256": hashes}).encode()})


@pytest.fixture
def forged(members, refused_package, tmp_path):
    """Installing the style with this change must be refused though its manifest fits."""

    def run(change) -> str:
        folder = tmp_path / "forged"
        folder.mkdir()
        for name, data in members.items():
            (folder / name).write_bytes(data)
        change(folder)
        write_manifest(folder)
        return refused_package({name: (folder / name).read_bytes() for name in FILES})

    return run


@pytest.mark.parametrize("harm", ["nan", "shape", "huge", "extra", "missing", "absurd", "pickle"])
def test_tensors_that_cannot_be(harm, forged) -> None:
    def change(folder: Path) -> None:
        file = folder / "branch.safetensors"
        tensors = load_file(file)
        name = sorted(tensors)[0]
        if harm == "absurd":
            header = json.dumps({name: {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
            file.write_bytes(struct.pack("<Q", len(header)) + header)
            return
        if harm == "pickle":
            file.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
            return
        if harm == "missing":
            del tensors[name]
        else:
            value = tensors[name]
            other = {"nan": value * float("nan"), "shape": value.flatten()[:3].clone(), "huge": value.new_ones(1 << 20)}
            tensors["evil" if harm == "extra" else name] = other.get(harm, value.clone())
        save_file(tensors, file)

    forged(change)


@pytest.mark.parametrize(
    "change",
    [
        "name=../evil", "name=/evil", "name=Waltz", "name=con", "name=''", "name=5", "backbone=x", "branch.layers=99",
        "branch.layers=0", "branch.fusion=eval", "branch.evil=1", "format=2", "evil=1", "strength.most=.nan",
        "strength.usual=-1", "clips=x", "_target_=os.system",
    ],
)  # fmt: skip
def test_settings_that_cannot_be(change, forged) -> None:
    def edit(folder: Path) -> None:
        told = yaml.safe_load((folder / "style.yaml").read_text())
        path, _, value = change.partition("=")
        *groups, key = path.split(".")
        (told[groups[0]] if groups else told)[key] = yaml.safe_load(value)
        (folder / "style.yaml").write_text(yaml.safe_dump(told))

    forged(edit)


@pytest.mark.parametrize("text", ['!!python/object/apply:os.system ["true"]', "[" * 5000, "a: &a [*a]", "\xff"])
def test_hostile_settings(text, forged) -> None:
    forged(lambda folder: (folder / "style.yaml").write_text(text, encoding="latin-1"))


def test_another_of_its_name_stays(members, library, invented_style, tmp_path, refused) -> None:
    own = invented_style("waltz", library, SHIPPED)
    (own / "card.md").write_text("mine")
    write_manifest(own)
    file = tmp_path / "a.vimostyle"
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "another style 'waltz'" in refused("style", "install", file)
    assert (own / "card.md").read_text() == "mine"


def test_terminal_codes_of_a_card_are_not_sent(library, invented_style, capsys) -> None:
    own = invented_style("waltz", library, SHIPPED)
    (own / "card.md").write_text("# Waltz\n\x1b]0;evil\x07\x9b2J")
    write_manifest(own)
    assert main(["style", "show", "waltz"]) == 0
    out = capsys.readouterr().out
    assert "# Waltz\n" in out and not any(code in out for code in "\x1b\x07\x9b")
    assert main(["style", "list"]) == 0 and "1 clips" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["[/b]", "[link=file:///etc/passwd]here[/link]", "[not markup"])
def test_words_of_a_card_are_no_markup(words, library, invented_style, capsys, monkeypatch) -> None:
    monkeypatch.setattr("stylize.style_library.SHIPPED", library / "none ship")  # they would narrow the columns
    own = invented_style("waltz", library, SHIPPED)
    told = yaml.safe_load((own / "style.yaml").read_text())
    (own / "style.yaml").write_text(yaml.safe_dump(told | {"licence": words}))
    write_manifest(own)
    assert main(["style", "list"]) == 0
    assert words.replace(" ", "") in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["../waltz", "/tmp", "", ".", "..", "WALTZ", "con", "a b", "a" * 41, "~"])
@pytest.mark.parametrize("what", ["remove", "train"])
def test_names_that_lead_elsewhere(what, name, library, refused) -> None:
    (library / "waltz").mkdir(parents=True)
    refused("style", what, name)
    assert (library / "waltz").is_dir()


def test_removing_a_link_leaves_what_it_points_to(library, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    library.mkdir()
    (library / "waltz").symlink_to(tmp_path / "elsewhere")
    assert main(["style", "remove", "waltz"]) == 0
    assert not (library / "waltz").is_symlink() and (tmp_path / "elsewhere" / "file").exists()
