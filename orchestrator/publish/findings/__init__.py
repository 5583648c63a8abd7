"""Findings of a run, made purely from results, and their forms: text, GitHub annotations, JUnit XML, SARIF."""
