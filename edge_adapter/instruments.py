"""The sequencer's sounds, made from formulas: drum hits and tones as float32 mono arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core_vimo.randomness import fold


@dataclass(frozen=True)
class Timbre:
    """A plucked or held tone: harmonic k has amplitude `partials[k - 1]` and decays k times as fast as the first."""

    partials: tuple[float, ...]
    decay_per_s: float
    attack_s: float = 0.004
    release_s: float = 0.06
    detune_cents: float = 0.0
    gain: float = 1.0


TIMBRES = {
    "bass": Timbre((1, 0.55, 0.3, 0.16, 0.08), 1.6, gain=0.55),
    "pad": Timbre((1, 0.5, 0.33, 0.2, 0.12, 0.06), 0.0, attack_s=0.12, release_s=0.35, detune_cents=7, gain=0.1),
    "piano": Timbre((1, 0.5, 0.34, 0.2, 0.12, 0.08, 0.05), 1.1, release_s=0.15, gain=0.26),
    "keys": Timbre((1, 0.1, 0.3, 0.05, 0.12), 1.8, release_s=0.1, detune_cents=4, gain=0.16),
    "strings": Timbre((1, 0.6, 0.4, 0.3, 0.2, 0.12), 0.2, attack_s=0.07, release_s=0.2, detune_cents=6, gain=0.09),
    "pluck": Timbre((1, 0.7, 0.5, 0.35, 0.25, 0.15), 2.4, gain=0.26),
    "flute": Timbre((1, 0.25, 0.1), 0.25, attack_s=0.05, release_s=0.1, gain=0.22),
    "bell": Timbre((1, 0, 0.35, 0, 0.12, 0.1), 1.3, release_s=0.4, gain=0.2),
}


def tone(timbre: Timbre, midi_pitch: float, seconds: float, rate: int) -> np.ndarray:
    """An attacked, not yet released tone; MIDI pitch 69 is 440 Hz. Partials above 0.45 of the rate are left out."""
    time = np.arange(round(seconds * rate)) / rate
    attack = np.minimum(time / timbre.attack_s, 1)
    cents = (-timbre.detune_cents, timbre.detune_cents) if timbre.detune_cents else (0.0,)
    voices = [_harmonics(timbre, 440 * 2 ** ((midi_pitch - 69) / 12 + c / 1200), time, rate) for c in cents]
    return (timbre.gain * attack * np.sum(voices, axis=0)).astype(np.float32)


def _harmonics(timbre: Timbre, hz: float, time: np.ndarray, rate: int) -> np.ndarray:
    """Sum of a_k Im z^k by Horner's rule, with z one decaying rotation."""
    z = np.exp((2j * np.pi * hz - timbre.decay_per_s) * time)
    audible = [a for k, a in enumerate(timbre.partials, 1) if k * hz < 0.45 * rate]
    total = np.zeros_like(z)
    for amplitude in reversed(audible):
        total = (total + amplitude) * z
    return total.imag


def drum_kit(rate: int, seed: int) -> dict[str, np.ndarray]:
    """One hit of each drum; the seed tunes the kit a little, so that songs don't all share one."""
    rng = np.random.default_rng(fold(seed, "drum kit"))
    return {name: make(rate, rng).astype(np.float32) for name, make in _DRUMS.items()}


def _time(seconds: float, rate: int) -> np.ndarray:
    return np.arange(round(seconds * rate)) / rate


def _bright_noise(time: np.ndarray, rng: np.random.Generator, order: int) -> np.ndarray:
    """White noise differentiated `order` times: the highs stay."""
    return np.diff(rng.standard_normal(len(time) + order), order) / 2**order


def _kick(rate: int, rng: np.random.Generator) -> np.ndarray:
    time, low = _time(0.35, rate), rng.uniform(42, 56)
    phase = low * time + 2.8 * (1 - np.exp(-time * 32))
    return np.sin(2 * np.pi * phase) * np.exp(-time * rng.uniform(9, 14)) * np.minimum(time / 0.001, 1)


def _snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    time = _time(0.25, rate)
    body = 0.5 * np.sin(2 * np.pi * rng.uniform(170, 220) * time) * np.exp(-time * 28)
    return body + 0.5 * _bright_noise(time, rng, 1) * np.exp(-time * rng.uniform(16, 24))


def _noise_hit(seconds: float, decay_per_s: float, gain: float, attack_s: float = 0.0005, order: int = 2) -> Callable:
    def make(rate: int, rng: np.random.Generator) -> np.ndarray:
        time = _time(seconds, rate)
        shape = np.exp(-time * decay_per_s) * np.minimum(time / attack_s, 1)
        return gain * _bright_noise(time, rng, order) * shape

    return make


def _struck(low_hz: float, high_hz: float, decay_per_s: float, overtones: tuple[float, ...], gain: float) -> Callable:
    def make(rate: int, rng: np.random.Generator) -> np.ndarray:
        time, hz = _time(6 / decay_per_s, rate), rng.uniform(low_hz, high_hz)
        partials = np.sin(2 * np.pi * hz * np.array((1.0, *overtones))[:, None] * time).mean(0)
        return gain * partials * np.exp(-time * decay_per_s) * np.minimum(time / 0.001, 1)

    return make


_DRUMS: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "kick": _kick,
    "snare": _snare,
    "brush": _noise_hit(0.2, 22, 0.35, attack_s=0.012, order=1),
    "hat": _noise_hit(0.08, 70, 0.4),
    "open": _noise_hit(0.35, 12, 0.35),
    "shaker": _noise_hit(0.1, 40, 0.25, attack_s=0.02),
    "crash": _noise_hit(1.5, 2.6, 0.4),
    "clave": _struck(2300, 2600, 70, (), 0.5),
    "bell": _struck(520, 580, 18, (1.48, 3.0), 0.5),
    "conga": _struck(180, 240, 16, (1.5,), 0.6),
    "tumba": _struck(110, 140, 14, (1.5,), 0.6),
}
