"""What rates for the service: a model, processes that decode, threads that describe, one that computes batches."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from crescendai.analysis.analyzer import Analyzer
from crescendai.analysis.compiled import use_compile_cache
from crescendai.analysis.result import Analysis
from crescendai.api.batching import MicroBatcher
from crescendai.api.bodies import Body
from crescendai.api.decoding import DecoderPool, DecodingLimits
from crescendai.api.refusals import Refusal
from crescendai.api.settings import ServiceSettings
from crescendai.api.spectrogram import checked, from_json, from_npy
from crescendai.audio.stream import MIN_DURATION_S
from crescendai.shipped import ShippedModel, open_shipped

SECONDS_A_REQUEST = 2  # a rough guess, for Retry-After


class Engine:
    """Loads in the background; until then, and after `stop`, it is not ready.

    model: path of another model than the package's own. on_failure: told what kept it from loading.
    """

    def __init__(self, settings: ServiceSettings, model: Path | None, on_failure: Callable[[Exception], None]):
        self._settings, self._model_path, self._on_failure = settings, model, on_failure
        self._threads = ThreadPoolExecutor(settings.workers, "ratings")
        self._taken = 0  # requests that are rated or wait; changed in the event loop's thread only
        self.shipped: ShippedModel | None = None
        self._ready = self._stopped = False
        self._batcher: MicroBatcher | None = None
        self._decoders: DecoderPool | None = None
        self._loading = threading.Thread(target=self._load, name="loading", daemon=True)

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def under_way(self) -> int:
        """Requests that are rated or wait."""
        return self._taken

    def start(self) -> None:
        self._loading.start()

    def stop(self) -> None:
        """Finishes what has begun to be rated, and leaves what waits for it undone."""
        self._ready, self._stopped = False, True
        self._loading.join()
        self._threads.shutdown(cancel_futures=True)
        if self._batcher is not None:
            self._batcher.close()
        if self._decoders is not None:
            self._decoders.close()

    def check_room(self) -> None:
        """Raises:
        Refusal: not ready, or as many requests as may wait.
        """
        if not self._ready:
            raise Refusal("not_ready", "service: it is not ready yet; try again later.", 5)
        if self._taken >= self._settings.workers + self._settings.queue_size:
            seconds = max(self._taken * SECONDS_A_REQUEST // self._settings.workers, 1)
            raise Refusal("overloaded", "service: too many requests at once; try again later.", seconds)

    async def rate_audio(self, body: Body) -> Analysis:
        return await self._run(self._rate_audio, body)

    async def rate_spectrogram(self, body: Body, is_json: bool) -> Analysis:
        return await self._run(self._rate_spectrogram, body, is_json)

    async def _run(self, function: Callable[..., Analysis], body: Body, *arguments: object) -> Analysis:
        self.check_room()
        loop = asyncio.get_running_loop()
        self._taken += 1
        work = self._threads.submit(function, body, *arguments)
        # The place and the body are free when the work is done, which may be after its answer was given up.
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._give_back))
        body.keep_for(work)
        return await self._in_time(work)

    async def _in_time(self, work: Future) -> Analysis:
        timeout_s = self._settings.request_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            work.cancel()
            raise Refusal("timeout", f"service: no result within {timeout_s:g} s; try again later.", 30) from None

    def _give_back(self) -> None:
        self._taken -= 1

    def _rate_audio(self, body: Body) -> Analysis:
        if not body.content:
            raise Refusal("empty", "upload: expected a recording, found no bytes.")
        started = time.perf_counter()
        decoded = self._decoders.decode(body.content)
        return self._analyzer.analyze_log_mel([decoded.log_mel], "recording", decoded.sound, started)

    def _rate_spectrogram(self, body: Body, is_json: bool) -> Analysis:
        log_mel: np.ndarray = from_json(body.content) if is_json else from_npy(body.content)
        log_mel = checked(log_mel, self.shipped.model.frontend, MIN_DURATION_S, self._settings.max_duration_s)
        return self._analyzer.analyze_log_mel([log_mel], "spectrogram")

    def _load(self) -> None:
        try:
            use_compile_cache()
            shipped = open_shipped(self._model_path)
            self._batcher = MicroBatcher()
            self._analyzer = Analyzer(shipped, self._batcher.run)
            limits = DecodingLimits(
                self._settings.decoding_memory_bytes, self._settings.decoding_timeout_s, self._settings.max_duration_s
            )
            self._decoders = DecoderPool(self._settings.decoders, shipped.model.frontend, limits)
            if self._stopped:  # while it was loaded; what comes now takes longest
                return
            self._decoders.check()
            self._analyzer.warm_up()
            self.shipped = shipped
            self._ready = not self._stopped
        except Exception as error:  # whatever it is, the process must say so and not wait for ever
            self._on_failure(error)
