"""The attacks of `test_attacks`, where Landlock keeps them in.

In a file of their own, so that another process can run them (`--dist loadfile`).
"""

from __future__ import annotations

from test_attacks import (
    ours,
    pytest_generate_tests,
    pytestmark,
    test_a_file_s_name_steers_nothing,
    test_a_wrong_answer_alone_does_no_harm,
    test_an_answer_of_the_course_itself_is_none_and_is_said_to_be_one,
    test_an_attack_fails_on_ours,
    test_an_attack_from_inside_fails_on_ours,
    test_what_is_told_is_plain_in_every_report,
)

__all__ = [
    "ours",
    "pytest_generate_tests",
    "pytestmark",
    "test_a_file_s_name_steers_nothing",
    "test_a_wrong_answer_alone_does_no_harm",
    "test_an_answer_of_the_course_itself_is_none_and_is_said_to_be_one",
    "test_an_attack_fails_on_ours",
    "test_an_attack_from_inside_fails_on_ours",
    "test_what_is_told_is_plain_in_every_report",
]

SANDBOX = "landlock"
