"""Run a command in a small process of its own, so that its peak memory is measured and not that of what called it.

`python measured.py SECONDS COMMAND...` prints JSON: exit code (null: killed after so long), output, errors, seconds,
seconds of the processor, MB.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time


def measured(limit, command):
    """What a command did; it and what it started are killed after `limit` seconds."""
    begin = time.monotonic()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as child:
        try:
            output, errors = child.communicate(timeout=limit)
            code = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, errors = child.communicate()
            code = None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "code": code,
        "output": output.decode(errors="replace"),
        "errors": errors.decode(errors="replace"),
        "seconds": time.monotonic() - begin,
        "processor": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    }


if __name__ == "__main__":
    print(json.dumps(measured(float(sys.argv[1]), sys.argv[2:])))
