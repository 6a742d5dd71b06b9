#!/usr/bin/env python3
"""What `./stepwise fuzz` does around libFuzzer: its arguments, what it reads from a log, what is kept."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
import python_suite  # noqa: E402
import search  # noqa: E402

LOG = """INFO: Loaded 1 PC tables (3423 PCs): 3423 [0x1,0x2),
#530 INITED cov: 1284 ft: 3585 corp: 421/27Kb exec/s: 0 rss: 68Mb
#91738 DONE   cov: 1323 ft: 3913 corp: 531/38Kb lim: 366 exec/s: 4368 rss: 538Mb
stat::number_of_executed_units: 91738
"""
CRASH = LOG + "artifact_prefix='x/'; Test unit written to x/url-crash-00ff\n"


def run(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = search.main(list(arguments))
    return code, out.getvalue(), errors.getvalue()


class FuzzSearchTest(unittest.TestCase):
    def test_without_a_target_it_lists_them_with_what_they_attack(self):
        code, out, _ = run()
        self.assertEqual(code, 0)
        self.assertIn("url            What anybody may write as a URL, for net::Url.\n", out)
        self.assertEqual(len(out.splitlines()), len(search.targets()))

    def test_wrong_arguments_are_refused_with_the_right_ones(self):
        self.assertEqual(run("fly")[0], 2)
        self.assertIn("there are content, cookies, deflate, handshake, http_request, ", run("fly")[2])
        for arguments in (("--for",), ("--for", "10"), ("--for", "0s"), ("--for", "m"), ("30s",), ("--in", "10m")):
            with self.subTest(arguments=arguments):
                code, _, errors = run("url", *arguments)
                self.assertEqual(code, 2)
                self.assertIn("--for 30s, 10m or 2h", errors)

    def test_times_are_seconds_minutes_or_hours(self):
        self.assertEqual([search.seconds_of(text) for text in ("30s", "10m", "2h", "10", "1d", "-1s")],
                         [30, 600, 7200, 0, 0, 0])

    def test_a_log_tells_executions_edges_and_the_input_that_broke_a_property(self):
        self.assertEqual(search.read_log(LOG), search.Found(91738, 1323, 3423, ""))
        self.assertEqual(search.read_log(CRASH).crash, "x/url-crash-00ff")
        self.assertEqual(search.read_log(""), search.Found())

    def stand_in(self, text):
        """A fuzzer in a folder of its own, where everything else is, too."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = folder / "url_fuzzer"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        for name, value in {"BUILD": folder / "build", "CORPUS": folder / "kept", "ROOT": folder}.items():
            self.enterContext(unittest.mock.patch.object(search, name, value))
        for path in (folder / "build" / "corpus" / "url", folder / "kept" / "url"):
            path.mkdir(parents=True)
        return program

    def test_a_broken_property_is_shown_with_the_one_command_that_repeats_it(self):
        program = self.stand_in(f"cat <<'END'\n{CRASH}this does not hold: a host is a host\nEND\nexit 77")
        out = io.StringIO()
        with contextlib.redirect_stdout(out), self.assertRaises(SystemExit) as ended:
            search.search("url", program, 60)
        self.assertIn("url: 91738 executions, 1528 a second, 1323 of 3423 edges reached", out.getvalue())
        self.assertIn("this does not hold: a host is a host", out.getvalue())
        self.assertEqual(ended.exception.code.split("\n")[-1], f"  {program} x/url-crash-00ff")

    def test_what_a_search_found_replaces_what_was_kept(self):
        program = self.stand_in('cp "$5"/* "$3"')
        (search.CORPUS / "url" / "old").write_bytes(b"old")
        work = search.BUILD / "corpus" / "url"
        (work / "new").write_bytes(b"new!")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            search.keep("url", program, work)
        self.assertEqual([path.name for path in (search.CORPUS / "url").iterdir()], ["new"])
        self.assertIn("1 inputs, 0 KiB, 1 of them new; 0 larger ones were left out", out.getvalue())

    def test_the_smallest_inputs_are_kept_up_to_both_bounds(self):
        self.assertEqual(search.within_bounds([(3, "c"), (1, "a"), (2, "b")]), [(1, "a"), (2, "b"), (3, "c")])
        self.assertEqual(len(search.within_bounds([(1, str(name)) for name in range(400)])), search.KEPT_FILES_MAX)
        self.assertEqual(search.within_bounds([(search.KEPT_BYTES_MAX, "a"), (1, "b")]), [(1, "b")])

    def test_every_target_has_a_kept_corpus_within_bounds_and_a_search_in_the_readme(self):
        readme = (search.HERE / "README.md").read_text()
        for target in search.targets():
            with self.subTest(target=target):
                sizes = [path.stat().st_size for path in (search.CORPUS / target).iterdir()]
                self.assertTrue(0 < len(sizes) <= search.KEPT_FILES_MAX)
                self.assertLessEqual(sum(sizes), search.KEPT_BYTES_MAX)
                self.assertIn(f"`{target}`", readme)
        self.assertEqual({path.name for path in search.CORPUS.iterdir()}, set(search.targets()))


if __name__ == "__main__":
    python_suite.main()
