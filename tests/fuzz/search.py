#!/usr/bin/env python3
"""Searches for bytes that break a property of a protocol: `search.py [TARGET [--for TIME]]`, TIME as 30s, 10m or 2h.

Builds the target with clang's libFuzzer in build-fuzz/, searches with one process at low priority, and keeps in
corpus/TARGET the smallest inputs that reach all that was reached. Without TARGET it lists the targets.
"""

import dataclasses
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build-fuzz"
CORPUS = HERE / "corpus"
KEPT_FILES_MAX = 300
KEPT_BYTES_MAX = 300 * 1024
INPUT_BYTES_MAX = 2048  # the targets choose small limits themselves
SECONDS_OF = {"s": 1, "m": 60, "h": 3600}
OPTIONS = ("-Dwerror=true", "-Dtests=enabled", "-Ddemos=disabled", "-Dfuzzing=true", "-Dbuildtype=debugoptimized",
           "-Db_sanitize=address,undefined", "-Db_lundef=false")


@dataclasses.dataclass
class Found:
    executions: int = 0
    edges: int = 0
    edges_in_all: int = 0
    crash: str = ""  # the file with the input, if one broke a property


def targets():
    """{name: what it attacks} from the first line of each source."""
    sources = sorted(HERE.glob("*_fuzzer.cpp"))
    titles = [path.read_text().split("\n")[0].removeprefix("// ") for path in sources]
    return dict(zip((path.name.removesuffix("_fuzzer.cpp") for path in sources), titles))


def seconds_of(text):
    match = re.fullmatch(r"(\d{1,5})([smh])", text)
    return int(match.group(1)) * SECONDS_OF[match.group(2)] if match else 0


def read_log(log):
    """What libFuzzer said at its end."""
    def number(pattern):
        numbers = re.findall(pattern, log)
        return int(numbers[-1]) if numbers else 0
    crash = re.findall(r"Test unit written to (\S+)", log)
    return Found(executions=number(r"stat::number_of_executed_units:\s*(\d+)"), edges=number(r"\bcov: (\d+)"),
                 edges_in_all=number(r"PC tables \((\d+) PCs\)"), crash=crash[-1] if crash else "")


def within_bounds(files):
    """As many (size, path) of these, the smallest first, as may be kept."""
    kept, size_in_all = [], 0
    for size, path in sorted(files):
        size_in_all += size
        if len(kept) == KEPT_FILES_MAX or size_in_all > KEPT_BYTES_MAX:
            break
        kept.append((size, path))
    return kept


def run(command, **settings):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, **settings)


def build(target):
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".search.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # searches of several targets at a time take turns
        configure_and_build(target)
    return BUILD / "tests" / "fuzz" / f"{target}_fuzzer"


def configure_and_build(target):
    if not (BUILD / "build.ninja").exists():
        environment = dict(os.environ, CXX="ccache clang++-19")
        if run(["meson", "setup", BUILD, ROOT, *OPTIONS], env=environment, stdout=sys.stderr).returncode != 0:
            sys.exit("search.py: meson could not configure build-fuzz/ (the reason is above)")
    if run(["nice", "ninja", "-C", BUILD, f"tests/fuzz/{target}_fuzzer"], stdout=sys.stderr).returncode != 0:
        sys.exit("search.py: the build failed (the reason is above)")


def fuzzer_environment():
    symbolizer = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer") or ""
    return dict(os.environ, ASAN_SYMBOLIZER_PATH=symbolizer, UBSAN_OPTIONS="print_stacktrace=1")


def search(target, program, seconds):
    work = BUILD / "corpus" / target
    work.mkdir(parents=True, exist_ok=True)
    words = HERE / ("websocket.dict" if target.startswith("ws_") else "http.dict")
    log = BUILD / f"{target}.log"
    command = ["nice", "-n", "19", program, f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=20",
               f"-dict={words}", f"-artifact_prefix={BUILD}/{target}-", "-print_final_stats=1", work, CORPUS / target]
    print(f"searching {target} for {seconds} s; the log is {log}", flush=True)
    with log.open("w") as stream:
        code = run(command, stdout=stream, stderr=subprocess.STDOUT, env=fuzzer_environment()).returncode
    text = log.read_text(errors="replace")
    found = read_log(text)
    print(f"{target}: {found.executions} executions, {found.executions // max(seconds, 1)} a second, "
          f"{found.edges} of {found.edges_in_all} edges reached")
    if code != 0:
        lines = [line for line in text.split("\n") if "REDUCE" not in line and "NEW" not in line]
        print("\n".join(line[:200] for line in lines[-60:]))
        sys.exit(f"\nA property is broken. To see it again:\n  {program} {found.crash}" if found.crash
                 else f"search.py: the fuzzer ended with exit code {code} (see above)")
    return work


def keep(target, program, work):
    """Replaces the kept corpus by a smaller one that reaches the same."""
    kept = CORPUS / target
    before = {path.name for path in kept.iterdir()}
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        command = ["nice", "-n", "19", program, "-set_cover_merge=1", f"-max_len={INPUT_BYTES_MAX}", folder, kept, work]
        merged = run(command, capture_output=True, env=fuzzer_environment())
        if merged.returncode != 0:
            sys.exit("search.py: merging the corpus failed:\n" + merged.stderr.decode(errors="replace")[-4000:])
        files = [(path.stat().st_size, path) for path in pathlib.Path(folder).iterdir()]
        chosen = within_bounds(files)
        for path in kept.iterdir():
            path.unlink()
        for _, path in chosen:
            shutil.copy(path, kept / path.name)
    after = {path.name for path in kept.iterdir()}
    size = sum(size for size, _ in chosen)
    print(f"kept in {kept.relative_to(ROOT)}: {len(after)} inputs, {size / 1024:.0f} KiB, {len(after - before)} of "
          f"them new; {len(files) - len(chosen)} larger ones were left out")


def main(arguments):
    known = targets()
    if not arguments:
        for name, title in known.items():
            print(f"{name:<14} {title}")
        return 0
    target = arguments[0]
    if target not in known:
        print(f"search.py: there is no target '{target}'; there are {', '.join(known)}", file=sys.stderr)
        return 2
    seconds = seconds_of(arguments[2]) if len(arguments) == 3 and arguments[1] == "--for" else 0
    if len(arguments) > 1 and seconds == 0:
        print("search.py: behind the target stands nothing or --for TIME, as in --for 30s, 10m or 2h", file=sys.stderr)
        return 2
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    program = build(target)
    work = search(target, program, seconds or seconds_of("10m"))
    keep(target, program, work)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
