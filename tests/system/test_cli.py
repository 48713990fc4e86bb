"""The command line of mxbound: help, version, and every way to be wrong.

Nothing here starts the resolver: a wrong setting must end the program before
that, and the rest only prints.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("MX_BUILD", "build") / "mxbound"


def mxbound(*arguments, cwd=None, env=None):
    return subprocess.run([PROGRAM, *arguments], cwd=cwd, env=env, text=True,
                          errors="backslashreplace", capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def told(result):
    """The one line that a failed run says, without the program's name."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    head, _, text = result.stderr.partition("mxbound: error: ")
    assert head == ""
    return text.rstrip("\n")


@pytest.fixture
def folder(tmp_path):
    """Errors name the file as it was given, so tests give a short name."""
    return tmp_path


def check(folder, text, *arguments):
    """--check-config of text as t.conf."""
    (folder / "t.conf").write_bytes(text if isinstance(text, bytes) else text.encode())
    return mxbound("-c", "t.conf", "--check-config", *arguments, cwd=folder)


# ---- what only prints ----

@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option):
    result = mxbound(option)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("usage: mxbound [-c FILE] [--set KEY=VALUE]...\n")
    assert max(map(len, result.stdout.splitlines())) <= 80
    for key in ("listen", "access-control", "workers", "resolvers", "cache-size",
                "root-hints", "trust-anchor-file", "resolver-option", "forward-zone",
                "user", "log-level"):
        assert re.search(rf"^  {key}: ", result.stdout, re.M), key
    assert "options-markdown" not in result.stdout


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option):
    result = mxbound(option)
    assert result.returncode == 0 and result.stderr == ""
    assert re.fullmatch(r"mxbound \d+\.\d+\.\d+\nbuilt with (gcc|clang) .+ for .+\n",
                        result.stdout)


def test_help_that_cannot_be_written_is_no_success():
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "--help"], stdout=full, text=True,
                                stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 1
    assert result.stderr == ("mxbound: error: cannot write to standard output: "
                             "No space left on device\n")


def test_readme_has_the_options_of_the_program():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    inside = re.search(r"^<!-- options: begin -->\n(.*?)^<!-- options: end -->$",
                       readme.read_text(), re.M | re.S)
    assert inside, "README.md has no table of options"
    assert inside[1].strip() == mxbound("--options-markdown").stdout.strip(), \
        "the table is old; make docs"


# ---- wrong usage ----

@pytest.mark.parametrize("arguments, want", [
    (["-x"], 'there is no option "-x"; see mxbound --help'),
    (["-vc"], 'there is no option "-v"; see mxbound --help'),
    (["--wrong"], 'there is no option "--wrong"; see mxbound --help'),
    (["--check-config=yes"], 'option "--check-config=yes" takes no value; see mxbound --help'),
    (["-c"], 'option "-c" needs a value; see mxbound --help'),
    (["--set"], 'option "--set" needs a value; see mxbound --help'),
    (["a.conf"], '"a.conf" is left over, a file is given with -c; see mxbound --help'),
    (["-c", "a", "-c", "b"], 'option "-c" is given twice; see mxbound --help'),
    (["-\x1b[2J"], r'there is no option "-\x1b"; see mxbound --help'),
])
def test_wrong_usage(arguments, want):
    assert told(mxbound(*arguments)) == want


# ---- --check-config ----

def test_defaults_are_ok():
    result = mxbound("--check-config")
    assert (result.returncode, result.stdout, result.stderr) == (0, "configuration: ok\n", "")


def test_what_is_not_the_default_is_shown(folder):
    result = check(folder, "cache-size: 64m\nworkers: 2\r\nlisten: 127.0.0.2@53",
                   "--set", "ttl-max=7200")
    assert result.returncode == 0, result.stderr
    assert result.stdout == 't.conf: ok\nlisten: "127.0.0.2@53"\nworkers: 2\nttl-max: 2h\n'


def test_what_is_shown_can_be_read_again(folder):
    first = check(folder, 'forward-zone: example.com 192.0.2.1 2001:db8::1@54\n'
                          'resolver-option: edns-buffer-size: 1400\n'
                          'access-control: 192.0.2.0/24 allow # us\n'
                          'user: "root"\nlog-level: debug\nqname-minimisation: yes\n')
    assert first.returncode == 0, first.stderr
    lines = first.stdout.removeprefix("t.conf: ok\n")
    assert lines.count("\n") == 6
    assert check(folder, lines).stdout == first.stdout


