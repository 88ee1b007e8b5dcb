"""`ser bench serve`: how soon trained models answer, how many at once, and whether they stay right and small.

The server is `ser app` in a process of its own, asked over HTTP by this one.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.bench.extraction import RATE, synthetic_speech
from pipeline.bench.timing import Figure, all_met, clocked, seconds, table, write_json
from pipeline.errors import UserError
from pipeline.features import find_extractor
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.loading import load_classifier
from pipeline.systems import find_system

CLIP = 3.0
"""length of the clips whose latency is measured (s)"""
CLIPS = 8
CLIENTS = 50
LENGTHS = (0.5, 1.0, 2.0, 3.0, 3.5, 5.0, 8.0, 12.0)
"""of what they send (s)"""
MOST = 32
"""of a person's recordings that they send"""
ENOUGH = 20
"""times that have a 95th percentile"""
CROWDS = (1, 2, 4, 8)
"""clients at once, for the throughput"""
UNLIMITED: Final = 1_000_000
"""requests a minute that an address may make"""
SETTLED = 0.2
"""share of the crowd's time after which memory is first looked at: threads and caches are there then"""
STARTING_SECONDS = 300
"""that a server may take until it says its address"""

Probabilities = dict[str, float]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        cold: new processes.
        warm: answers, one after another.
        each: seconds for each number of clients.
    """

    cold: int
    warm: int
    each: float


FULL, QUICK = Sizes(ENOUGH, 60, 10.0), Sizes(1, 5, 1.0)


def clips(lengths: Sequence[float]) -> list[bytes]:
    """WAV files of synthetic speech, of these lengths (s)."""
    import soundfile

    rng = np.random.default_rng(0)
    files = [BytesIO() for _ in lengths]
    for file, length in zip(files, lengths, strict=True):
        soundfile.write(file, synthetic_speech(rng, length)[: round(length * RATE)], RATE, "PCM_16", format="WAV")
    return [file.getvalue() for file in files]


def _of_crowd(recordings: Path | None) -> dict[str, bytes]:
    """What many clients send, by name: files of a person's, evenly chosen, or synthetic speech of several lengths.

    Raises:
        UserError: there are no recordings.
    """
    if recordings is None:
        return {f"clip{number}.wav": content for number, content in enumerate(clips(LENGTHS))}
    from pipeline.audio.segments import as_segment
    from pipeline.serving.recordings import find

    paths = [*dict.fromkeys(as_segment(source).path for source in find([recordings]).values())]
    if not paths:
        raise UserError(f"--recordings {recordings}: no recordings")
    chosen = paths[:: -(-len(paths) // MOST)]
    return {f"{number}{path.suffix}": path.read_bytes() for number, path in enumerate(chosen)}


def run(
    models: Sequence[str],
    crowd_seconds: float,
    quick: bool,
    recordings: Path | None,
    report: Path | None,
    echo: Callable[[str], None],
    say: Callable[[str], None],
) -> bool:
    """Measure these exports, print the table, and write it to `report`.

    Returns:
        Whether every answer is right and, but for quick figures, every target is met.

    Raises:
        UserError: one is no export, the server does not start, or there are no recordings.
    """
    sizes, figures = QUICK if quick else FULL, list[Figure]()
    alike, various = {f"{number}.wav": clip for number, clip in enumerate(clips([CLIP] * CLIPS))}, _of_crowd(recordings)
    with tempfile.TemporaryDirectory(prefix="ser-bench-", ignore_cleanup_errors=True) as folder:
        paths = _written(Path(folder) / "alike", alike)
        others = _written(Path(folder) / "various", various)
        for name in models:
            say(f"measuring {name} ...")
            model = load_classifier(name)
            figures += _cold(name, model, paths[0], sizes)
            warm = Warm.measured(model, paths, sizes.warm)
            figures += _own_code(model, warm)
            with _server(name) as server:
                crowd = Crowd(server.port, [*alike.values()], _offline(model, paths))
                mixed = Crowd(server.port, [*various.values()], _offline(model, others))
                figures += [*_over_http(model, crowd, warm, sizes), *_many(model, server, mixed, crowd_seconds)]
    echo(table(figures, {}))
    sent = "synthetic speech" if recordings is None else str(recordings)
    echo(f"Clips of {CLIP:g} s of synthetic speech; {CLIENTS} clients send {len(various)} recordings of {sent}.")
    echo("The server and its clients share this machine's cores.")
    if report is not None:
        facts = {"benchmark": "serve", "quick": quick, "seconds": crowd_seconds, "recordings": sent}
        write_json(report, figures, {}, **facts)
    return all_met(figures, {}, quick, echo)


def _written(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _offline(model: LoadedModel, paths: Sequence[Path]) -> list[Probabilities]:
    return [dict(zip(model.classes, model.predict_proba(path).tolist(), strict=True)) for path in paths]


def _cold(name: str, model: LoadedModel, path: Path, sizes: Sizes) -> Iterator[Figure]:
    """A new process for each answer."""
    command = [sys.executable, "-m", "pipeline.cli", "predict", "--no-cache", name, str(path)]
    # S603: this program itself
    cold = [seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(sizes.cold)]  # noqa: S603
    yield from _latencies(model.name, "cold, `ser predict`", cold, "s")


@dataclass(frozen=True)
class Warm:
    """Answers of a model that stays loaded.

    Attributes:
        times: of each (s).
        forward: what features and networks take of one (s).
    """

    times: Sequence[float]
    forward: float

    @property
    def mean(self) -> float:
        """Of the times."""
        return float(np.mean(self.times))

    @classmethod
    def measured(cls, model: LoadedModel, paths: Sequence[Path], count: int) -> "Warm":
        """The times of so many answers, after one that is not counted."""
        model.predict_proba(paths[0])
        with _forward(model) as forward:
            times = [seconds(lambda path=path: model.predict_proba(path)) for path in _in_turn(paths, count)]  # type: ignore[misc]
            computing = sum(sum(spent.values()) for spent in forward)
        return cls(times, computing / count)


def _own_code(model: LoadedModel, warm: Warm) -> Iterator[Figure]:
    yield from _latencies(model.name, "warm, load_model", warm.times, "ms")
    own = 100 * (warm.mean - warm.forward) / warm.forward
    note = f"{1000 * warm.forward:.3g} ms of features and networks"
    yield Figure(model.name, "own code beside the forward pass", own, "%", below=20, note=note)


def _in_turn(paths: Sequence[Path], count: int) -> list[Path]:
    return [paths[number % len(paths)] for number in range(count)]


@contextmanager
def _forward(model: LoadedModel) -> Iterator[list[dict[str, float]]]:
    """The time that features and networks take (s), by class."""
    cards = [leaf.card for leaf in model.source.leaves()]
    extractors = {find_extractor(recipe.extractor) for card in cards for recipe in card.features.values()}
    systems = {find_system(card.system).load() for card in cards}
    with ExitStack() as stack:
        owners = [*((each, "extract") for each in extractors), *((each, "predict_proba") for each in systems)]
        yield [stack.enter_context(clocked(owner, name)) for owner, name in owners]


def _latencies(part: str, name: str, times: Sequence[float], unit: str) -> Iterator[Figure]:
    """The median, and the 95th percentile where there are enough times for it; a single time as it is."""
    scale = 1000 if unit == "ms" else 1
    if len(times) == 1:
        yield Figure(part, name, scale * times[0], unit, note="of 1")
        return
    for percentile in (50, 95) if len(times) >= ENOUGH else (50,):
        value = scale * float(np.percentile(times, percentile))
        yield Figure(part, f"{name}, p{percentile}", value, unit, note=f"of {len(times)}")


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        port: where it listens on this machine.
        process: its number.
    """

    port: int
    process: int

    @property
    def megabytes(self) -> float:
        """Memory that it holds."""
        import psutil

        return float(psutil.Process(self.process).memory_info().rss) / 1e6


