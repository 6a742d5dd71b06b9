"""The files of the project as the rules see them: those that git knows or would add, read once."""

import functools
import os
import pathlib
import subprocess

CODE = (".cpp", ".hpp", ".py", ".js", ".mjs", ".css", ".html", ".sh")
CPP = (".cpp", ".hpp")
# What fuzzers keep is bytes, also where they happen to spell text.
INPUTS = "tests/fuzz/corpus/"
SKIPPED_FOLDERS = {".git", "node_modules", "__pycache__", ".cache"}


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)

    @functools.cached_property
    def paths(self):
        """Paths of all text files, relative to the root, with forward slashes."""
        listed = self._from_git() if (self.root / ".git").exists() else self._from_disk()
        return sorted(path for path in listed if self._is_text(path))

    def _from_git(self):
        command = ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        return {path for path in listed if path and (self.root / path).is_file()}

    def _from_disk(self):
        for folder, folders, files in os.walk(self.root):
            inside = pathlib.Path(folder).relative_to(self.root)
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and
                          not (inside == pathlib.Path(".") and name.startswith("build"))]
            yield from ((inside / name).as_posix() for name in files)

    def _is_text(self, path):
        if path.startswith(INPUTS):
            return False
        try:
            self.text(path)
            return True
        except UnicodeDecodeError:
            return False

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_bytes().decode("utf-8")

    def lines(self, path):
        """(number, line without its end) for each line."""
        return enumerate(self.text(path).split("\n"), start=1)

    def exists(self, path):
        return (self.root / path).exists()

    def code(self, suffixes=CODE):
        """The project's own code; scripts without a suffix are known by their first line."""
        for path in self.paths:
            if "/vendor/" in path:
                continue
            if path.endswith(suffixes) or (suffixes == CODE and self.is_script(path)):
                yield path

    def is_script(self, path):
        return path.endswith(".sh") or ("." not in path.split("/")[-1] and self.text(path).startswith("#!"))

    def cpp(self):
        return self.code(CPP)


def line_of(text, position):
    return text.count("\n", 0, position) + 1
