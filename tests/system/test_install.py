"""`make install` into a folder, and the daemon that it put there; `make dist`;
the manual pages and examples that both carry."""

import os
import re
import shutil
import subprocess
import tarfile

import pytest

from mxbound import BUILD, ROOT, SANITIZED, Mxbound

MANUALS = sorted(ROOT.glob("docs/*.[1-8]"))
EXAMPLES = ROOT / "dist/examples"


def make(*words, folder=ROOT):
    """A make of what is built already, for the build under test."""
    build = BUILD.relative_to(ROOT) if folder == ROOT else "build"
    done = subprocess.run(["make", "--no-print-directory", f"BUILD={build}", *words], cwd=folder,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
                          text=True, capture_output=True, timeout=170)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """DESTDIR of an installation for /usr. What is built is not built again."""
    if SANITIZED:
        pytest.skip("the same files as in a plain build")
    folder = tmp_path_factory.mktemp("destdir")
    folder.chmod(0o755)
    for above in (folder, *folder.parents):     # the daemon may work as another account
        if os.stat(above).st_uid == os.getuid() and above.name.startswith(("pytest", "destdir")):
            above.chmod(0o755)
    make("install", "PREFIX=/usr", f"DESTDIR={folder}", "-o", "all", "-o", "libmxroute")
    return folder


# ---- install ----

def test_where_files_go(installed):
    there = files(installed)
    assert {"usr/sbin/mxbound", "usr/bin/mxboundctl", "usr/libexec/mxbound/mxbound-front",
            "usr/libexec/mxbound/mxbound-resolver", "usr/libexec/mxbound/mxbound-fetcher",
            "usr/share/man/man8/mxbound.8", "usr/share/man/man5/mxbound.conf.5",
            "usr/share/man/man1/mxboundctl.1", "usr/share/man/man3/libmxroute.3",
            "usr/lib/systemd/system/mxbound.service", "usr/lib/sysusers.d/mxbound.conf",
            "usr/include/mxbound/mx_route.h", "usr/lib/pkgconfig/libmxroute.pc",
            "usr/share/doc/mxbound/examples/postfix-main.cf",
            "etc/mxbound.conf"} <= there
    assert not [name for name in there if not name.startswith(("usr/", "etc/"))]
    for name in there:
        wanted = 0o755 if re.match(r"usr/(s?bin|libexec)/|.*\.so\.0$", name) else 0o644
        assert (installed / name).is_symlink() or \
            (installed / name).stat().st_mode & 0o7777 == wanted, name


def test_installed_daemon_answers(installed):
    """It finds its other programs where they were installed, not in the build."""
    with Mxbound(build=installed / "usr/sbin") as server:
        assert server.ask("healthy.lab", "MX").answer
        for pid in (*server.fronts(), *server.resolvers(), *server.fetchers()):
            assert os.readlink(f"/proc/{pid}/exe").startswith(
                str(installed / "usr/libexec/mxbound/"))
        done = subprocess.run([installed / "usr/bin/mxboundctl", "-s", server.control,
                               "route", "healthy.lab"], text=True, capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr


def test_programs_beside_another_folder_are_not_run(installed, tmp_path):
    """../libexec counts for a folder of programs, sbin or bin, alone."""
    shutil.copytree(installed / "usr/libexec", tmp_path / "libexec")
    (tmp_path / "here").mkdir()
    shutil.copy(installed / "usr/sbin/mxbound", tmp_path / "here")
    done = subprocess.run([tmp_path / "here/mxbound", "--set", "control-socket=no"],
                          text=True, capture_output=True, timeout=30)
    assert done.returncode == 1
    assert "cannot find mxbound-front beside" in done.stderr


def test_settings_stay_and_the_rest_goes(installed, tmp_path):
    shutil.copytree(installed, tmp_path / "copy", symlinks=True)
    conf = tmp_path / "copy/etc/mxbound.conf"
    conf.write_text("workers: 1\n")
    where = ["PREFIX=/usr", f"DESTDIR={tmp_path / 'copy'}"]
    make("install", *where, "-o", "all", "-o", "libmxroute")
    assert conf.read_text() == "workers: 1\n"
    make("uninstall", *where)
    assert files(tmp_path / "copy") == {"etc/mxbound.conf"}
    assert not (tmp_path / "copy/usr/libexec/mxbound").exists()


def test_unit_names_what_is_installed(installed):
    text = (installed / "usr/lib/systemd/system/mxbound.service").read_text()
    start = re.search(r"^ExecStart=(\S+) -c (\S+)$", text, re.M)
    for path in start.groups():
        assert (installed / path.lstrip("/")).exists()
    assert "@" not in re.sub(r"@[a-z-]+\b(?!@)", "", text)
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                           f"--root={installed}", "mxbound.service"],
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    exposure = re.search(r"exposure level for mxbound.service: ([\d.]+)", done.stdout)[1]
    said = re.search(r"exposure of \*\*([\d.]+)\*\*", (ROOT / "docs/operation.md").read_text())[1]
    assert float(exposure) <= float(said)       # other versions count other things


