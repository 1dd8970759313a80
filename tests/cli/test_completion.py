"""The completion scripts, and bash's at work."""

import subprocess

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


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command_and_setting(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("convert", "max-bit-rate", "spot-watch", "prores"))


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bsh"]) == 2
    assert "'bsh' is not one of bash, zsh, fish; did you mean bash?" in capsys.readouterr().err
