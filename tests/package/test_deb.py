"""The Debian packages: built twice alike, clean by lintian, installed, upgraded, removed and purged in
a fresh root.
SPDX-License-Identifier: Apache-2.0"""
import hashlib, pathlib, shutil, subprocess, sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
import debroot  # noqa: E402

# What our packages depend on is in the root already, so that installing needs no network.
RUNTIME = ["systemd", "libuv1", "libudev1", "libsystemd0", "libblkid1", "libssl3", "zlib1g", "libinih1",
           "libcjson1", "libcurl4", "libevent-2.1-7", "libevent-openssl-2.1-7", "libevent-pthreads-2.1-7",
           "libsqlite3-0"]
NAMES = ("caretaker", "caretaker-collector", "caretaker-fleet")


def make_deb(tree, out):
    version = next(row.split(":=")[1].strip() for row in (TOP / "Makefile").read_text().splitlines()
                   if row.startswith("VERSION"))
    done = subprocess.run([str(tree / "pkg/deb/make-deb"), version, str(out)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return {p.name.split("_")[0]: p for p in out.glob("*.deb") if "-dbgsym" not in p.name}


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    return make_deb(TOP, tmp_path_factory.mktemp("debs"))


@pytest.fixture
def root():
    with debroot.Root(RUNTIME) as root:
        yield root


def install(root, debs, *names):
    for name in names:
        root.put(debs[name], f"/tmp/{name}.deb")
    return root.run("apt-get", "install", "-q", "-y", *(f"/tmp/{n}.deb" for n in names))


UNITS = ("caretakerd.service", "caretaker-uplink.socket", "caretaker-gate.path", "caretaker-gate.service")


def enabled(root):
    return {unit for unit in UNITS
            if root.run("sh", "-c", f"systemctl is-enabled {unit} || :").stdout.strip() == "enabled"}


def test_there_is_a_package_for_agent_collector_and_fleet(debs):
    assert sorted(debs) == sorted(NAMES)


def test_two_builds_in_two_places_are_the_same_bytes(debs, tmp_path):
    elsewhere = tmp_path / "a" / "longer" / "place"
    shutil.copytree(TOP, elsewhere, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    again = make_deb(elsewhere, tmp_path / "out")
    for name in NAMES:
        assert hashlib.sha256(debs[name].read_bytes()).hexdigest() == \
            hashlib.sha256(again[name].read_bytes()).hexdigest(), name


def test_lintian_finds_no_error(debs):
    done = subprocess.run(["lintian", "--fail-on", "error", "--allow-root", *map(str, debs.values())],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_an_installed_agent_runs_and_is_enabled_but_holds_no_key(debs, root):
    install(root, debs, "caretaker")
    assert root.run("caretaker", "--version").stdout.startswith("caretaker 0.")
    assert root.run("caretaker", "policy", "lint", "/usr/share/caretaker/policies/default.ini")
    assert enabled(root) == set(UNITS)
    assert not root.exists("/var/lib/caretaker/device.key")
    for page in ("caretaker.1", "caretakerd.8", "caretaker-check.8", "caretaker-scan.8",
                 "caretaker-uplink.8"):
        assert root.exists(f"/usr/share/man/man{page[-1]}/{page}.gz"), page


def test_every_program_says_what_it_is_for(debs, root):
    install(root, debs, *NAMES)
    for program in ("caretaker", "caretaker-collector", "caretaker-fleet", "/usr/sbin/caretakerd",
                    "/usr/libexec/caretaker/caretaker-check", "/usr/libexec/caretaker/caretaker-scan",
                    "/usr/libexec/caretaker/caretaker-uplink"):
        assert "usage:" in root.run(program, "--help").stdout.lower(), program


def test_an_upgrade_keeps_key_state_and_what_a_technician_changed(debs, root):
    install(root, debs, "caretaker")
    state = root.path("/var/lib/caretaker")
    state.mkdir(mode=0o700, exist_ok=True)
    (state / "device.key").write_text("a key")
    conf = root.path("/etc/caretaker/caretakerd.ini")
    changed = conf.read_text() + "\n# changed by the technician\n"
    conf.write_text(changed)
    root.run("apt-get", "install", "-q", "-y", "--reinstall", "-o", "Dpkg::Options::=--force-confold",
             "/tmp/caretaker.deb")
    assert (state / "device.key").read_text() == "a key"
    assert conf.read_text() == changed


@pytest.mark.parametrize("off", [UNITS[:1], UNITS[2:3]], ids=["the agent", "one unit"])
def test_what_an_admin_disabled_stays_so_when_upgraded_or_installed_again(debs, root, off):
    install(root, debs, "caretaker")
    root.run("systemctl", "disable", *off)
    left = enabled(root)
    # The others come and go with the agent itself, and by themselves.
    assert left == (set() if off == UNITS[:1] else set(UNITS) - set(off))
    again = ("apt-get", "install", "-q", "-y", "--reinstall", "/tmp/caretaker.deb")
    root.run(*again)
    assert enabled(root) == left
    root.run("apt-get", "remove", "-q", "-y", "caretaker")
    root.run(*again)
    assert enabled(root) == left
    root.run("apt-get", "purge", "-q", "-y", "caretaker")
    root.run(*again)
    assert enabled(root) == set(UNITS)


def test_removing_keeps_the_key_and_purging_takes_it(debs, root):
    install(root, debs, "caretaker", "caretaker-collector")
    for place in ("caretaker", "caretaker-collector"):
        folder = root.path("/var/lib") / place
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "some.key").write_text("a key")
    root.run("apt-get", "remove", "-q", "-y", "caretaker", "caretaker-collector")
    assert not root.exists("/usr/bin/caretaker") and not root.exists("/usr/sbin/caretakerd")
    assert root.exists("/var/lib/caretaker/some.key")
    assert root.exists("/var/lib/caretaker-collector/some.key")
    root.run("apt-get", "purge", "-q", "-y", "caretaker", "caretaker-collector")
    for gone in ("/var/lib/caretaker", "/var/lib/caretaker-collector", "/etc/caretaker",
                 "/etc/caretaker-collector"):
        assert not root.exists(gone), gone
    left = root.run("sh", "-c", "find /etc /var/lib /usr -path /var/lib/apt -prune -o -path /var/lib/dpkg "
                    "-prune -o -name '*caretaker*' -print").stdout.split()
    assert left == [], left


def test_a_collector_from_the_package_is_made_and_answers_its_own_questions(debs, root):
    install(root, debs, "caretaker-collector")
    account = root.run("getent", "passwd", "_caretaker-collector").stdout
    assert "/usr/sbin/nologin" in account
    root.run("caretaker-collector", "--data", "/var/lib/caretaker-collector", "init", "--host",
             "collector.example", "--kit", "/root/kit.txt")
    root.run("caretaker-collector", "--data", "/var/lib/caretaker-collector", "school", "add", "Ash Grove")
    assert "Ash Grove" in root.run("caretaker-collector", "--data", "/var/lib/caretaker-collector",
                                   "rollup", "--by", "school").stdout
