"""`vimo train vimo` as it is run: killed with -9 and gone on with, and as two processes; both end as one whole run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from stylize.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
TWO_PROCESSES = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "stylize"]
STEPS = 6
LR = 1e-4
DIALS = [
    "+debug=cpu",
    *("model.latent=32", "model.feed_forward=64", "model.blocks=1", "model.dropout=0.0"),
    *("data.frames=30", "data.views=2", "trainer.batch_size=4", "trainer.save_every=1", "trainer.workers=1"),
    *(
        "diffusion.ptss=0.3",
        "trainer.clip_norm=0",
        f"trainer.lr={LR}",
        "trainer.warmup_steps=0",
        "trainer.ema_decay=0.5",
    ),
]


def words(folder: Path, out: Path, steps: int = STEPS) -> list[str]:
    return ["train", "vimo", *DIALS, f"data.folder={folder}", f"out={out}", f"trainer.steps={steps}"]


def end(out: Path) -> dict[str, Tensor]:
    """The bundle's weights and the last step's; and the optimiser's state, which holds the last gradient."""
    last = out / "checkpoints" / f"step-{STEPS:08d}"
    files = [out / "bundle" / "model.safetensors", last / "weights.safetensors", last / "optimizer.safetensors"]
    return {f"{file.name}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


@pytest.fixture(scope="module")
def whole(motion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """Of a run that nothing happened to."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(words(motion_folder, out)) == 0
    return end(out)


def wait_for_checkpoint(out: Path, run: subprocess.Popen[bytes], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not (out / "checkpoints" / "step-00000002").exists():
        assert run.poll() is None and time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.005)


def test_killed_and_gone_on_with_it_ends_with_the_same_weights(
    motion_folder: Path, whole: dict[str, Tensor], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "stylize", *words(motion_folder, out)]
    run = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for_checkpoint(out, run)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(30) == -signal.SIGKILL and not (out / "bundle").exists()
    assert main(words(motion_folder, out)) == 0
    assert [name for name, tensor in end(out).items() if not torch.equal(tensor, whole[name])] == []


def test_two_processes_end_as_one(motion_folder: Path, whole: dict[str, Tensor], tmp_path: Path) -> None:
    out = tmp_path / "run"
    subprocess.run(
        [sys.executable, "-m", *TWO_PROCESSES, *words(motion_folder, out)], env=ENVIRONMENT, check=True, timeout=240
    )
    for name, tensor in end(out).items():
        # Adan makes a step of its usual size of a gradient that is all rounding, so weights may differ by such steps.
        atol = 1e-6 if "gradient" in name else 2 * STEPS * LR
        torch.testing.assert_close(
            tensor, whole[name], atol=atol, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}"
        )
