"""Tests of students' answers: one file a lesson, which reads like the exercises."""
