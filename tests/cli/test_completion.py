"""The completion scripts, each at work in its shell."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from time import monotonic

import pytest

from slomo_batch.cli.completion import script
from slomo_batch.cli.main import main, parser


def completed(script: str, *words: str) -> list[str]:
    """What bash offers for the last word of a command."""
    code = f"""{script}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
_shtab_slomo_batch; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def bash() -> str:
    return script(parser(), "bash")


def test_bash_completes_commands_options_and_values(bash: str) -> None:
    assert completed(bash, "slomo-batch", "conv") == ["convert"]
    assert completed(bash, "slomo-batch", "weights", "") == ["list", "show", "import"]
    assert completed(bash, "slomo-batch", "convert", "--slow") == ["--slowdown"]
    assert completed(bash, "slomo-batch", "convert", "--codec", "h") == ["h264", "hevc"]
    assert completed(bash, "slomo-batch", "convert", "--for", "") == ["draft", "web", "master"]
    assert completed(bash, "slomo-batch", "convert", "--preset", "ul") == ["ultrafast"]


@pytest.mark.skipif(not which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("slomo-batch conv", ["convert\tconvert one or more videos, without a manifest"]),
        ("slomo-batch weights ", ["import", "list", "show"]),
        ("slomo-batch convert --slow", ["--slowdown"]),
        ("slomo-batch convert --codec h", ["h264", "hevc"]),
        ("slomo-batch convert f", ["film.mp4"]),
    ],
)
def test_fish_completes(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    (tmp_path / "slomo-batch.fish").write_text(script(parser(), "fish"))
    words = ["fish", "--no-config", "-c", "source slomo-batch.fish; complete -C $argv[1]", line]
    shell = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    shown = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path, env=shell).stdout
    found = shown.splitlines()
    assert len(found) == len(offered)
    assert all(one.startswith(start) for one, start in zip(found, offered, strict=True)), shown


@pytest.mark.skipif(not which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("slomo-batch conv", "slomo-batch convert "),
        ("slomo-batch weights ", "import  -- convert a public SuperSloMo.ckpt"),
        ("slomo-batch convert --codec h", "h264  hevc"),
        ("slomo-batch convert fi", "film.mp4"),
    ],
)
def test_zsh_completes(typed: str, offered: str, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    (tmp_path / "_slomo-batch").write_text(script(parser(), "zsh"))
    setup = f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -D; print rea''dy\n"
    with zsh_in(tmp_path) as terminal:
        os.write(terminal, setup.encode())
        assert read_until(terminal, "ready")
        os.write(terminal, f"{typed}\t".encode())
        assert read_until(terminal, offered)


@contextmanager
def zsh_in(folder: Path) -> Iterator[int]:
    """An interactive zsh; yields its terminal."""
    ours, its = pty.openpty()
    tty.setraw(its)
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    shell = {"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "> "}
    running = subprocess.Popen(["zsh", "-f", "-i"], stdin=its, stdout=its, stderr=its, cwd=folder, env=shell)
    os.close(its)
    try:
        yield ours
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows until this text; fails if it does not within a minute."""
    shown, end_s = "", monotonic() + 60
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end_s - monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65536).decode()
    return shown


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command_and_setting(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("convert", "max-bit-rate", "spot-watch", "prores"))


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bsh"]) == 2
    assert "'bsh' is not one of bash, zsh, fish; did you mean bash?" in capsys.readouterr().err
