# SPDX-License-Identifier: Apache-2.0
#
# `make` alone prints what there is. Every target sets up the machine first and does so only once (tools/setup).

SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := .venv/bin
JOBS ?= $(shell nproc)
# cppcheck finds what the scenarios are for: they break heaps on purpose.
CPPCHECK_FILES = $(filter-out tests/target/scenarios/%,$(filter %.c,$(C_FILES)))
C_FILES = $(shell git ls-files --cached --others --exclude-standard -- '*.c' '*.h' '*.cpp')

.PHONY: help setup setup-xtensa demo demo-watch demo-linux demo-svg test test-quick test-long check bench fuzz clean

help: ## print this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

setup: ## install what is missing: Debian packages, then .venv with the package in it
	@tools/setup

setup-xtensa: setup ## build compiler and GDB for Xtensa, once (some 30 CPU-minutes)
	@$(BIN)/python -m tests.toolchain

demo: setup $(if $(CHIP),setup-xtensa) ## show the story: who broke a heap on an emulated chip (CHIP=esp32-like for Xtensa)
	@$(BIN)/python -m tests.demo $(CHIP)

demo-watch: setup $(if $(CHIP),setup-xtensa) ## show how the next run stops at the line that does it (CHIP as above)
	@$(BIN)/python -m tests.demo $(or $(CHIP),rv32) writer

demo-linux: setup ## show a leak of a program on this machine, named by its log
	@$(BIN)/python -m tests.demo_linux

demo-svg: setup ## draw docs/demo.svg, the picture of the first page, from what the demo prints
	@$(BIN)/python -m tests.docs.picture

test: setup ## run every test but the long ones (ARGS="-k name" for some); builds the Xtensa tools beside the first
	@$(BIN)/python -m pytest -n $(JOBS) -m "not long" $(ARGS)

test-quick: setup ## run what needs no chip: every heap image and every rule, in a minute or two
	@$(BIN)/python -m pytest -n $(JOBS) -m quick $(ARGS)

test-long: setup ## run the long tests: the same as others, many times more; before an issue is closed
	@$(BIN)/python -m pytest -n $(JOBS) -m long $(ARGS)

check: check-format check-lint check-types check-vermin check-clang-format check-cppcheck check-style ## format, lint, types, Python 3.8, function sizes

bench: setup-xtensa ## measure what has a bound, print it beside the bound
	@$(BIN)/python -m tests.bench.run $(ARGS)

fuzz: setup ## give the parsers N broken inputs from a random start (N=10000)
	@$(BIN)/python -m tests.fuzz.run $(or $(N),10000)

clean: ## remove what was built (.venv stays; `rm -rf .venv` removes it)
	rm -rf build .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: check-format check-lint check-types check-vermin check-clang-format check-cppcheck check-style

check-format: setup
	$(BIN)/ruff format --check .

check-lint: setup
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/mypy

check-vermin: setup
	$(BIN)/vermin --target=3.8- --no-tips --violations --eval-annotations gdbext

check-clang-format: setup
	clang-format --dry-run -Werror $(C_FILES)

check-cppcheck: setup
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --enable=warning,performance,portability \
	    --suppress=uninitvar:tests/target/rv32_virt/* --suppress=comparePointers:tests/target/rv32_virt/* \
	    -j $(JOBS) -I c_helpers/include $(CPPCHECK_FILES)

check-style: setup
	$(BIN)/python -m pytest -q tests/unit/test_style.py
