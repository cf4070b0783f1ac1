# Thin: everything is in manage.py and pytest. Needs Python 3.11 to 3.14, nothing else.

PORT ?= 8000
ARGS ?=
VENV = .venv
PYTHON = $(VENV)/bin/python
# Compiled once, not by each of some hundreds of processes, whatever the environment says.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m pytest --dist loadfile
# Nothing is installed whose SHA-256 is not in the lock, which has all that anything needs. What is imported is compiled
# then: to compile all that is there takes as long as to install it.
PIP = $(PYTHON) -m pip install -qq --disable-pip-version-check --require-hashes --no-deps --no-compile
# What checks deployments and makes releases: neither the site nor its tests need it.
TOOLS = $(VENV)/tools
# What a client in TypeScript is made with, for its tests alone; without npm they are skipped.
NODE = $(if $(shell command -v npm),node_modules/.package-lock.json)
DJADE = $(VENV)/bin/djade --target-version 5.2

# Versions, newest first. Each is tried, not just looked for: a pyenv shim exists and fails.
PYTHONS = python3.14 python3.13 python3.12 python3.11 python3
IS_FIT = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

# A folder that was moved or copied from another machine brings an environment that may not run. One that does is kept: scripts
# in it name the folder that they were made in, so each is run by the Python that lies here.
ifneq ($(wildcard $(VENV)/bin/activate),)
ifneq ($(shell $(PYTHON) -c 'print(1)' 2>/dev/null),1)
$(shell rm -rf $(VENV))
endif
endif

.PHONY: demo drills test tests test-fast test-long test-pooler test-sentinel test-standby check lint types format messages lock check-deploy audit sbom clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed ## The whole site with demo concerts and logins on http://127.0.0.1:8000/
	@exec $(PYTHON) manage.py up --demo --port $(PORT) $(ARGS)

# What takes seconds refuses first. The types are looked at beside the tests, npm installs beside pip.
test: ## Everything: style, layers, types, then every test
	@$(MAKE) --no-print-directory --silent $(VENV)/.installed-dev $(NODE) ALSO=$(NODE)
	@$(MAKE) --no-print-directory --jobs 2 lint $(VENV)/.compiled
	@$(MAKE) --no-print-directory --jobs 2 types tests
	@echo "Left out: the drills of the nightly lane, by make test-long."

# Four workers on two cores: many tests wait for the processes that they start. A fifth costs as much as it brings.
tests: $(VENV)/.compiled
	@$(PYTEST) -n 4 $(ARGS)

test-fast: $(VENV)/.installed-dev ## The tests in no lane: no browser, no processes, no storms, no pages, none that take long
	@$(PYTEST) -n 3 -m "not (browser or processes or storm or long or pages)" $(ARGS)

test-long: $(VENV)/.installed-dev ## The drills that the suite leaves out: more of the same, for a night
	@$(PYTEST) -n 2 -m nightly $(ARGS)

# Every connection goes to them: test databases, storms, races and all.
test-pooler: ## The tests without a browser, behind a real PgBouncer in transaction mode
test-sentinel: ## The same with Redis under sentinels, whose master is killed again and again
test-standby: ## The same on a PostgreSQL that was a standby and was promoted
test-pooler test-sentinel test-standby: test-%: $(VENV)/.installed-dev
	@$(PYTHON) bench/behind.py $* $(PYTEST) -n 2 -m "not browser" $(ARGS)

drills: $(VENV)/.installed-dev ## Which drills there are; ONLY=failover,redis_failover runs these, on this machine alone
	@$(PYTHON) bench/drills "$(ONLY)" --args="$(ARGS)"

check: lint types ## Style, templates, layers, forgotten migrations, types

lint: $(VENV)/.installed-dev
	@$(PYTHON) deploy/requirements/lock.py check
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m ruff format --check --output-format concise .
	@find templates -name '*.html' -exec $(DJADE) --check {} +
	@$(PYTHON) $(VENV)/bin/lint-imports --no-logo

types: $(VENV)/.installed-dev
	@MODE=test $(PYTHON) -m mypy .
	@MODE=test $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@MODE=test $(PYTHON) -W ignore::RuntimeWarning manage.py lint_migrations

