"""Tests of the lesson's grader, and of the notebook that uses it."""
