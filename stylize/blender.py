"""FBX and USD by the user's own Blender, which reads our GLB and runs without a window."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from core_vimo.errors import InputError
from core_vimo.publish import publish_file

SUFFIXES = (".fbx", ".usd")
_OLDEST = "4.2"
_PATIENCE_S = 600.0

# The rate is set before importing, or keys come to lie between frames; a new scene ends at frame 250 whatever is in it;
# FBX's exporter leaves keys out unless told not to, which moves joints by a millimetre.
_SCRIPT = """
import sys
import bpy

source, target = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.fps = 30
bpy.ops.import_scene.gltf(filepath=source, disable_bone_shape=True)
ranges = [action.frame_range for action in bpy.data.actions]
scene.frame_start = round(min(first for first, _ in ranges))
scene.frame_end = round(max(last for _, last in ranges))
if target.endswith(".fbx"):
    bpy.ops.export_scene.fbx(
        filepath=target, add_leaf_bones=False, bake_anim_use_nla_strips=False, bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
    )
else:
    bpy.ops.wm.usd_export(filepath=target, export_animation=True)
"""


def find_blender() -> Path | None:
    """`VIMO_BLENDER`, else `blender` on the path; None where there is none."""
    found = shutil.which(os.environ.get("VIMO_BLENDER") or "blender")
    return None if found is None else Path(found)


def convert(glb: Path, target: Path) -> None:
    """Write a GLB of ours as .fbx or .usd. Raises InputError where there is no Blender, or it fails."""
    if target.suffix not in SUFFIXES:
        raise InputError(f"{target}: Blender is asked for {' and '.join(SUFFIXES)} alone; choose one of them")
    blender = find_blender()
    if blender is None:
        raise InputError(
            f"{target.suffix.lstrip('.').upper()} is made by Blender, which isn't there; install Blender {_OLDEST} or "
            "newer, or name its program with VIMO_BLENDER"
        )
    with publish_file(target) as aside, tempfile.TemporaryDirectory(prefix="vimo-blender-") as folder:
        script = Path(folder) / "convert.py"
        script.write_text(_SCRIPT)
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "1", "--python", script, "--"]
        try:
            done = subprocess.run(
                [*map(str, command), str(glb.absolute()), str(aside.absolute())],
                capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=_PATIENCE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{blender}: took over {_PATIENCE_S / 60:g} minutes and was ended; try again") from error
        except OSError as error:
            raise InputError(f"{blender}: can't be run ({error.strerror}); check VIMO_BLENDER") from error
        if done.returncode or not aside.stat().st_size:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise InputError(f"{blender}: couldn't write {target.suffix} ({said:.200}); is it {_OLDEST} or newer?")
