"""The policies and the manual page that are shipped: made from schema.def, and each line of a school's
policy under the clause it serves.
SPDX-License-Identifier: Apache-2.0"""
import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCHOOLS = {"st-john": "SJ", "woodcote": "WC", "allenton": "AL", "glenmere": "GM", "rushey-mead": "RM"}


def clauses():
    """Number -> its row of conf/CLAUSES.md, which names whose it is: {8: "WC 8.3, 8.8 | no USB ..."}."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "conf/CLAUSES.md").read_text(), re.M)
    return {int(number): who for number, who in rows}


def settings(school):
    """Yields (line number, setting, the comment it stands under) of a preset."""
    comment, fresh = "", True
    for number, line in enumerate((ROOT / f"conf/policies/{school}.ini").read_text().splitlines(), 1):
        if line.startswith(";"):
            comment = line[1:] if fresh else comment + line[1:]
            fresh = False
        elif line.startswith("["):
            comment, fresh = "", True
        elif line:
            fresh = True
            yield number, line, comment


def named(comment):
    """The clauses that 'Clause 8, WC 8.3, 8.8: ...' or 'Clauses 11, 23, AL ...' names first."""
    match = re.match(r" Clauses? ((?:\d+(?:, )?)+)", comment)
    return [int(n) for n in re.findall(r"\d+", match[1])] if match else []


def test_there_are_43_clauses():
    assert sorted(clauses()) == list(range(1, 44))


@pytest.mark.parametrize("school", SCHOOLS)
def test_each_line_of_a_schools_policy_names_a_clause_of_that_school(school):
    who = clauses()
    for number, line, comment in settings(school):
        if comment.startswith(" Ours: "):
            continue
        assert named(comment), f"{school}.ini:{number}: '{line}' stands under no clause"
        for clause in named(comment):
            assert SCHOOLS[school] in who[clause], (
                f"{school}.ini:{number}: clause {clause} is not of this school: {who[clause]}")


def test_the_five_schools_name_every_clause_between_them():
    seen = {clause for school in SCHOOLS for _, _, comment in settings(school)
            for clause in named(comment)}
    missing = set(range(1, 44)) - seen
    assert not missing, missing


def test_default_policy_and_manual_page_are_made_from_the_schema():
    done = subprocess.run([ROOT / "tools/dev/make-policy-documents", "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def examples():
    """The policies of the manual page's EXAMPLES."""
    page = (ROOT / "pkg/man/caretaker-policy.5").read_text()
    return re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page[page.index(".Sh EXAMPLES"):], re.M | re.S)


@pytest.mark.parametrize("example", examples(), ids=lambda text: " ".join(text.split()[:6]))
def test_lint_finds_an_example_of_the_manual_page_good(program, tmp_path, example):
    policy = tmp_path / "example.ini"
    policy.write_text(example)
    done = program("caretaker", "policy", "lint", policy)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{policy}: good\n", "")


def keys(text, *sections):
    """{(section, key), ...} of a policy."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    return {(section, key) for section in sections if parser.has_section(section)
            for key in parser[section]}


def test_each_key_on_what_may_be_plugged_in_stands_in_an_example():
    sections = ("removable-storage", "hardware")
    shown = set().union(*(keys(example, *sections) for example in examples()))
    default = keys((ROOT / "conf/policies/default.ini").read_text(), *sections)
    assert len(default) > 20
    assert default - shown == set()


def test_the_manual_page_has_no_faults():
    if not shutil.which("mandoc"):
        pytest.skip("needs the package mandoc")
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", ROOT / "pkg/man/caretaker-policy.5"],
                          capture_output=True, text=True)
    assert done.stdout == ""
