# SPDX-License-Identifier: MIT
# make demo [DRIVER=linked] and make check: each installs what is missing, builds, and runs.
DRIVER ?= sys
DEMO_SECONDS ?= 2
FUZZ_SECONDS ?= 5
MESON_TEST = meson test --no-rebuild --print-errorlogs --num-processes 2

demo: build
	build/bench/longshore demo build/drivers/vionet/vionet.inf --driver $(DRIVER) --seconds $(DEMO_SECONDS)

bench: build
	build/bench/longshore bench frame
	build/bench/longshore bench path build/drivers/vionet/vionet.inf

check: deps
	.ci/check $(FUZZ_SECONDS)

build: deps
	[ -f build/build.ninja ] || meson setup build --buildtype=debugoptimized
	ninja -C build

deps:
	.ci/deps

clean:
	rm -rf build build-*

.PHONY: demo bench check build deps clean
