.PHONY: test check
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
test: check
	cargo test --workspace --locked --no-fail-fast
