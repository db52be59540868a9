"""What a Python process used, written into its folder when it ends: started, ended, peak memory in MB, CPU seconds.

Python imports this by itself where PYTHONPATH names its folder. The kernel counts the peak, so that no task is too short.
"""

import atexit
import os
import re
import time
from pathlib import Path

STARTED, FOLDER = time.time(), Path.cwd()


def write() -> None:
    """`.peak.<process id>` in the folder where the process was started."""
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    used = os.times()
    row = (STARTED, time.time(), peak, used.user + used.system)
    (FOLDER / f".peak.{os.getpid()}").write_text("\t".join(f"{value:.3f}" for value in row))


if (FOLDER / ".command.run").exists():  # a task's folder
    atexit.register(write)