@contextmanager
def _server(model: str) -> Iterator[Server]:
    """`ser app` of a model, until the end of the block.

    Raises:
        UserError: it does not start.
    """
    command = [sys.executable, "-m", "pipeline.cli", "app", model, "--port", "0", "--per-minute", str(UNLIMITED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (this program itself)
        timer = threading.Timer(STARTING_SECONDS, process.kill)
        timer.start()
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            timer.cancel()
            if not url:
                raise UserError(f"{model}: `ser app` does not start; see above")
            yield Server(int(url.rpartition(":")[2]), process.pid)
        finally:
            timer.cancel()
            process.terminate()


@dataclass
class Tally:
    """What clients were answered.

    Attributes:
        times: of right answers (s).
        wrong: answers that are not the offline ones.
        errors: refusals by status, and connections that broke.
    """

    times: list[float] = field(default_factory=list)
    wrong: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Crowd:
    """Clients of a server, each of which asks again as soon as it is answered.

    Attributes:
        port: the server's.
        files: what they send, in turn.
        offline: what is right for each.
    """

    port: int
    files: Sequence[bytes]
    offline: Sequence[Probabilities]

    def asked(self, clients: int, end: Callable[[int], bool]) -> Tally:
        """What so many clients are answered, each until `end` is true of the number of its answers."""
        tallies = [Tally() for _ in range(clients)]
        threads = [threading.Thread(target=self._client, args=(tally, i, end)) for i, tally in enumerate(tallies)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times = [time for tally in tallies for time in tally.times]
        errors = sum((tally.errors for tally in tallies), Counter[str]())
        return Tally(times, sum(tally.wrong for tally in tallies), errors)

    def _client(self, tally: Tally, first: int, end: Callable[[int], bool]) -> None:
        connection, count = HTTPConnection("127.0.0.1", self.port, timeout=120), 0
        while not end(count):
            self._ask(connection, (first + count) % len(self.files), tally)
            count += 1
        connection.close()

    def _ask(self, connection: HTTPConnection, number: int, tally: Tally) -> None:
        start = time.perf_counter()
        try:
            connection.request("POST", "/api/predict", self.files[number])
            response = connection.getresponse()
            answer: Mapping[str, Any] = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            tally.errors[type(error).__name__] += 1
            return
        if response.status != 200:
            tally.errors[str(response.status)] += 1
        elif answer["probabilities"] != self.offline[number]:
            tally.wrong += 1
        else:
            tally.times.append(time.perf_counter() - start)


def _until(end: float) -> Callable[[int], bool]:
    return lambda count: time.perf_counter() > end


def _over_http(model: LoadedModel, crowd: Crowd, warm: Warm, sizes: Sizes) -> Iterator[Figure]:
    """One client, and a few at once."""
    times = crowd.asked(1, lambda count: count >= sizes.warm).times or [float("nan")]
    yield from _latencies(model.name, "warm, HTTP", times, "ms")
    more = float(np.median(times)) - float(np.median(warm.times))  # one slow answer of few would be most of a mean
    share, note = 100 * more / warm.forward, f"{1000 * more:.3g} ms more than load_model"
    yield Figure(model.name, "HTTP beside the forward pass", share, "%", below=20, note=note)
    for clients in CROWDS:
        start = time.perf_counter()
        tally = crowd.asked(clients, _until(start + sizes.each))
        rate = len(tally.times) / (time.perf_counter() - start)
        yield Figure(model.name, f"throughput, {clients} at once", rate, "clips/s")


def _many(model: LoadedModel, server: Server, crowd: Crowd, crowd_seconds: float) -> Iterator[Figure]:
    """Many clients for a long time."""
    first = crowd.asked(CLIENTS, _until(time.perf_counter() + SETTLED * crowd_seconds))
    before = server.megabytes
    rest = crowd.asked(CLIENTS, _until(time.perf_counter() + (1 - SETTLED) * crowd_seconds))
    yield from _crowded(model.name, [first, rest], before, server.megabytes, crowd_seconds)


def _crowded(part: str, tallies: Sequence[Tally], before: float, after: float, lasted: float) -> Iterator[Figure]:
    """What a crowd was answered, and what it cost the server."""
    right = sum(len(tally.times) for tally in tallies)
    errors = sum((tally.errors for tally in tallies), Counter[str]())
    what, listed = f"{CLIENTS} clients for {lasted:g} s", ", ".join(f"{count} {name}" for name, count in errors.items())
    yield from _latencies(part, what, [time for tally in tallies for time in tally.times] or [float("nan")], "ms")
    wrong = sum(tally.wrong for tally in tallies)
    name, note = f"{what}: answers beside the offline ones", f"of {right + wrong}"
    yield Figure(part, name, wrong, "answers", below=1, note=note, check=True)
    yield Figure(part, f"{what}: refused or broken", errors.total(), "requests", below=1, note=listed)
    growth = 100 * (after - before) / before
    yield Figure(part, f"{what}: growth of memory", growth, "%", below=5, note=f"{before:.0f} MB, then {after:.0f} MB")
