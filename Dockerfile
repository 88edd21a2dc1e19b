# syntax=docker/dockerfile:1
# The image of userd: built with a compiler, then copied into an empty image.
# docs/operations/install.md says how to use it, decision 0023 gives the reasons.

# Debian 12, on which the tests run. Pin a digest if your policy requires one.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin userd \
    && ./scripts/image-root.sh target/dist/userd /root-of-image

FROM scratch
LABEL org.opencontainers.image.title="userd" \
      org.opencontainers.image.description="The user-accounts service beside your services" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /root-of-image /

# Numeric, so that Kubernetes can verify that it is not root.
USER 65532:65532

# The directory of userd.toml, .env and the default store. Nothing else is written, so the rest can be read-only.
WORKDIR /var/lib/userd
VOLUME /var/lib/userd

# Clients can't reach 127.0.0.1 of a container. userd refuses this address until an API key exists.
ENV USERD_LISTEN=0.0.0.0:8000
EXPOSE 8000

STOPSIGNAL SIGTERM

# Liveness only: platforms restart an unhealthy container, and a restart does not bring back a store.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/userd", "health", "--live"]

ENTRYPOINT ["/usr/local/bin/userd"]
