# A thin face over scripts/: each target is one script, which can be run without make.
.DEFAULT_GOAL := help
.PHONY: help up down doctor test e2e celery-compat soak bench bench-queue openapi client build lint fmt

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Install what is missing, build, start everything on this machine and print the address
	@scripts/up.sh

down: ## Stop exactly what `make up` started
	@scripts/down.sh

doctor: ## Check this machine and this installation, and say how to mend what is wrong
	@scripts/doctor.sh

test: ## Format, lints and every test, on real parts that are started privately
	@scripts/test.sh

e2e: ## Only the tests of the whole, on SQLite and on PostgreSQL
	@scripts/e2e.sh

celery-compat: ## Only the tests of our queue against Python's Celery
	@scripts/celery-compat.sh

soak: ## 100 rounds of kills, restarts and cut networks against our queue; counts what is lost (10 minutes)
	@scripts/soak.sh

bench: ## The promised figures, each as a ratio measured in one run (release build)
	@scripts/bench.sh

bench-queue: ## Our queue beside Python's Celery, celery-rs and bare Redis, in one run (5 minutes)
	@scripts/bench-queue.sh

openapi: ## Write openapi.json, the description of the API
	@scripts/openapi.sh

client: ## Generate the page's API client from openapi.json
	@scripts/frontend.sh client

build: ## Build the page (where there is Node) and the three binaries, into the directory that `make up` uses
	@scripts/frontend.sh build || [ $$? = 3 ]
	@bash -c 'source scripts/lib.sh && source scripts/install.sh && source scripts/build.sh && build_binaries'

lint: ## Format, lints and checks of Rust and scripts, without tests (the page: npm run lint in frontend/)
	@scripts/lint.sh

fmt: ## Format Rust (the page: npm run format in frontend/)
	@cargo fmt --all
