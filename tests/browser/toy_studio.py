"""The real studio around jobs that need no model: `toy_studio.py serve PORT HOST TAKE`, with VIMO_HOME named.

Songs have 120 beats a minute. A dance is TAKE, at once; one of 100 steps or more takes until there is a file `go` in
the data folder.
"""

import json
import os
import shutil
import sys
import time
from types import SimpleNamespace

LONG = 100
"""Sampling steps from which on a dance has no end of its own."""


def serve(port, host, take):
    from stylize.studio import app, jobs

    os.environ["VIMO_TOY_TAKE"] = take
    jobs.module_command = lambda _module, *arguments: [sys.executable, __file__, "work", *arguments]
    app.serve(int(port), host, browser=False)


def work(job):
    from stylize.studio import worker

    sys.modules["stylize.studio.carrying_out"] = SimpleNamespace(carry_out=carry_out)
    sys.exit(worker.main([job]))


def carry_out(job, report):
    from stylize.studio.bench import Bench

    bench = Bench(job)
    return {"listen": _listen, "dance": _dance}[json.loads(job.read_text())["kind"]](bench, report)


def _listen(bench, report):
    media = bench.task.media
    heard = {"beats_s": [beat / 2 for beat in range(32)], "counts": [beat % 8 + 1 for beat in range(32)]}
    heard |= {"tempo_bpm": 120.0, "beats_per_bar": 4, "confidence": 1.0}
    told = {"seconds": 16.0, "peaks": [0.5] * 100, "as heard": heard, "half": heard, "double": heard}
    path = bench.project.listened_path(media)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told))
    return {"media": media}


def _dance(bench, report):
    bench.takes.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.environ["VIMO_TOY_TAKE"], bench.takes / "dance.npz")
    while bench.task.steps >= LONG and not (bench.storage.root / "go").exists():
        report("Dancing", 1, 2)
        time.sleep(0.1)
    report("Dancing", 2, 2)
    take = {"id": f"{bench.id}-dance", "label": bench.what, "folder": bench.id, "stem": "dance", "seed": 0}
    take |= {"seconds": 4.0, "start_s": bench.song["start_s"], "parent": None, "numbers": {}, "made_s": [], "said": []}
    return {"takes": [take]}


if __name__ == "__main__":
    {"serve": serve, "work": work}[sys.argv[1]](*sys.argv[2:])
