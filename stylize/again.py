"""What a manifest says of the dance beside it, to make that again: as it was, one take of it, or with parts anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core_vimo.bundle import bundle_hash
from core_vimo.errors import InputError
from core_vimo.publish import sha256_file, verify_manifest
from core_vimo.reading import read_json
from edge_adapter.build import SHIPPED
from stylize.dance import DanceSettings
from stylize.remaking import Remake
from stylize.styled_model import check_styles
from stylize.take_files import FilmSettings


@dataclass(frozen=True)
class Made:
    """How a dance and its film were made, and the seeds of its takes, best first."""

    settings: DanceSettings
    film: FilmSettings
    seeds: tuple[int, ...]

    def take(self, number: int) -> DanceSettings:
        """Those of one of its takes alone, counted from 1. Raises InputError."""
        if not 1 <= number <= len(self.seeds):
            raise InputError(f"--take {number}: there are takes 1 to {len(self.seeds)}; choose one of them")
        return replace(self.settings, seed=self.seeds[number - 1], takes=1)

    def remade(self, number: int, at_s: Sequence[float], seed: int | None = None) -> DanceSettings:
        """Those of one of its takes with the windows around these seconds danced anew, by default from a new seed."""
        settings = self.take(number)
        if seed is None:
            seed = 1 + max([settings.seed, *(remake.seed for remake in settings.remakes)])
        return replace(settings, remakes=settings.remakes + tuple(Remake(second, seed) for second in at_s))


def read_manifest(manifest: Path, song: Path, bundle: Path | str = SHIPPED) -> Made:
    """What the manifest of a dance says; InputError where it is none, or song, bundle or styles are not the same."""
    if not manifest.is_file():
        what = "is a folder" if manifest.is_dir() else "there is no such file"
        raise InputError(f"{manifest}: {what}; give the manifest.json beside a dance")
    try:
        content = read_json(manifest)
        made = Made(_settings(content["settings"]), _film(content.get("film", {})), _seeds(content["takes"]))
        song_hash, model_hash = content["song_sha256"], content["bundle_sha256"]
        styles = {row["name"]: row["sha256"] for row in content.get("styles", ())}
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{manifest}: not a manifest of `vimo dance`; give the manifest.json beside a dance"
        ) from error
    if song.is_file() and sha256_file(song) != song_hash:
        raise InputError(f"{song}: not the song of {manifest} (its sha256 differs); give that song")
    verify_manifest(Path(bundle))
    if bundle_hash(bundle) != model_hash:
        raise InputError(f"{bundle}: not the model of {manifest} (its sha256 differs); give that one with --bundle")
    check_styles(styles, manifest)
    return made


def _settings(noted: dict) -> DanceSettings:
    remakes = tuple(Remake(**remake) for remake in noted.get("remakes", ()))
    return DanceSettings(**noted | {"remakes": remakes, "styles": tuple(noted.get("styles", ()))})


def _film(noted: dict) -> FilmSettings:
    return FilmSettings(**noted | {"size": tuple(noted["size"])}) if noted else FilmSettings()


def _seeds(takes: list[dict]) -> tuple[int, ...]:
    seeds = tuple(take["seed"] for take in takes)
    if not seeds or any(type(seed) is not int for seed in seeds):
        raise InputError("a dance has takes, and each its seed")
    return seeds
