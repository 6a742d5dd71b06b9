"""Rules about where things stand and who may include whom. A rule yields (path, line, message)."""

import collections
import posixpath
import re

from tree import line_of

TOP_FOLDERS = {".ci", ".github", ".vscode", "runtime", "net", "ws", "demos", "tests", "tutorial"}
# What may stand left of an arrow: demos, tutorial, tests -> ws -> net -> runtime.
MAY_INCLUDE = {
    "runtime": ("runtime",),
    "net": ("runtime", "net"),
    "ws": ("runtime", "net", "ws"),
    "demos": ("runtime", "net", "ws", "demos"),
    "tutorial": ("runtime", "net", "ws", "tutorial"),
    "tests": ("runtime", "net", "ws", "demos", "tutorial", "tests"),
}
GENERATED_HEADERS = {"stepwise_config.hpp"}
# folder -> (the header that is the way in, the folders that may know more)
INTERFACES = {
    "runtime/sim": ("runtime/reactor/reactor.hpp", ("runtime/sim/", "runtime/reactor/", "tests/")),
    "runtime/trace": ("runtime/trace/trace.hpp", ("runtime/trace/", "tests/")),
}
PROTOCOL_LIBRARIES = (("net/http", "http_protocol_library"), ("ws", "ws_protocol_library"))
IO_HEADERS = re.compile(
    r"(sys/(socket|epoll|eventfd|timerfd|uio|un|stat|mman|ioctl|select|wait|signalfd|random)|arpa/|netinet/|netdb|"
    r"unistd|fcntl|poll|liburing|signal|csignal|thread|mutex|condition_variable|future|fstream|iostream|filesystem)"
    r"(\.h|/|$)")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def includes(tree, path):
    """(line, bracket, name) of each #include."""
    text = tree.text(path)
    for match in INCLUDE.finditer(text):
        yield line_of(text, match.start()), match.group(1), match.group(2)


def project_includes_have_the_project_path(tree):
    for path in tree.cpp():
        for line, bracket, name in includes(tree, path):
            if name in GENERATED_HEADERS:
                continue
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if name.startswith("stepwise/"):
                if bracket == '"':
                    yield path, line, f"write <{name}> with angle brackets"
                if not tree.exists(name.removeprefix("stepwise/")):
                    yield path, line, f"<{name}> does not exist"
            elif tree.exists(name):
                yield path, line, f"write <stepwise/{name}>"
            elif tree.exists(beside):
                yield path, line, f"write <stepwise/{beside}>"
            elif bracket == '"':
                yield path, line, f'"{name}" is no header of the project: write <stepwise/…>, or <{name}> if foreign'


def includes_point_one_way(tree):
    for path in tree.cpp():
        layer = path.split("/")[0]
        for line, _, name in includes(tree, path):
            target = name.removeprefix("stepwise/")
            if not name.startswith("stepwise/") or layer not in MAY_INCLUDE:
                continue
            if target.split("/")[0] not in MAY_INCLUDE[layer]:
                yield path, line, (f"{layer}/ may not know {target.split('/')[0]}/: arrows point "
                                   "demos, tutorial -> ws -> net -> runtime; move what is shared down")
            for folder, (door, insiders) in INTERFACES.items():
                if target.startswith(folder + "/") and target != door and not path.startswith(insiders):
                    yield path, line, f"{folder}/ is reached only through <stepwise/{door}>"


def protocol_sources(tree, folder, library):
    """The files that the protocol library of `folder` is built from, headers of the same name included."""
    text = tree.text(f"{folder}/meson.build")
    start = text.find(f"{library} =")
    end = text.find("\n\n", start) if start >= 0 else -1
    block = text[start:end if end >= 0 else len(text)] if start >= 0 else ""
    for name in re.findall(r"'([\w/]+)\.cpp'", block):
        for suffix in (".cpp", ".hpp"):
            if tree.exists(f"{folder}/{name}{suffix}"):
                yield f"{folder}/{name}{suffix}"


