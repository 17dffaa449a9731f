# Every target installs what it needs, once; stamps tell. A machine needs git, make, and any Node >= 20 with npm:
# npm brings Node 26 into node_modules/.bin, which therefore comes first in PATH.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help demo redis test check run bench clean

help: ## what there is to do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

.stamps/install: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@node --version | grep -qE '^v(2[4-9]|[3-9][0-9])\.' || { echo "Node 24 or newer is needed, and npm could not bring one for this platform: $$(node --version) found"; exit 1; }
	node src/adapters/cli/demo/mint.ts
	@mkdir -p .stamps && touch $@

demo: .stamps/install ## exchanges, refusals, an MCP gateway, three hops, a root rotated live, a private cluster; against real brokers
	node src/adapters/cli/demo/demo.ts

redis:
	@test/support/install-redis

test: .stamps/install redis ## all tests
	vitest run

check: .stamps/install ## everything CI runs: types, lint, format, dead code, tests
	tsc
	biome check --error-on-warnings .
	knip
	$(MAKE) --no-print-directory test

run: .stamps/install ## the broker, with the development configuration
	node src/main.ts serve --config config/exchequer.yaml

bench: .stamps/install ## exchanges per second, next to a bare server in the same run
	node bench/exchange.ts

clean: ## removes what the targets made
	rm -rf node_modules .stamps bench/out config/state config/dev
