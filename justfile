# The daily recipes. `just` lists them; scripts/test is what decides.

# List the recipes
default:
    @just --list

# Everything that decides: format, lints, licences, tests
test:
    ./scripts/test

# The tests alone
quick *filter:
    cargo nextest run --workspace {{ filter }}

# Format every file, also those that a macro declares
fmt:
    rustfmt --edition 2024 $(git ls-files '*.rs')

# Lints
lint:
    cargo clippy --workspace --all-targets -- --deny warnings

# Kernels, rankings, snapshots and requests, into docs/performance.md; sizes of brands for the requests may follow
bench *sizes:
    scripts/bench {{ sizes }}

# Nanoseconds per pair beside this machine's streaming bandwidth
bench-kernels:
    cargo bench --package fithire-scoring --features testing --bench kernels

# What a page costs to render, beside the same data as JSON
bench-render:
    cargo bench --package fithire-matching --bench render

# What a request costs, for brands of 1,000, 10,000, 100,000 and a million coaches
bench-serving:
    cargo bench --package fithire --bench serving

# Tasks a second, beside a bare loop that claims and deletes
bench-tasks:
    scripts/with-postgres cargo bench --package fithire-worker --bench tasks

# Matches of 1,000 jobs worked out from nothing, and after one coach has changed; other numbers of coaches and jobs may follow
bench-rescoring *sizes:
    scripts/with-postgres cargo bench --package fithire-matching --features testing --bench rescoring -- {{ sizes }}

# How long it takes until what a coach saves is in every ranking, kept match and open page
bench-reach *sizes:
    scripts/with-postgres cargo bench --package fithire --bench reach -- {{ sizes }}

# What it costs to tell open pages, beside bare writes to as many sockets
bench-streams *streams:
    scripts/with-postgres cargo bench --package fithire --bench streams -- {{ streams }}

# Memory of a server that is asked nothing, as it ships
idle:
    cargo build --profile dist
    scripts/idle

# What is left of a server that is asked four times as much as it can do
bench-overload coaches="100000":
    cargo bench --package fithire --bench overload -- {{ coaches }}

# The tests that kill, crash and fuzz, at full size; the last one mounts a file system, which only root may
soak:
    FITHIRE_TEST_SOAK=1 cargo nextest run --profile soak --package fithire-worker --package fithire --no-capture \
        -E 'test(killed::) or test(outages::) or test(whatever_is_sent_is_answered)'
    PROPTEST_CASES=100000 cargo nextest run --profile soak --workspace \
        -E 'test(fuzzed::) or test(no_text_is_too_strange)'
    cargo nextest run --profile soak --package fithire --no-capture --run-ignored only -E 'test(cut_off::)'

# Pictures of every page into a folder; `--readme` writes those of the README
screenshots to:
    scripts/screenshots {{ to }}

# Fuzz a target (preset or exchange) for some seconds; needs cargo-fuzz and a nightly toolchain
fuzz target="exchange" seconds="600":
    mkdir -p modules/scoring/fuzz/corpus/{{ target }}
    cd modules/scoring && cargo +nightly fuzz run {{ target }} fuzz/corpus/{{ target }} fuzz/seeds/{{ target }} -- -max_total_time={{ seconds }} -timeout=10

# Rank the sample
sample:
    cargo run --release -- rank --coaches samples/coaches.csv --jobs samples/jobs.csv --as-of 2026-11-23

# Write the schema that editors use for presets
schema:
    cargo run --quiet -- presets schema > scoring-presets/preset.schema.json

# Write the OpenAPI document
openapi:
    cargo run --quiet -- openapi > openapi/fithire.json
