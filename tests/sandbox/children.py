"""Fork servers and their children, as the operating system lists them."""

import time

import psutil


def fork_server_of(parent: psutil.Process) -> psutil.Process:
    """The fork server that this process started."""
    (server,) = (one for one in parent.children() if "sandbox.fork_server" in " ".join(one.cmdline()))
    return server


def only_child() -> psutil.Process:
    """The child that waits for this process, as soon as those of earlier calls are gone."""
    server = fork_server_of(psutil.Process())
    while len(children := server.children()) != 1:
        time.sleep(0.01)
    return children[0]
