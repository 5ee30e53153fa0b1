.PHONY: test check demo bench servers-up servers-down
# The whole check, then every test against real servers, which are installed and started on the way.
test: check
	cargo xtask test

check:
	cargo xtask check

servers-up:
	cargo xtask servers up

servers-down:
	cargo xtask servers down

demo:
	cargo run -p headwater-cli -- demo

# Side-by-side measurements against other tools; see benchmarks/README.md.
bench:
	bash benchmarks/run.sh
