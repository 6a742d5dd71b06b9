#!/usr/bin/env python3
"""The stepwise script alone, in a folder of its own with a space in its name: Debian's tools, Meson and ninja are
stand-ins that note how they were called. What the real ones do is seen by every other suite."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

REAL_TOOLS = ("bash", "env", "dirname", "readlink", "sed", "cat", "mkdir", "flock", "chmod", "ln", "true")
STAND_INS = {
    "id": 'echo "${FAKE_ID:-1000}"',
    "sudo": '[[ $FAKE_SUDO == yes ]] || exit 1; [[ $1 == -n ]] && shift; echo "sudo $*" >>"$NOTES"; exec "$@"',
    "dpkg-query": '[[ $FAKE_INSTALLED == all || " $FAKE_INSTALLED " == *" ${!#} "* ]] && printf installed',
    "apt-cache": "exit 0",
    "apt-get": 'echo "apt-get $*" >>"$NOTES"; [[ $FAKE_NETWORK != down ]]',
    "g++": "echo 12.2.0",
    "npm": "exit 0",
    "meson": """
        echo "meson $*" >>"$NOTES"
        mkdir -p "$2/include"
        ln -s "$3" "$2/include/stepwise"
        echo >"$2/build.ninja" """,
    "ninja": """
        [[ $3 == -n ]] && exit 0
        [[ $FAKE_BUILD == broken ]] && { echo 'error: expected ;'; exit 1; }
        [[ $3 == bench_* ]] && { echo "ninja $3" >>"$NOTES"; exit 0; }
        mkdir -p "$2/demos" "$2/tutorial/programs"
        printf '#!/usr/bin/env bash\\necho "%s in $PWD:"; printf "<%%s>" "$@"\\n' "${3#demos/}" >"$2/$3"
        chmod +x "$2/$3" """,
}

PACKAGES_TO_BUILD = ("g++ meson ninja-build pkg-config ccache libfmt-dev liburing-dev libssl-dev zlib1g-dev "
                     "libcli11-dev nlohmann-json3-dev libcmark-gfm-dev libcmark-gfm-extensions-dev libpq-dev "
                     "libsqlite3-dev libdw-dev")


class StepwiseCommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="step wise ")
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)
        self.notes = self.home / "notes"
        tools = self.home / "tools"
        tools.mkdir()
        for tool in REAL_TOOLS:
            (tools / tool).symlink_to(shutil.which(tool))
        for tool, text in STAND_INS.items():
            (tools / tool).write_text(f"#!/usr/bin/env bash\n{text}\n")
            (tools / tool).chmod(0o755)
        self.project = self.home / "the project"
        checker = self.project / "tutorial" / "tools" / "chapters.py"
        checker.parent.mkdir(parents=True)
        checker.write_text("import sys\nprint('chapters', sys.argv[1:])\n")
        for path, text in {"01_sync.cpp": "// One at a time\n", "07_gen_v2.cpp": "// The decorator\n",
                           "08_gen_v3.cpp": "// No globals\n", "12_client/client.cpp": "// A client\n",
                           "12_client/part.hpp": "", "chat/chat.cpp": "// A chat room\n",
                           "site/site.cpp": "// The start page\n", "pictures/a.svg": ""}.items():
            target = self.project / "demos" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        shutil.copy(ROOT / "stepwise", self.project / "stepwise")

    def run_command(self, *arguments, script=None, installed="all", **settings):
        environment = {"PATH": str(self.home / "tools"), "NOTES": str(self.notes), "FAKE_INSTALLED": installed}
        environment.update(settings)
        run = subprocess.run([script or self.project / "stepwise", *arguments], cwd=self.home, env=environment,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return run.returncode, run.stdout, run.stderr

    def calls(self):
        return self.notes.read_text() if self.notes.exists() else ""

    def test_help_is_an_answer_and_goes_to_stdout(self):
        for word in ("help", "--help", "-h"):
            with self.subTest(word=word):
                code, out, errors = self.run_command(word)
                self.assertEqual((code, errors), (0, ""))
                for command in ("serve", "test [--quick]", "build", "list", "run NUMBER|NAME", "chat",
                                "bench net|runtime", "fuzz [TARGET [--for 10m]]"):
                    self.assertIn(f"  {command}", out)

    def test_no_command_and_an_unknown_one_show_the_usage_as_an_error(self):
        for arguments in ((), ("fly",), ("",)):
            with self.subTest(arguments=arguments):
                code, out, errors = self.run_command(*arguments)
                self.assertEqual((code, out), (2, ""))
                self.assertIn("usage: stepwise COMMAND", errors)
        self.assertIn("there is no command 'fly'", self.run_command("fly")[2])

    def test_list_shows_numbers_names_and_titles(self):
        code, out, errors = self.run_command("list")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual([line.split(None, 2) for line in out.splitlines()],
                         [["01", "sync", "One at a time"], ["07", "gen_v2", "The decorator"],
                          ["08", "gen_v3", "No globals"], ["12", "client", "A client"],
                          ["--", "chat", "A chat room"], ["--", "stepwise_site", "The start page"]])

    def test_a_demo_is_found_by_number_and_by_name_and_gets_its_arguments(self):
        for word in ("7", "07", "gen_v2", "07_gen_v2"):
            with self.subTest(word=word):
                code, out, _ = self.run_command("run", word, "--lang", "two words", "")
                self.assertEqual((code, out), (0, f"gen_v2 in {self.home}:\n<--lang><two words><>"))

    def test_with_watch_the_watcher_runs_it_and_gets_the_other_flags(self):
        watcher = self.project / "demos" / "watch.py"
        watcher.write_text("import sys\nprint('watch', sys.argv[1:])\n")
        root = self.project.resolve()
        code, out, errors = self.run_command("run", "7", "--port", "80", "--watch", "--x")
        given = [str(root), str(root / "build"), "demos/gen_v2", "--port", "80", "--x"]
        self.assertEqual((code, out), (0, f"watch {given}\n"))
        self.assertIn("configuring build/", errors)
        code, out, _ = self.run_command("run", "7", "--watched")
        self.assertEqual((code, out), (0, f"gen_v2 in {self.home}:\n<--watched>"))

    def test_a_demo_in_a_folder_and_one_without_a_number_can_be_run(self):
        self.assertIn("client in", self.run_command("run", "12")[1])
        self.assertIn("chat in", self.run_command("run", "chat")[1])
        self.assertIn("stepwise_site in", self.run_command("run", "stepwise_site")[1])

    def test_a_program_of_a_chapter_is_found_by_its_name(self):
        programs = self.project / "tutorial" / "programs"
        programs.mkdir()
        (programs / "lost_request.cpp").write_text("// A request that is lost\n")
        code, out, errors = self.run_command("run", "lost_request", "--lang", "zh")
        self.assertEqual((code, out), (0, f"tutorial/programs/lost_request in {self.home}:\n<--lang><zh>"), errors)
        self.assertEqual(self.run_command("run", "../programs/lost_request")[0], 2)
        self.assertEqual(self.run_command("run", "lost")[0], 2)

    def test_chat_and_serve_are_the_programs_of_that_name(self):
        self.assertEqual(self.run_command("chat", "--port", "0")[1], f"chat in {self.home}:\n<--port><0>")
        self.assertEqual(self.run_command("serve", "--port", "0")[1], f"stepwise_site in {self.home}:\n<--port><0>")

    def test_serve_makes_the_reference_where_there_is_doxygen_and_says_what_is_missing_else(self):
        code, out, errors = self.run_command("serve")
        self.assertEqual(code, 0, errors)
        self.assertIn("reference", {path.name for path in (self.project / "build").iterdir()})
        (self.project / "build" / "reference").unlink()
        code, out, errors = self.run_command("serve", installed=PACKAGES_TO_BUILD)
        self.assertEqual((code, out), (0, f"stepwise_site in {self.home}:\n<>"))
        self.assertIn("doxygen is not installed: without the reference", errors)
        self.assertFalse((self.project / "build" / "reference").exists())

    def test_chapters_builds_what_they_run_and_hands_its_flags_to_the_checker(self):
        code, out, errors = self.run_command("chapters", "--write")
        self.assertEqual((code, out), (0, f"chapters ['--build', '{self.project}/build', '--write']\n"), errors)
        self.assertEqual(self.run_command("chapters", FAKE_BUILD="broken")[0], 1)

    def test_it_works_through_a_link_from_another_folder(self):
        link = self.home / "link"
        link.symlink_to(self.project / "stepwise")
        code, out, _ = self.run_command("run", "1", script=link)
        self.assertEqual((code, out), (0, f"sync in {self.home}:\n<>"))

    def test_an_unknown_demo_shows_what_is_near(self):
        code, out, errors = self.run_command("run", "gen")
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(errors.splitlines(),
                         ["stepwise: there is no demo 'gen'.", "stepwise: near to it:", "  07 gen_v2", "  08 gen_v3"])

    def test_an_unknown_demo_with_nothing_near_shows_all(self):
        for word in ("99", "", "--", "/", "99999999999999999999"):
            with self.subTest(word=word):
                code, _, errors = self.run_command("run", word)
                self.assertEqual(code, 2)
                self.assertIn("12  client", errors)

    def test_wrong_arguments_are_refused(self):
        for arguments, word in ((("run",), "the name"), (("test", "--fast"), "--fast"), (("build", "x"), "no arg"),
                                (("bench",), "'net', 'runtime' or 'client'"),
                                (("bench", "all"), "'net', 'runtime' or 'client'")):
            with self.subTest(arguments=arguments):
                code, _, errors = self.run_command(*arguments)
                self.assertEqual(code, 2)
                self.assertIn(word, errors)

    def test_without_the_right_to_install_it_prints_the_one_command(self):
        code, out, errors = self.run_command("run", "1", installed="g++ meson ccache")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("\n  sudo apt-get install ninja-build pkg-config libfmt-dev liburing-dev libssl-dev zlib1g-dev "
                      "libcli11-dev nlohmann-json3-dev libcmark-gfm-dev libcmark-gfm-extensions-dev libpq-dev "
                      "libsqlite3-dev libdw-dev\n", errors)
        self.assertEqual(self.calls(), "")

    def test_a_search_for_bad_bytes_asks_for_the_packages_that_it_needs(self):
        code, out, errors = self.run_command("fuzz", "url", installed="none")
        self.assertEqual((code, out), (2, ""))
        self.assertIn(" clang-19 libclang-rt-19-dev", errors)

    def test_root_installs_what_is_missing_and_goes_on(self):
        code, out, errors = self.run_command("run", "1", FAKE_ID="0")
        self.assertEqual((code, self.calls().count("apt-get")), (0, 0))
        code, out, errors = self.run_command("run", "1", installed="none", FAKE_ID="0")
        self.assertEqual((code, out), (0, f"sync in {self.home}:\n<>"))
        self.assertIn("installing 16 Debian package(s): g++ meson", errors)
        self.assertEqual(self.calls().count("install -y"), 1)

    def test_sudo_without_a_password_is_used(self):
        code, _, _ = self.run_command("run", "1", installed="none", FAKE_SUDO="yes")
        self.assertEqual(code, 0)
        self.assertIn("sudo env DEBIAN_FRONTEND=noninteractive apt-get", self.calls())

    def test_without_a_network_it_says_so_after_one_more_try(self):
        code, out, errors = self.run_command("run", "1", installed="none", FAKE_ID="0", FAKE_NETWORK="down")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("is the network up?", errors)
        self.assertEqual([line.split()[4] for line in self.calls().splitlines()], ["install", "update", "install"])

    def test_a_broken_build_runs_nothing(self):
        code, out, errors = self.run_command("run", "1", FAKE_BUILD="broken")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("the build failed", errors)

    def test_the_build_folder_of_a_checkout_that_moved_is_not_used(self):
        self.run_command("run", "1")
        moved = self.home / "moved"
        self.project.rename(moved)
        code, _, errors = self.run_command("run", "1", script=moved / "stepwise")
        self.assertEqual(code, 2)
        self.assertIn("another checkout", errors)

    def test_configuring_happens_once_with_warnings_as_errors_on_g_plus_plus_12(self):
        self.run_command("run", "1")
        self.run_command("run", "7")
        self.assertEqual(self.calls().count("meson setup"), 1)
        self.assertIn("-Dwerror=true -Dtests=enabled", self.calls())

    def test_bench_has_a_build_of_its_own_without_assertions(self):
        for what in ("net", "runtime", "client"):
            script = self.project / "tests" / "bench" / what / "compare.py"
            script.parent.mkdir(parents=True)
            script.write_text("import sys; print(*sys.argv[1:])\n")
            code, out, _ = self.run_command("bench", what, "--reps", "2")
            self.assertEqual((code, out), (0, f"{self.project.resolve()}/build-bench --reps 2\n"))
            self.assertIn(f"ninja bench_{what}\n", self.calls())
        self.assertIn("-Db_ndebug=true", self.calls())
        self.assertNotIn("-Dtests=enabled", self.calls())

    def test_bench_names_the_peers_that_it_cannot_measure(self):
        packages = PACKAGES_TO_BUILD + " python3 valgrind libuv1-dev"
        (self.project / "tests" / "bench" / "net").mkdir(parents=True)
        (self.project / "tests" / "bench" / "net" / "compare.py").write_text("")
        code, _, errors = self.run_command("bench", "net", installed=packages)
        self.assertEqual(code, 0, errors)
        self.assertIn("libboost1.81-dev is not installed", errors)
        self.assertNotIn("libuv1-dev", errors)


if __name__ == "__main__":
    python_suite.main()
