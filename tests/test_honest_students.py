"""Right answers in unusual notebooks gain full marks, in each sandbox there is."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import RETURNS
from processes import ROOT

from course.exercises import EXERCISES
from course.grading.judge import judge_all
from course.grading.judging import Job
from course.grading.process import Workers
from course.grading.result import Result
from course.grading.sandbox import available
from course.grading.student import Student
from course.grading.submissions import Submission

# One process runs them all, so that each sandbox is started once.

NAMES = [name for name, each in EXERCISES.items() if each.number.startswith("01.")]

TARGETS = """
def one_step_targets(rewards, next_values, terminated, gamma):
    return rewards + gamma * next_values * ~terminated
"""
VALUE = """
def bootstrap_value(last_value, terminated):
    return 0.0 if terminated else last_value
"""
ADVANTAGES = """
def advantages(returns, values):
    return returns - values.detach()
"""
OTHERS = TARGETS + VALUE + ADVANTAGES
ANSWERS = OTHERS + RETURNS
STUB = """
def n_step_returns(rewards, bootstrap_value, gamma):
    raise NotImplementedError("Exercise 01.2: write n_step_returns")
"""
IMPORTS = "import torch\nfrom course import check, hint, predict, ready, solution"


def beginning(line: str) -> str:
    """The answers, each of which does this first."""
    return re.sub(r"(def .*:\n)", rf"\1    {line}\n", ANSWERS)


# By what is unusual in it, the cells of a notebook. Each has all four answers.
CELLS: dict[str, list[Any]] = {
    "nothing": [IMPORTS, TARGETS, RETURNS, VALUE, ADVANTAGES],
    # What it says and shows
    "warnings": [
        IMPORTS,
        "import sys, warnings\nwarnings.warn('beware')\nprint('!', file=sys.stderr)",
        OTHERS,
        RETURNS.replace("    R,", "    warnings.warn('old')\n    R,"),
    ],
    "warnings that are errors": [
        IMPORTS,
        "import warnings\nwarnings.simplefilter('error')",
        ANSWERS,
    ],
    "prints in the answers": [
        IMPORTS,
        "print('x' * 10**6, '→ γ ∇ 🎲')",
        beginning("print('called', locals(), flush=True)"),
        "import os\nos.write(1, b'raw')\nos.system('echo shell')",
    ],
    "logging": [
        "import logging\nlogging.basicConfig(level=logging.DEBUG, filename='my.log')",
        IMPORTS,
        beginning("logging.info('called')"),
    ],
    "figures": [
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nimport numpy as np",
        IMPORTS,
        "plt.plot(np.arange(3))\nplt.title('γ')\nplt.show()\nplt.savefig('a.png')",
        ANSWERS,
    ],
    "progress bars": [
        "from tqdm.auto import tqdm, trange\nfrom tqdm.notebook import tqdm as bars",
        IMPORTS,
        "from tqdm import tqdm\nfor _ in tqdm(range(100)):\n    pass",
        OTHERS,
        RETURNS.replace("reversed(rewards)", "tqdm(list(reversed(rewards)))"),
    ],
    "rich output": [
        "from IPython.display import HTML, Markdown, clear_output, display",
        "display(HTML('<b>x</b>'), Markdown('# x'))\nclear_output(wait=True)\n1 + 1",
        IMPORTS,
        ANSWERS,
    ],
    # Magics, shell lines and what only Jupyter understands
    "magics": [
        "%load_ext autoreload\n%autoreload 2\n%matplotlib widget\n" + IMPORTS,
        "!pip install torch\n%pip list\n?torch.stack\ntorch.stack??\n%who\n%cd .",
        "files = !ls\nfor file in files:\n    print(file)\nlen(files), files[:3]",
        "%%time\n" + OTHERS,
        "%timeit 1 + 1\n%env A=1\n" + RETURNS,
        "%%bash\nls",
        "%%html\n<b>not Python</b>",
    ],
    "magics in a function": [
        IMPORTS,
        OTHERS,
        RETURNS.replace("    R, r", "    !echo called\n    %time y = 1\n    R, r"),
    ],
    "magics above magics": [
        IMPORTS,
        "%%capture\n%%time\n\n" + OTHERS,
        "\n\n%%capture kept --no-stderr\n%timeit 1\n" + RETURNS,
        "kept.show()",
    ],
    "a line that is timed": ["%time import torch", "%time\n" + IMPORTS, ANSWERS],
    "a file of its own": [
        "%%writefile my_helper.py\nimport torch\n" + RETURNS,
        "%%writefile -a my_helper.py\n" + VALUE,
        "from my_helper import n_step_returns\nfrom my_helper import *\n" + IMPORTS,
        TARGETS + ADVANTAGES,
    ],
    "a file that is run": [
        "%%file answers.py\nimport torch\n" + ANSWERS,
        "%run answers.py",
    ],
    "IPython's own names": [
        "from IPython import get_ipython\nshell = get_ipython()\n"
        "shell.run_line_magic('matplotlib', 'inline')\nshell.system('ls')\n"
        "if 'google.colab' in str(get_ipython()):\n    raise SystemExit\n" + IMPORTS,
        "40 + 2",
        "assert _ == 42",
        ANSWERS,
        "In[3], Out[3], _3, __",
    ],
    "await": [
        "import asyncio\nawait asyncio.sleep(0)\nsize = await asyncio.sleep(0, 3)",
        IMPORTS,
        "async with asyncio.timeout(60):\n    assert size == 3\n" + ANSWERS,
    ],
    "prompts of a console": [
        IMPORTS,
        OTHERS,
        "\n".join(
            f"{'>>>' if i == 0 else '...'} {line}"
            for i, line in enumerate(RETURNS.strip().split("\n"))
        ),
    ],
    # Packages that the grader does not have
    "Colab's imports": [
        "import torch, no_such_package\nfrom google.colab import drive\n"
        "drive.mount('/content/drive')\nimport no.such.thing as nst, os\n"
        "nst.set_theme(style='dark')\n" + IMPORTS,
        "from no_such_package import *\n" + OTHERS,
        "from beartype import beartype\n@beartype" + RETURNS,
    ],
    # Where things stand
    "from bottom to top": [ADVANTAGES, VALUE, RETURNS, TARGETS, IMPORTS],
    "run in another order": [
        "def n_step_returns(rewards: torch.Tensor, bootstrap_value, gamma):\n"
        "    return backwards(rewards, bootstrap_value, gamma)",
        "@no_grad()" + ADVANTAGES,
        "from torch import no_grad",
        RETURNS.replace("n_step_returns", "backwards"),
        IMPORTS + TARGETS + VALUE,
    ],
    "two definitions": [
        IMPORTS,
        ANSWERS,
        RETURNS.replace("reward + gamma", "reward - gamma"),
        STUB,
        RETURNS,
    ],
    "the same cell twice": [IMPORTS, ANSWERS, ANSWERS],
    "cells split": [
        IMPORTS,
        TARGETS,
        "gamma = 0.9\n",
        "if True:" + RETURNS.replace("\n", "\n    "),
        "try:" + VALUE.replace("\n", "\n    ") + "\nfinally:\n    pass",
        ADVANTAGES,
    ],
    "unfinished later work": [
        IMPORTS,
        ANSWERS,
        "def n_step_q_targets(rewards, bootstrap_q_values, terminated, gamma):\n"
        "    raise NotImplementedError('Exercise 05.1')",
        "def a3c_loss(network",
    ],
    "names used again": [
        IMPORTS,
        ANSWERS,
        "advantages = advantages(torch.ones(2), torch.ones(2))\n"
        "bootstrap_value = 4.0\ndel one_step_targets",
        "from course.returns import n_step_returns  # to compare",
    ],
    # Cells that fail
    "errors elsewhere": [
        IMPORTS,
        "1 / 0",
        "this is no Python",
        "raise KeyboardInterrupt",
        "exit()",
        "name = input('Your name?')",
        "open('data_of_mine.csv')",
        "assert False, 'my own test'",
        ANSWERS + "\nraise SystemExit",
    ],
    "an endless cell": [IMPORTS, OTHERS, RETURNS + "\nwhile True: pass"],
    "a cell that ends the kernel": [IMPORTS, "import os\nos._exit(1)", ANSWERS],
    # Dtypes
    "NumPy": [
        "import numpy as np",
        "def one_step_targets(r, v, done, gamma):\n"
        "    return np.where(done, r, np.float64(r) + gamma * np.float64(v))",
        "def n_step_returns(r, last, gamma):\n    out = np.zeros(len(r) + 1)\n"
        "    out[-1] = last\n    for i in range(len(r))[::-1]:\n"
        "        out[i] = r[i] + gamma * out[i + 1]\n    return out[:-1]",
        "def bootstrap_value(v, done):\n    return np.int8(0) if done else v.numpy()",
        "def advantages(r, v):\n    return r.numpy() - v.detach().numpy()",
        "np.set_printoptions(precision=2)\nnp.seterr(all='raise')\nnp.random.seed(0)",
    ],
    "lists and plain numbers": [
        "def one_step_targets(r, v, done, gamma):\n"
        "    return [float(a) if c else float(a + gamma * b)"
        " for a, b, c in zip(r, v, done)]",
        "def n_step_returns(r, last, gamma):\n    out = []\n    R = float(last)\n"
        "    for x in reversed(r.tolist()):\n        R = x + gamma * R\n"
        "        out.append(R)\n    return tuple(out[::-1])",
        "def bootstrap_value(v, done):\n    return 0 if done else v.item()",
        "def advantages(r, v):\n    return (r - v).tolist()",
    ],
    "float64": [
        IMPORTS,
        OTHERS.replace("returns -", "returns.double() -"),
        RETURNS.replace("torch.stack(returns)", "torch.stack(returns).double()"),
    ],
    "numbers with axes": [
        IMPORTS,
        TARGETS + RETURNS + ADVANTAGES,
        "def bootstrap_value(v, done):\n    return (v * ~done).reshape(1, 1)",
    ],
    # Settings of the whole process
    "settings": [
        IMPORTS,
        "import numpy, os, random, sys\nrandom.seed(1)\nnumpy.random.seed(1)\n"
        "torch.manual_seed(1)\ntorch.use_deterministic_algorithms(True)\n"
        "torch.set_num_threads(4)\ntorch.set_printoptions(precision=9)\n"
        "sys.setrecursionlimit(10**6)\nos.environ['OMP_NUM_THREADS'] = '8'\n"
        "torch.set_default_dtype(torch.float64)",
        ANSWERS,
    ],
    "no gradients": [IMPORTS, "torch.set_grad_enabled(False)", ANSWERS],
    # What Python can do
    "lambdas": [
        IMPORTS,
        "one_step_targets = lambda r, v, done, gamma: r + gamma * v * ~done",
        "bootstrap_value = lambda v, done: 0.0 if done else v",
        RETURNS.replace("def n_step_returns", "def backwards"),
        "n_step_returns = backwards",
        "import functools, operator\n"
        "def minus(sign, returns, values):\n    return returns - values.detach()\n"
        "advantages = functools.partial(minus, -1)",
    ],
    "classes": [
        "from __future__ import annotations",
        "import abc, dataclasses, enum, typing\n" + IMPORTS + OTHERS,
        "@dataclasses.dataclass\nclass Discount:\n    gamma: float\n"
        "    history: list[NotYetKnown] = dataclasses.field(default_factory=list)\n",
        "class Backwards:\n    def __call__(self, rewards, bootstrap_value, gamma):\n"
        "        return self.walk(rewards, bootstrap_value, Discount(gamma))\n"
        "    @staticmethod\n    def walk(rewards: NotYetKnown, R, discount):\n"
        "        returns = []\n        for reward in reversed(rewards):\n"
        "            R = reward + discount.gamma * R\n"
        "            returns = [R] + returns\n        return torch.stack(returns)",
        "n_step_returns = Backwards()",
    ],
    "decorators": [
        IMPORTS + "\nimport contextlib, functools, time",
        "def timed(function):\n    @functools.wraps(function)\n"
        "    def inner(*args, **kwargs):\n        began = time.time()\n"
        "        with contextlib.suppress(ZeroDivisionError):\n"
        "            return function(*args, **kwargs)\n    return inner",
        "@timed" + TARGETS,
        "@functools.lru_cache(maxsize=None)\n@timed" + RETURNS,
        "@torch.no_grad()\n@torch.inference_mode()" + ADVANTAGES,
        "@torch.no_grad()" + VALUE,
    ],
    "type hints": [
        IMPORTS,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import jaxtyping",
        "from torch import Tensor\n" + OTHERS,
        "def n_step_returns(rewards: Tensor, bootstrap_value: float | Tensor, "
        "gamma: float = 0.99, *, hint: 'jaxtyping.Float' = None) -> list[Tensor]:"
        + RETURNS.partition(":")[2],
    ],
    "a compiled function": [
        IMPORTS,
        OTHERS,
        "@torch.jit.script\ndef n_step_returns(rewards, bootstrap_value: float, "
        "gamma: float):\n    returns = torch.zeros_like(rewards)\n"
        "    R = bootstrap_value\n    for i in range(len(rewards) - 1, -1, -1):\n"
        "        R = float(rewards[i]) + gamma * R\n        returns[i] = R\n"
        "    return returns",
    ],
    "names that are not ASCII": [
        IMPORTS,
        "β = Δt = 1\ndef größe(werte):\n    return len(werte)",
        OTHERS,
        "def n_step_returns(награды, 价值, γ):\n    R, 𝑅s = 价值, []\n"
        "    for r in reversed(награды):\n        R = r + γ * R\n"
        "        𝑅s.insert(0, R)\n    return torch.stack(𝑅s)",
    ],
    "tabs": [IMPORTS, ANSWERS.replace("    ", "\t"), "\x0c\nx = 1"],
    "tests of its own": [
        IMPORTS + "\nimport unittest, doctest",
        ANSWERS,
        "assert n_step_returns(torch.ones(2), 0.0, 0.5).tolist() == [1.5, 1.0]\n"
        "check(n_step_returns)\nresult = check(advantages)\nassert ready is not None",
        "if __name__ == '__main__':\n    unittest.main(argv=['x'], exit=False)\n"
        "    doctest.testmod()",
        "if ready(n_step_returns):\n    raise RuntimeError",
    ],
    "training of its own": [
        IMPORTS + "\nimport course, gymnasium\nfrom course import A3C",
        ANSWERS,
        {"source": "while True:\n    pass", "metadata": {"tags": ["train"]}},
        "course.train(A3C, 'CartPole-v1', steps=10**9)",
        "env = gymnasium.make('CartPole-v1')\nenv.reset(seed=0)\n"
        "for _ in range(50):\n    env.step(env.action_space.sample())",
        "network = torch.nn.Linear(4, 2)\n"
        "optimiser = torch.optim.RMSprop(network.parameters())\n"
        "network(torch.ones(4)).sum().backward()\noptimiser.step()",
    ],
    # What a sandbox may stumble over
    "files": [
        IMPORTS + "\nimport tempfile, os, pathlib, pickle, shutil, sqlite3",
        "torch.save(torch.ones(3), 'a.pt')\ntorch.load('a.pt')\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    pathlib.Path(folder, 'x').write_text('é')\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    torch.save(torch.nn.Linear(2, 2).state_dict(), file)\n"
        "pickle.loads(pickle.dumps(torch.ones(2)))\nos.makedirs('runs/mine')\n"
        "os.listdir('.'), os.path.expanduser('~'), os.getcwd(), os.cpu_count()\n"
        "sqlite3.connect('a.db').close()\nshutil.rmtree('runs')\nworked = True",
        beginning("assert worked"),
    ],
    "threads and programs": [
        IMPORTS + "\nimport concurrent.futures as futures, subprocess, threading, time",
        "with futures.ThreadPoolExecutor(8) as pool:\n"
        "    assert list(pool.map(abs, range(-9, 0))) == list(range(9, 0, -1))\n"
        "subprocess.run(['ls'], check=True, capture_output=True)\n"
        "threading.Thread(target=time.sleep, args=(500,)).start()\nworked = True",
        beginning("assert worked"),
    ],
    "processes": [
        IMPORTS + "\nimport multiprocessing",
        "def square(x):\n    return x * x",
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    assert pool.map(square, range(9))[-1] == 64",
        "shared = torch.zeros(3).share_memory_()",
        ANSWERS,
    ],
    "a lot of memory": [
        IMPORTS,
        "big = torch.zeros(200, 2**20)  # 800 MB\nbig += 1\nworked = True",
        beginning("assert worked"),
    ],
    "no network": [
        IMPORTS,
        "import urllib.request\nurllib.request.urlopen('http://localhost:9/data')",
        ANSWERS,
    ],
}


def code(cell: Any) -> dict[str, Any]:
    """A cell as nbformat 4 has it; a dict says what is unusual in it."""
    unusual = {"source": cell} if isinstance(cell, str) else cell
    plain = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1}
    return plain | unusual


def notebook(*cells: Any, **fields: Any) -> bytes:
    content = {"cells": list(map(code, cells)), "metadata": {}, "nbformat": 4}
    return json.dumps(content | fields, ensure_ascii=False).encode()


def with_output(*outputs: Any) -> bytes:
    return notebook(IMPORTS, {"source": ANSWERS, "outputs": list(outputs)})


def older(version: int) -> bytes:
    def cell(source: str) -> dict[str, Any]:
        lines = source.splitlines(keepends=True)
        return {"cell_type": "code", "input": lines, "language": "python"}

    sheets = [{"cells": [cell(IMPORTS)]}, {"cells": list(map(cell, [OTHERS, RETURNS]))}]
    sheets[0]["cells"].append({"cell_type": "heading", "level": 1, "source": "Answers"})
    whole = {"nbformat": version, "nbformat_minor": 0, "worksheets": sheets}
    return json.dumps(whole | {"metadata": {"name": ""}}).encode()


WHOLE = notebook(IMPORTS, ANSWERS)
PICTURE = base64.b64encode(bytes(range(256)) * 4_000).decode()
SCRIPT = f"# %%\n{IMPORTS}\n\n# %%\n1 / 0\n# %% [markdown]\n# # é\n# %%\n{ANSWERS}"

# By what is unusual in it, a file's name and what it holds.
FILES: dict[str, tuple[str, bytes]] = {
    "a name with spaces and more": ("Zoë Müller – мой 01_returns 🎓 (2).ipynb", WHOLE),
    "a name that says nothing": ("Untitled3.ipynb", WHOLE),
    "a loud name": ("01_RETURNS.IPYNB", WHOLE),
    "nbformat 3": ("a.ipynb", older(3)),
    "nbformat 2": ("a.ipynb", older(2)),
    "nbformat 5": ("a.ipynb", notebook(IMPORTS, ANSWERS, nbformat=5, nbformat_minor=9)),
    "no metadata": (
        "a.ipynb",
        json.dumps(
            {"cells": [{"cell_type": "code", "source": IMPORTS + ANSWERS}]}
        ).encode(),
    ),
    "metadata of wrong types": (
        "a.ipynb",
        notebook(
            {"source": IMPORTS, "metadata": None},
            {"source": OTHERS, "metadata": {"tags": {"train": 1}}},
            {"source": RETURNS, "metadata": {"tags": [None, 7, "x"]}, "id": 3},
            metadata=[],
        ),
    ),
    "Windows line ends": (
        "a.ipynb",
        json.dumps({"cells": [code("%%time\n" + IMPORTS + ANSWERS)]}, indent=1)
        .replace("\n", "\r\n")
        .replace("\\n", "\\r\\n")
        .encode(),
    ),
    "line ends of old Macs": (
        "a.ipynb",
        notebook((IMPORTS + "\n!ls\n" + ANSWERS).replace("\n", "\r")),
    ),
    "a mark in front": ("a.ipynb", b"\xef\xbb\xbf" + WHOLE),
    "line separators of Unicode": (
        "a.ipynb",
        notebook(IMPORTS + "\nx = 'a\u2028b\u2029'  # \x85", "1 / 0", ANSWERS),
    ),
    "half a character": (
        "a.ipynb",
        json.dumps({"cells": [code(IMPORTS + "  # \ud83d"), code(ANSWERS)]}).encode(),
    ),
    "lines with something else among them": (
        "a.ipynb",
        notebook({"source": [IMPORTS, "\n", None, 7, *ANSWERS.splitlines(True)]}),
    ),
    "cells that are none": (
        "a.ipynb",
        notebook(
            IMPORTS,
            {"source": 7},
            {"source": None},
            {"cell_type": "sql", "source": "SELECT"},
            {"cell_type": ["code"]},
            ANSWERS,
        ).replace(b'"cells": [', b'"cells": [null, [], 3, "x", {}, '),
    ),
    "a large picture": (
        "a.ipynb",
        with_output({"output_type": "display_data", "data": {"image/png": PICTURE}}),
    ),
    "outputs of wrong types": (
        "a.ipynb",
        with_output(None, 7, [[]], {"output_type": {}, "text": [1], "data": "x"}),
    ),
    "outputs that are no list": (
        "a.ipynb",
        notebook(IMPORTS, {"source": ANSWERS, "outputs": {"text": float("nan")}}),
    ),
    "a long output": (
        "a.ipynb",
        with_output(
            {"output_type": "stream", "name": "stdout", "text": ["x" * 99] * 10**5},
            {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\x1b"]},
        ),
    ),
    "Colab": (
        "a.ipynb",
        notebook(
            {
                "source": "#@title Imports { display-mode: 'form' }\n" + IMPORTS,
                "metadata": {"id": "x1", "colab": {"base_uri": "https://localhost/"}},
            },
            "epsilon = 0.5  #@param {type:'slider', min:0, max:1}\n" + ANSWERS,
            metadata={
                "colab": {"provenance": [], "gpuType": "T4"},
                "accelerator": "GPU",
                "kernelspec": {"name": "python3", "display_name": "Python 3"},
            },
        ),
    ),
    "VS Code": (
        "a.ipynb",
        notebook(
            {"source": IMPORTS, "metadata": {"vscode": {"languageId": "python"}}},
            {"source": ANSWERS, "execution_count": None},
            metadata={"language_info": {"name": "python", "version": "3.12.1"}},
        ),
    ),
    "Kaggle": (
        "a.ipynb",
        notebook(
            {
                "source": "import os\nfor folder in os.walk('/kaggle/input'):\n"
                "    print(folder)\n" + IMPORTS,
                "metadata": {"_uuid": "8f2", "_cell_guid": "b10", "trusted": True},
            },
            ANSWERS,
            metadata={"kaggle": {"accelerator": "none", "dataSources": []}},
        ),
    ),
    "nbgrader": (
        "a.ipynb",
        notebook(
            IMPORTS,
            {
                "source": ANSWERS,
                "metadata": {
                    "deletable": False,
                    "nbgrader": {"grade_id": "x", "schema_version": 3, "locked": False},
                },
            },
        ),
    ),
    "a script": ("my.py", SCRIPT.encode()),
    "a script from Windows": (
        "my.py",
        b"\xef\xbb\xbf" + SCRIPT.replace("\n", "\r\n").encode(),
    ),
    "a script by nbconvert": (
        "my.py",
        SCRIPT.replace("# %%\n", "# In[3]:\n\n\n").encode(),
    ),
    "a plain script": ("01_returns.py", f"{IMPORTS}\n{ANSWERS}".encode()),
} | {name: ("a.ipynb", notebook(*cells)) for name, cells in CELLS.items()}

# Of these something is noted, and of no other.
NOTED = frozenset(
    [
        "Colab's imports",
        "IPython's own names",
        "a cell that ends the kernel",
        "a script",
        "a script by nbconvert",
        "a script from Windows",
        "an endless cell",
        "errors elsewhere",
        "line separators of Unicode",
        "magics above magics",
        "no network",
        "the same cell twice",
        "two definitions",
        "unfinished later work",
    ]
)
# Landlock has no memory that processes could share.
SOMETIMES_NOTED = frozenset(["processes"])


SETTINGS = """
import random, warnings, numpy, torch
random.seed(3), numpy.random.seed(3), torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)
torch.autograd.set_detect_anomaly(True)
print("begin")
"""


def solved(lesson: str) -> bytes:
    """A lesson with its solutions, below a cell of somebody's own."""
    content = json.loads((ROOT / "solutions" / f"{lesson}.ipynb").read_text("utf-8"))
    return notebook(SETTINGS, *content["cells"])


