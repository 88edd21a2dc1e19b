# syntax=docker/dockerfile:1
# The image of userd: built where there is a compiler, run where there is next to nothing. docs/OPERATIONS.md, "Packages",
# tells how to use it; decision 0023 why it is made like this.

# Debian 12, which the tests run on. Pin a digest where your policy wants one.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin userd \
    && ./scripts/image-root.sh target/release/userd /root-of-image

FROM scratch
LABEL org.opencontainers.image.title="userd" \
      org.opencontainers.image.description="The user-accounts service beside your services" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /root-of-image /

# A number, so that Kubernetes can see that it is not root.
USER 65532:65532

# userd.toml, .env and the default store are looked for here. Nothing else is written: the rest may be read-only.
WORKDIR /var/lib/userd
VOLUME /var/lib/userd

# A container's own 127.0.0.1 is reached by nobody. userd refuses this address as long as no API key was made.
ENV USERD_LISTEN=0.0.0.0:8000
EXPOSE 8000

STOPSIGNAL SIGTERM

# Whether the process answers: platforms restart a container for this, and a store that is away is no reason to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/userd", "health", "--live"]

ENTRYPOINT ["/usr/local/bin/userd"]
