"""How much memory a stage takes, its worker processes included."""

import threading

import psutil

INTERVAL_S = 0.2


class PeakMemory:
    """Watches the resident memory of this process and its children, as a context.

    peak_gb: largest sum seen so far, in GB. Pages that processes share count once in each, so it is
        more rather than less than what the machine gave.
    """

    def __init__(self) -> None:
        self.peak_gb = 0.0
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._watcher.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            self.peak_gb = max(self.peak_gb, _resident_bytes(own) / 1e9)
            if self._stopped.wait(INTERVAL_S):
                return


def _resident_bytes(process: psutil.Process) -> int:
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:  # a worker that has just ended
            continue
    return total
