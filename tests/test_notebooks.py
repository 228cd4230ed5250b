"""The notebooks run from top to bottom, and are kept without their output."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

# In a process of its own: the client keeps an event loop, and the browser tests may have left another one here.
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before committing"
    done = tmp_path / "done.ipynb"
    command = [sys.executable, "-c", RUN, str(path), str(tmp_path), str(done)]
    # Streamlit, where it ran before, has named a backend that shows nothing; the kernel is to choose its own.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-3000:]
    cells = nbformat.read(done, as_version=4).cells
    pictures = [out for cell in cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) >= 3
