# Every target is one word; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# What `make run` builds: requirements without blanks, such as "six markupsafe==3.0.2".
PACKAGES ?=

# A folder of sdists that `make faults` builds instead of the hostile ones in tests/faults.
HOSTILE ?=

# Files of tests go to the processes whole, in their order: those that build in containers take longest and come first.
# By default the files with the fewest tests would come last, and one of those can take two minutes.
SHARED_OUT := --dist loadfile --no-loadscope-reorder

# Processes of pytest: one for each processor; four are enough for one engine.
WORKERS = $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))

# Each word is quoted, so that the shell does not interpret `<`, `>` or `;`.
quoted = $(foreach word,$(1),'$(subst ','\'',$(word))')

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

.PHONY: run
run: venv engine ## build what config.yaml tracks, or just PACKAGES="six markupsafe==3.0.2"
	@exec .venv/bin/wheelproof run -- $(call quoted,$(PACKAGES))

.PHONY: plan
plan: venv ## print what `make run` would build, and why
	@exec .venv/bin/wheelproof plan -- $(call quoted,$(PACKAGES))

.PHONY: publish
publish: venv ## write the site from the results
	@exec .venv/bin/wheelproof publish

.PHONY: images
images: venv engine ## build the base images from their locks; custom images are built when a run needs them
	@exec .venv/bin/wheelproof images bookworm trixie

.PHONY: test
test: lint images browser podman compiler network ## test everything: engine and browser too
	@exec .venv/bin/python -m pytest -n $(WORKERS) $(SHARED_OUT)

.PHONY: unit
unit: venv compiler ## run the unit tests: no engine, no browser
	@exec .venv/bin/python -m pytest -n $(WORKERS) $(SHARED_OUT) tests/unit

.PHONY: containers
containers: images podman network ## run the tests that build in real containers
	@exec .venv/bin/python -m pytest -n $(WORKERS) $(SHARED_OUT) tests/docker

.PHONY: lint
lint: venv ## check the code and the workflows without running them
	@.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python scripts/words.py --limit 2 | tail -1 # plain English: words of private language in 1,000
	check() { .venv/bin/check-jsonschema --builtin-schema "vendor.$$1" "$${@:2}"; } # its schemas come with it
	check github-workflows .github/workflows/*.yml
	check github-actions action.yml
	check github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	check github-issue-config .github/ISSUE_TEMPLATE/config.yml
	check dependabot .github/dependabot.yml

.PHONY: faults
faults: venv engine network ## break things on purpose for an hour or two, and check that no fault becomes a verdict
	@.venv/bin/wheelproof images bookworm >/dev/null
	exec .venv/bin/python -m tests.faults $(if $(HOSTILE),--hostile $(call quoted,$(HOSTILE)))

.PHONY: spread
spread: venv engine ## judge three packages on two hosts, this one and a virtual machine; needs qemu
	@exec .venv/bin/python -m tests.virtual_host.spread

.PHONY: bench
bench: venv engine ## measure the speed, against the method of 2020 and against the container bound; an hour or more
	@exec .venv/bin/python scripts/bench.py

.PHONY: benchcompare
benchcompare: venv engine ## measure comparing and explaining, beside diffoscope
	@exec .venv/bin/python scripts/bench_compare.py

.PHONY: state
state: venv engine ## measure the most downloaded projects, and write docs/state.md; LIMIT=20 PURE=1 for less
	@exec .venv/bin/python scripts/state.py $(if $(LIMIT),--limit $(LIMIT)) $(if $(PURE),--pure)

.PHONY: docs
docs: venv ## regenerate the catalogues' pages and the schema of config.yaml
	@for name in config changes verdict-v1 verification-v1 member-v1; do
		.venv/bin/python scripts/schema.py $$name >docs/$$name.schema.json.new
		mv docs/$$name.schema.json.new docs/$$name.schema.json
	done
	.venv/bin/python scripts/docs.py

.PHONY: man
man: venv ## write the manual pages into man/, from the help of the commands
	@exec .venv/bin/click-man --target man wheelproof

.PHONY: lock
lock: venv ## pin the newest Python dependencies, with hashes
	@.venv/bin/uv --no-config pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --upgrade \
	  --custom-compile-command 'make lock' --quiet --output-file requirements.lock

.PHONY: dist
dist: venv ## build the sdist and the wheel of wheelproof itself into dist/
	@export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) # with the umask: one commit gives one wheel
	umask 022
	rm -rf dist
	exec .venv/bin/uv --no-config build --offline --no-build-isolation --python .venv/bin/python --quiet

.PHONY: clean
clean: ## remove what can be built again; results stay
	@if [ -d .cache ]; then chmod -R u+w .cache; fi # much of it is kept read-only
	rm -rf .venv .cache man .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist ./*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: venv
venv: ## set up the virtual environment
	@scripts/setup-venv
	# Without this, each process of a run compiles all modules where PYTHONDONTWRITEBYTECODE is set. A checkout may be read-only.
	.venv/bin/python -m compileall -qq --invalidation-mode timestamp orchestrator scripts || :

.PHONY: engine
engine: ## find a container engine, or set one up
	@scripts/setup-engine

.PHONY: podman
podman: ## find the Podman that its tests need, or install it
	@scripts/setup-podman

.PHONY: network
network: ## find the programs that make network namespaces for tests, or install them
	@scripts/setup-network

.PHONY: compiler
compiler: venv ## find the C compiler that unit tests need, or install it
	@scripts/setup-compiler

.PHONY: browser
browser: ## find the browser that the tests of the site need, or install it
	@scripts/setup-browser