def protocol_files_do_no_io(tree):
    for folder, library in PROTOCOL_LIBRARIES:
        if not tree.exists(f"{folder}/meson.build"):
            continue
        waiting = list(protocol_sources(tree, folder, library))
        if not waiting:
            yield f"{folder}/meson.build", 1, f"{library} names no source in quotes: nothing to look at"
        seen = set()
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            for line, _, name in includes(tree, path):
                target = name.removeprefix("stepwise/")
                if name.startswith("stepwise/runtime/"):
                    yield path, line, "a protocol file knows no runtime: do this in the connection"
                elif name.startswith("stepwise/") and tree.exists(target):
                    waiting.append(target)
                elif IO_HEADERS.match(name):
                    yield path, line, f"a protocol file does no I/O: <{name}> belongs into the connection"


def top_folders_are_those_of_the_design(tree):
    for folder in sorted({path.split("/")[0] for path in tree.paths if "/" in path} - TOP_FOLDERS):
        yield folder, 1, f"no such top-level folder in the design: use one of {' '.join(sorted(TOP_FOLDERS))}"


def source_folders(tree):
    folders = collections.defaultdict(list)
    for path in tree.code():
        if "/" in path and not path.startswith("."):
            folders[posixpath.dirname(path)].append(posixpath.basename(path))
    return folders


def every_source_folder_has_a_map(tree):
    tests_map = tree.text("tests/README.md") if tree.exists("tests/README.md") else ""
    for folder, files in sorted(source_folders(tree).items()):
        if folder.startswith("tests/"):
            if f"`{folder.removeprefix('tests/')}/`" not in tests_map:
                yield folder, 1, f"name `{folder.removeprefix('tests/')}/` in tests/README.md and say what it tests"
        elif not tree.exists(f"{folder}/README.md"):
            yield folder, 1, "write a README.md: a line for each file, saying what it is"
        else:
            text = tree.text(f"{folder}/README.md")
            for name in files:
                if name.endswith(".hpp") and not re.search(rf"\b{name.removesuffix('.hpp')}\b", text):
                    yield f"{folder}/README.md", 1, f"the map does not name {name}"


def every_source_is_built(tree):
    for path in tree.cpp():
        folder, name = posixpath.split(path)
        if not path.endswith(".cpp") or path.split("/")[0] == "tutorial":
            continue
        stem = name.removesuffix(".cpp")
        words = {stem, stem.removesuffix("_test"), re.sub(r"^\d\d_", "", stem)}
        while True:
            build_file = f"{folder}/meson.build".lstrip("/")
            if tree.exists(build_file) and words & set(re.findall(r"\w+", tree.text(build_file))):
                break
            if not folder:
                yield path, 1, f"no meson.build names {name}: it is neither built nor run"
                break
            folder = posixpath.dirname(folder)


def headers_open_with_their_purpose(tree):
    for path in tree.cpp():
        if not path.endswith(".hpp"):
            continue
        lines = tree.text(path).split("\n")
        comment_lines = next((index for index, line in enumerate(lines) if not line.startswith("//")), len(lines))
        if comment_lines == 0:
            yield path, 1, "open with a comment: what it is, its invariant, owner and thread, what it does not do"
        elif comment_lines > 12:
            yield path, 13, f"the opening comment has {comment_lines} lines: say it in 12, or in the folder's README"
        code = [line for line in mask_comments(lines) if line.strip()]
        # A precompiled header is a main file, where g++ refuses the pragma.
        precompiled = path.startswith("tests/precompiled/")
        if not precompiled and (not code or code[0].strip() != "#pragma once"):
            yield path, comment_lines + 1, "write #pragma once right after the opening comment"


def mask_comments(lines):
    return [re.sub(r"//.*", "", line) for line in lines]


RULES = (
    project_includes_have_the_project_path,
    includes_point_one_way,
    protocol_files_do_no_io,
    top_folders_are_those_of_the_design,
    every_source_folder_has_a_map,
    every_source_is_built,
    headers_open_with_their_purpose,
)
