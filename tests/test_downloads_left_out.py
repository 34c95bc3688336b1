"""What a download lacks, and what an earlier one has left, is not passed over."""

from __future__ import annotations

from pathlib import Path

from course.grading.collect import Collected, collect
from course.grading.submissions import find


def collected(folder: Path, *names: str) -> Collected:
    """What comes of a download with these files, in the folder `submissions`."""
    download = folder / "download"
    download.mkdir()
    for name in names:
        (download / name).write_text("x = 1")
    told = collect(download, folder / "submissions", folder / "scratch")
    for name in names:
        (download / name).unlink()
    download.rmdir()
    return told


def test_who_handed_in_another_kind_of_file_is_graded_as_well(tmp_path: Path) -> None:
    told = collected(
        tmp_path,
        "lovelaceada_1_11_01_returns.ipynb",
        "kleinfelix_2_22_01_returns.html",
        "LATE.txt",  # nobody's
    )
    assert told.students == 2
    found = find([tmp_path / "submissions"], tmp_path / "scratch")
    assert {each.name: each.problems for each in found} == {
        "kleinfelix": ("kleinfelix holds no notebook (.ipynb) and no script (.py).",),
        "lovelaceada": (),
    }


def test_work_of_another_lesson_is_noted(tmp_path: Path) -> None:
    week = ["ada_1_11_01_returns.ipynb", "bob_2_22_01_returns.pdf"]
    assert len(collected(tmp_path, *week).notes) == 1  # the PDF
    assert len(collected(tmp_path, *week).notes) == 1
    # Somebody is late: all the rest is in this download, too.
    assert len(collected(tmp_path, *week, "eve_3_33_01_returns.ipynb").notes) == 1
    [note] = collected(tmp_path, "ada_1_44_02_hogwild.ipynb").notes
    assert note == (
        f"{tmp_path / 'submissions'} also holds work of an earlier download (ada, bob, "
        "eve), which will be graded as well: for another lesson, give a new --output."
    )
    many = [f"s{number}_{number}_1_01_returns.py" for number in range(3)]
    [note] = collected(tmp_path, *many).notes
    assert "(ada, bob, eve)" in note
    more = [f"t{number}_{number}_1_01_returns.py" for number in range(3)]
    [note] = collected(tmp_path, *more).notes
    assert "(ada, bob, eve, s0, s1 and 1 more)" in note