def test_a_pipe_is_a_file_too(folder):
    read, write = os.pipe()
    os.write(write, b"workers: 3\n")
    os.close(write)
    result = subprocess.run([PROGRAM, "-c", f"/dev/fd/{read}", "--check-config"], text=True,
                            capture_output=True, timeout=60, pass_fds=[read])
    os.close(read)
    assert result.stdout == f"/dev/fd/{read}: ok\nworkers: 3\n", result.stderr


@pytest.mark.parametrize("text, want", [
    ("# a\n\ncache-szie: 64m\n",
     't.conf:3: unknown key "cache-szie"; did you mean "cache-size"?'),
    ("workers: many\n",
     't.conf:1: "many" is no value for "workers"; accepted: a number from 0 to 64 (threads), '
     'default 0'),
    ("cache-size: 512k\n",
     't.conf:1: "512k" is too small for "cache-size"; accepted: a number from 1m to 1024g '
     '(octets, or with k, m or g), default 64m'),
    ("listen: 127.0.0.1:53\n",
     't.conf:1: "127.0.0.1:53" is not an address; the port goes after @, as in 127.0.0.1@53'),
    ("access-control: 10.0.0.1/8 allow\n",
     't.conf:1: 10.0.0.1/8 has bits set after its first 8; the network is 10.0.0.0/8, '
     'the address alone 10.0.0.1/32'),
    ("workers: 1\nworkers: 2\n",
     't.conf:2: "workers" was already set in line 1; keep one of them'),
    ("listen: 0.0.0.0@53\nforward-zone: . 127.0.0.1\n",
     't.conf:2: 127.0.0.1@53 is where mxbound itself listens (listen: 0.0.0.0@53), '
     'so questions would go round in circles; name another server'),
    ("resolver-option: private-address: 127.0.0.0/8\n",
     't.conf:1: 127.0.0.0/8 must not be private: DNS block lists answer with 127.0.0.0/8, '
     'and their answers would vanish; leave it out'),
    ("root-hints: /none/hints\n",
     't.conf:1: cannot open "/none/hints" for "root-hints": No such file or directory; '
     'name a file that can be read'),
    (b"user: ro\0ot\n",
     't.conf:1: NUL octet in column 9; the file must be plain text in UTF-8'),
    (b"user: r\xf6t\n",
     't.conf:1: octet \\xf6 in column 8 is not UTF-8; save the text as UTF-8'),
], ids=lambda value: "")
def test_wrong_settings(folder, text, want):
    assert told(check(folder, text)) == want
    # The same words when it is not only asked: nothing is started then.
    assert told(mxbound("-c", "t.conf", cwd=folder)) == want


def test_a_line_without_end(folder):
    assert told(check(folder, "user: " + "x" * 1_000_000)) == \
        "t.conf:1: the line has 1000006 octets; at most 8192 are taken"


def test_wrong_set(folder):
    assert told(mxbound("--set", "cache-szie=1m")) == \
        '--set cache-szie=1m: unknown key "cache-szie"; did you mean "cache-size"?'
    assert told(mxbound("--set", "cache-size")) == \
        "--set cache-size: not KEY=VALUE; write it as in --set cache-size=64m"
    # The file's lines are looked at first.
    assert told(check(folder, "flurb: 1\n", "--set", "x=y")) == \
        't.conf:1: unknown key "flurb"; "mxbound --help" lists all keys'


def test_files_that_cannot_be_read(folder):
    assert told(mxbound("-c", "none.conf", cwd=folder)) == \
        "none.conf: cannot open the file: No such file or directory; check the path"
    assert told(mxbound("-c", ".", cwd=folder)) == \
        ".: cannot read the file: Is a directory; name a file in it"
    if os.geteuid() != 0:
        (folder / "mine.conf").touch(mode=0)
        assert told(mxbound("-c", "mine.conf", cwd=folder)) == \
            "mine.conf: cannot open the file: Permission denied; " \
            "let the account that starts mxbound read it"


def test_a_loop_has_its_reason_whatever_says_it():
    assert told(mxbound("--set", "forward-zone=. ::1@5335")).startswith(
        "--set forward-zone=. ::1@5335: ::1@5335 is where mxbound itself listens")


def test_a_file_name_sends_nothing_to_the_terminal():
    text = told(mxbound("-c", "/none/\x1b]0;x\x07\nfake: line"))
    assert text.startswith(r"/none/\x1b]0;x\x07\x0afake: line: cannot open")