format: $(VENV)/.installed-dev ## Put the code into shape
	@$(PYTHON) -m ruff check --fix --quiet .
	@$(PYTHON) -m ruff format --quiet .
	@find templates -name '*.html' -exec $(DJADE) {} +

messages: $(VENV)/.installed-dev ## Collect what is to be translated, and compile what has been (needs gettext)
	@MODE=test $(PYTHON) manage.py makemessages --locale ko --no-obsolete --add-location file --verbosity 0 \
		--ignore .venv --ignore node_modules --ignore bench --ignore tests
	@MODE=test $(PYTHON) manage.py compilemessages --ignore .venv --ignore node_modules --verbosity 0

lock: $(TOOLS)/.installed ## After a change of pins in deploy/requirements/*.in: write the locks (ARGS=--upgrade: all that they bring, anew)
	@PATH="$(TOOLS)/bin:$$PATH" $(PYTHON) deploy/requirements/lock.py lock $(ARGS)

check-deploy: $(TOOLS)/.installed ## The Dockerfile, the Helm chart and the workflows, without Docker or a cluster
	@$(TOOLS)/bin/python deploy/check.py

audit: $(TOOLS)/.installed ## Whether what is locked is known to be vulnerable (asks a public database)
	@for lock in requirements.txt requirements-dev.txt deploy/requirements/tools.txt deploy/requirements/pip.txt; do \
		echo $$lock; $(TOOLS)/bin/python -m pip_audit --disable-pip --require-hashes --progress-spinner off -r $$lock || exit 1; \
	done

sbom: $(TOOLS)/.installed ## What a release is made of: dist/frontrow-VERSION.cdx.json (CycloneDX) and its licences
	@$(TOOLS)/bin/python deploy/requirements/sbom.py

clean: ## Remove what was installed; .data stays
	rm -rf $(VENV)

$(VENV)/.pip: deploy/requirements/pip.txt $(VENV)/bin/activate
	@$(PIP) -r $<
	@touch $@

$(VENV)/.installed: requirements.txt deploy/requirements/production.txt $(VENV)/.pip
	@echo "Installing what Frontrow needs (once; about a minute)..." >&2
	@$(PIP) -r requirements.txt
	@touch $@

# Of all that requirements-dev.txt names, what isn't the site's.
$(VENV)/.installed-tests: requirements-dev.txt $(VENV)/.pip
	@echo "Installing what its tests need..." >&2
	@grep -v '^-r ' requirements-dev.txt | $(PIP) -r /dev/stdin
	@touch $@

# Both at once, since pip keeps one core busy, and what else there is to be installed (ALSO); one after the other, should
# they ever be in each other's way.
BOTH = $(VENV)/.installed $(VENV)/.installed-tests
$(VENV)/.installed-dev: requirements-dev.txt requirements.txt deploy/requirements/production.txt $(VENV)/.pip
	@$(MAKE) --no-print-directory --jobs 3 $(BOTH) $(ALSO) || $(MAKE) --no-print-directory --jobs 1 $(BOTH)
	@touch $@

# By one process before many would, each for itself. What fails here fails again in the tests, and says why.
$(VENV)/.compiled: $(VENV)/.installed-dev
	@$(PYTEST) --collect-only -qq >/dev/null 2>&1 || true
	@touch $@

$(TOOLS)/.installed: deploy/requirements/tools.txt $(VENV)/bin/activate
	@echo "Installing what checks deployments and makes releases (once)..." >&2
	@[ -x $(TOOLS)/bin/pip ] || $(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The file that `python -m venv` writes last. What a killed attempt left is replaced.
$(VENV)/bin/activate:
	@for python in $(PYTHONS); do \
		if $$python -c '$(IS_FIT)' 2>/dev/null; then \
			if said=$$($$python -m venv --clear $(VENV) 2>&1); then exit 0; fi; \
			rm -rf $(VENV); \
			echo "$$python can't make a virtual environment (on Debian and Ubuntu: apt install python3-venv):" $$said >&2; \
			exit 1; \
		fi; \
	done; \
	echo "Frontrow needs Python 3.11 to 3.14 and found none: install one, so that python3.14 or python3.11, say, runs it" >&2; \
	exit 1

node_modules/.package-lock.json: package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@
