# SPDX-License-Identifier: MIT
# make demo, make demo-team [DRIVER=linked] and make check: each installs what is missing, builds, and runs.
DRIVER ?= sys
DEMO_SECONDS ?= 2
FUZZ_SECONDS ?= 5

PROGRAM = bench/longshore drivers/vionet/vionet.sys drivers/vionet/vionet.so drivers/vionet/vionet.inf \
	drivers/team/team.sys drivers/team/team.so drivers/team/team.inf

demo: program
	build/bench/longshore demo build/drivers/vionet/vionet.inf --driver $(DRIVER) --seconds $(DEMO_SECONDS)

demo-team: program
	build/bench/longshore demo-team build/drivers/team/team.inf build/drivers/vionet/vionet.inf \
		--driver $(DRIVER) --seconds $(DEMO_SECONDS)

bench: program
	build/bench/longshore bench frame
	build/bench/longshore bench path build/drivers/vionet/vionet.inf

# A minute of random `longshore set` under TCP, each build; the seed is printed. `make check` has five seconds of it.
storm: program
	python3 tests/e2e/set_storm.py $(CURDIR)/build/bench/longshore $(CURDIR)/build/drivers/vionet/vionet.inf sys 60
	python3 tests/e2e/set_storm.py $(CURDIR)/build/bench/longshore $(CURDIR)/build/drivers/vionet/vionet.inf linked 60

# 500 random events on a team under TCP and UDP, each policy and build; the seed is printed.
storm-team: program
	@for driver in sys linked; do for policy in standby hash; do \
	    python3 tests/e2e/team_storm.py $(CURDIR)/build/bench/longshore $(CURDIR)/build/drivers/team/team.inf \
	        $(CURDIR)/build/drivers/vionet/vionet.inf $$driver $$policy 500 || exit 1; \
	done; done

# Every faulty twin against the whole suite: is each check able to fail?
check-twins: program
	@ninja -C build --quiet tests/faulty/twins
	build/tests/faulty/twins build/drivers/vionet/vionet.inf --team build/drivers/team/team.inf

# The documents that the program writes itself.
docs: program
	build/bench/longshore test --list=markdown > docs/conformance.md
	build/bench/longshore test build/drivers/vionet/vionet.inf --markdown docs/offload.md

# The suite fifty times, each build, each time in another order.
check-seeds: program
	@for seed in $$(seq 1 50); do for build in sys linked; do \
	    build/bench/longshore test build/drivers/vionet/vionet.inf --driver $$build --seed $$seed \
	        >build/seeds.log 2>&1 || { cat build/seeds.log; exit 1; }; \
	done; done; tail -1 build/seeds.log; echo "100 runs, none with a finding"

check: deps
	.ci/check $(FUZZ_SECONDS)

program: deps
	@[ -f build/build.ninja ] || meson setup build --buildtype=debugoptimized >/dev/null
	@ninja -C build --quiet $(PROGRAM)

deps:
	@.ci/deps

clean:
	rm -rf build build-*

.PHONY: demo demo-team bench storm storm-team check check-twins check-seeds docs program deps clean
