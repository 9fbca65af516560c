"""The service under load, on loopback, against a real uvicorn process of its own.

Clients send recordings one after the other for a while: requests a second, how long they take, errors, memory. Then
many more at once than may wait, which must be answered 429; and last single requests in turns with the bare
analyzer on the same samples: what the service adds to it. The result is that ratio; above 1 it would be faster
than the model.
"""

import argparse
import io
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from benchmarks.contest import last_line
from crescendai.deployment.trial import local_service

START_TIMEOUT_S = 600
OVERLOAD = 60  # requests at once
SINGLE = 15  # single requests, in turns with the bare model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--duration-s", type=float, default=12.0, help="of a recording")
    parser.add_argument("--model", type=Path, help="another model than the package's own")
    options = parser.parse_args()
    body = _recording(options.duration_s)
    with local_service({}, options.model, START_TIMEOUT_S) as (address, pid):
        load = _load(address, body, options.clients, options.seconds, pid)
        overload = _overload(address, body)
        single = _single(address, body, options.model)
    for name, value in {**load, **overload, **single}.items():
        print(f"{name:28} {value}")
    print(last_line(
        f"serve, single request of {options.duration_s:g} s against the bare analyzer",
        single["single_s"], single["bare_s"], "s",
        clients=options.clients, overhead_ms=round(1e3 * (single["single_s"] - single["bare_s"]), 1),
        **{name: load[name] for name in ("requests_per_s", "p50_s", "p99_s", "rss_start_mb", "rss_end_mb")},
        overload_429=overload["overload_statuses"].get("429", 0),
    ))  # fmt: skip


def _recording(duration_s: float) -> bytes:
    import numpy as np
    import soundfile

    rng, rate = np.random.default_rng(0), 22050
    sound = np.zeros(round(duration_s * rate))
    for onset in np.arange(0.0, duration_s, 0.25):  # struck tones that die away
        first = round(onset * rate)
        t = np.arange(len(sound) - first) / rate
        sound[first:] += 0.1 * np.exp(-4 * t) * np.sin(2 * np.pi * 440 * 2 ** (rng.integers(-24, 24) / 12) * t)
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="FLAC")
    return file.getvalue()


def _load(address: str, body: bytes, clients: int, seconds: float, pid: int) -> dict:
    import httpx
    import psutil

    server = psutil.Process(pid)
    until, done, lock, memory = time.monotonic() + seconds, [], threading.Lock(), []

    def rss_mb() -> float:
        total = 0
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a decoder that was replaced meanwhile
                total += process.memory_info().rss
        return total / 1e6

    def client(_: int) -> None:
        with httpx.Client(base_url=address, timeout=300) as session:
            while time.monotonic() < until:
                started = time.perf_counter()
                status = session.post("/v1/analyze", content=body).status_code
                with lock:
                    done.append((status, time.perf_counter() - started))

    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        running = [pool.submit(client, number) for number in range(clients)]
        while not all(future.done() for future in running):
            memory.append(rss_mb())
            time.sleep(1.0)
        for future in running:
            future.result()
        took = time.perf_counter() - started
    memory.append(rss_mb())
    statuses = checked("load", (status for status, _ in done))
    times = sorted(seconds for status, seconds in done if status == 200)
    warm = memory[len(memory) // 5]  # after the first requests
    return {
        "statuses": statuses,
        "requests_per_s": round(len(times) / took, 2),
        "p50_s": round(times[len(times) // 2], 3), "p99_s": round(times[int(len(times) * 0.99)], 3),
        "rss_start_mb": round(warm), "rss_end_mb": round(memory[-1]),
    }  # fmt: skip


def _overload(address: str, body: bytes) -> dict:
    import httpx

    with ThreadPoolExecutor(OVERLOAD) as pool:
        answers = list(
            pool.map(lambda _: httpx.post(address + "/v1/analyze", content=body, timeout=300), range(OVERLOAD))
        )
    statuses = checked("overload", (answer.status_code for answer in answers))
    if not all("retry-after" in answer.headers for answer in answers if answer.status_code == 429):
        raise SystemExit("overload: expected retry-after in every refusal, found none in some")
    return {"overload_statuses": statuses}


def _single(address: str, body: bytes, model: Path | None) -> dict:
    import httpx

    from crescendai.analysis.analyzer import Analyzer
    from crescendai.analysis.compiled import use_compile_cache
    from crescendai.shipped import open_shipped

    use_compile_cache()
    analyzer = Analyzer(open_shipped(model))
    bare, single = [], []
    with httpx.Client(base_url=address, timeout=300) as session:
        for turn in range(SINGLE + 2):
            started = time.perf_counter()
            analyzer.analyze_audio(io.BytesIO(body), "recording")
            between = time.perf_counter()
            session.post("/v1/analyze", content=body).raise_for_status()
            if turn >= 2:  # the first ones compile
                bare.append(between - started)
                single.append(time.perf_counter() - between)
    return {"bare_s": round(statistics.median(bare), 4), "single_s": round(statistics.median(single), 4)}


def checked(what: str, statuses: Iterable[int]) -> dict[str, int]:
    """How often each status came; ends the benchmark unless all are ratings or refusals, and one a rating at least."""
    found = Counter(map(str, statuses))
    if "200" not in found or found.keys() - {"200", "429"}:
        raise SystemExit(f"{what}: expected statuses 200, and 429 of what may not wait, found {dict(found)}")
    return dict(found)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
