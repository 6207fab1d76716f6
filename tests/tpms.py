"""A software TPM for the tests: swtpm, as virtual machines use.

Programs reach it through TPM2TOOLS_TCTI. On a real machine the kernel's resource manager (/dev/tpmrm0) removes a
program's objects from the TPM when it ends. Here, wrappers around tpm2-tools do that.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path


class Tpm:
    """A TPM with its own state, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}
        self.log = folder / "arguments"
        self._wrap()
        self.start()

    def _wrap(self) -> None:
        for name in ("createprimary", "create", "load", "unseal"):
            real, wrapper = shutil.which(f"tpm2_{name}"), self.folder / "bin" / f"tpm2_{name}"
            flush = shutil.which("tpm2_flushcontext")
            assert real and flush, "make tools"
            wrapper.parent.mkdir(exist_ok=True)
            wrapper.write_text(
                f'#!/bin/bash\nprintf \'%s\\n\' "{name} $*" >> {self.log}\n{real} "$@"; code=$?\n'
                f"{flush} -t 2>/dev/null\nexit $code\n"
            )
            wrapper.chmod(0o755)

    def start(self) -> None:
        """Starts it on two consecutive ports, as its clients expect."""
        for _ in range(50):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self._process = subprocess.Popen(
                [
                    "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder / 'state'}",
                    "--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}",
                    "--flags", "not-need-init,startup-clear",
                ],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if self._answers(port + 1):
                path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
                self.env = {"TPM2TOOLS_TCTI": f"swtpm:host=127.0.0.1,port={port}", "PATH": path}
                return
            self.stop()
        raise AssertionError("swtpm does not start")

    def _answers(self, port: int) -> bool:
        process = self._process
        while process and process.poll() is None:  # it ends when a port is taken
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        return False

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def tool(self, *words: str) -> str:
        """Runs one of the tpm2-tools, as the machine's administrator."""
        return subprocess.run(words, env=self.env, check=True, capture_output=True, text=True).stdout