# ---- a release ----

def test_release_builds_itself(tmp_path):
    if SANITIZED:
        pytest.skip("the same files as in a plain build")
    made = tmp_path / "made"
    make("dist", f"BUILD={made}")
    archive, = made.glob("*.tar.gz")
    first = archive.read_bytes()
    make("dist", f"BUILD={made}")
    assert archive.read_bytes() == first
    with tarfile.open(archive) as tar:
        assert {(m.uid, m.gid) for m in tar} == {(0, 0)}
        tar.extractall(tmp_path)
    folder, = tmp_path.glob("mxbound-*")
    for name in ("src", "cache", "include"):
        for source in (ROOT / name).rglob("*.[ch]"):
            assert (folder / source.relative_to(ROOT)).exists(), source
    # Not what is shipped, but quickly: whether all is there that it takes.
    make("-j2", "CFLAGS=-O0 -std=c11 -pthread", "build/mxboundctl", folder=folder)
    assert subprocess.run([folder / "build/mxboundctl", "--version"]).returncode == 0
    make("dist", folder=folder)         # and makes one, without git
    with tarfile.open(next((folder / "build").glob("*.tar.gz"))) as again, \
            tarfile.open(archive) as tar:
        assert again.getnames() == tar.getnames()


# ---- manual pages ----

@pytest.mark.parametrize("page", MANUALS, ids=lambda p: p.name)
def test_manual_is_clean(page):
    checked = 0
    for tool in (["mandoc", "-Tlint", "-Wwarning"], ["groff", "-man", "-ww", "-z", "-Tutf8"]):
        if shutil.which(tool[0]):
            done = subprocess.run([*tool, page], text=True, capture_output=True)
            assert done.stdout + done.stderr == ""
            checked += 1
    if not checked:
        pytest.skip("neither mandoc nor groff here")


@pytest.mark.parametrize("page, option", [("mxbound.conf.5", "--options-man"),
                                          ("mxbound.8", "--usage-man")])
def test_manual_says_what_the_program_says(page, option):
    made = subprocess.run([BUILD / "mxbound", option], text=True, capture_output=True).stdout
    inside = re.search(r'^\.\\" options: begin\n(.*)^\.\\" options: end$',
                       (ROOT / "docs" / page).read_text(), re.M | re.S)[1]
    assert inside == made, "make docs"


# ---- examples ----

def test_settings_that_are_shipped():
    for name in (EXAMPLES / "mxbound-fleet.conf", ROOT / "dist/mxbound.conf"):
        done = subprocess.run([BUILD / "mxbound", "-c", name, "--check-config"],
                              text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_postfix_takes_its_lines(tmp_path):
    if not shutil.which("postconf", path=os.environ["PATH"] + ":/usr/sbin"):
        pytest.skip("no Postfix here")
    (tmp_path / "master.cf").touch()
    (tmp_path / "main.cf").write_text(
        "compatibility_level = 3.6\n" + (EXAMPLES / "postfix-main.cf").read_text())
    done = subprocess.run(["/usr/sbin/postconf", "-c", tmp_path, "-n"], text=True,
                          capture_output=True)
    assert done.returncode == 0 and done.stderr == ""
    for line in (EXAMPLES / "postfix-main.cf").read_text().splitlines():
        assert line.startswith("#") or line in done.stdout, done.stdout
