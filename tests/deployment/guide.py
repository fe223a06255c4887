"""The commands of docs/operations.md, run unchanged; variables that they set are kept for the next ones."""

import re
import subprocess
import textwrap
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs/operations.md"


class Guide:
    def __init__(self, folder, environment):
        """Runs commands in `folder`, the first of them with `environment`."""
        self.folder = folder
        self.environment = environment
        blocks = re.findall(r"(?ms)^ *```(\w+)\n(.*?)^ *```$", GUIDE.read_text())
        self.blocks = [(language, textwrap.dedent(block)) for language, block in blocks]
        self.done = set()

    def block(self, words, language="sh"):
        """The only block that contains `words`."""
        found = [block for of_language, block in self.blocks if of_language == language and words in block]
        assert len(found) == 1, f"{len(found)} blocks of docs/operations.md have {words!r}"
        return found[0]

    def run(self, words, replaced=(), **more):
        """Runs the block with `words`, and returns its output. `replaced` has pairs of a text in the block and its replacement
        here; each text must occur."""
        block = self.block(words)
        for text, by in replaced:
            assert text in block, f"{text!r} is not in {block}"
            block = block.replace(text, by)
        # Here everything is ready at once, so nothing is waited for.
        script = f"set -euo pipefail; sleep() {{ :; }}; set -a\n{block}\nset +a; env -0 >environment.after"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env={**self.environment, **more}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        if done.returncode:
            raise SystemExit(f"{block}\n{done.stdout}\n{done.stderr}\nends with {done.returncode}")
        pairs = (Path(self.folder) / "environment.after").read_text().rstrip("\0").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if not pair.startswith("BASH_FUNC_"))
        self.done.add(self.block(words))
        return done.stdout

    def left_out(self):
        """The first line of each block of commands that was not run."""
        return [block.splitlines()[0] for language, block in self.blocks if language == "sh" and block not in self.done]

    def __getitem__(self, variable):
        return self.environment[variable]
