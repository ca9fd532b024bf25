"""Attention Server beside what users run instead, in one process tree.

`python -m peers --help` says how to call it; `./dev bench peers` does so.
"""