SOLVED = {
    path.stem: ("my work.ipynb", solved(path.stem))
    for path in sorted((ROOT / "solutions").glob("*.ipynb"))
}


@pytest.fixture(scope="module", params=available() or ["none"])
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Result]]:
    """By what is unusual in it, the result of each notebook that is tested."""
    folder = tmp_path_factory.mktemp("honest")
    jobs = []
    for number, (unusual, (name, content)) in enumerate((FILES | SOLVED).items()):
        if any(each.name.endswith(f"-{unusual}]") for each in request.session.items):
            path = folder / str(number) / name
            path.parent.mkdir()
            path.write_bytes(content)
            jobs.append(Job(Submission(unusual, (path,))))
    found: dict[str, Result] = {}

    def note(result: Result) -> None:
        found[result.submission] = result

    with pytest.MonkeyPatch.context() as patch, Workers(request.param) as workers:
        patch.setattr("course.grading.session.CELL_SECONDS", 10.0)  # one is endless
        judge_all(jobs, note, workers, 0, ROOT / "tests" / "autograders")
        yield found


@pytest.mark.timeout(600)  # the first one waits for all
@pytest.mark.parametrize("unusual", FILES)
def test_it_has_full_marks(unusual: str, results: dict[str, Result]) -> None:
    result = results[unusual]
    told = {each.name: each.message for each in result.exercises}
    assert told == dict.fromkeys(NAMES, "")
    assert result.points == result.max_points > 0
    if unusual not in SOMETIMES_NOTED:
        assert bool(result.warnings) == (unusual in NOTED), result.warnings


def test_what_a_screen_can_show_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")  # much as on Windows
    path = tmp_path / "a.ipynb"
    path.write_bytes(notebook(IMPORTS, beginning("print('γ')")))
    with Student(path) as student:
        assert student.verdict("n_step_returns").outcome == "passed"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lesson", SOLVED)
def test_so_has_every_lesson_whatever_is_set(
    lesson: str, results: dict[str, Result]
) -> None:
    result = results[lesson]
    assert {each.message for each in result.exercises} == {""}
    assert {each.lesson for each in result.exercises} == {lesson}
    assert result.points == result.max_points > 0
