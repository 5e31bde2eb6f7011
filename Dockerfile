# syntax=docker/dockerfile:1
FROM denoland/deno:2.9.6 AS dependencies
WORKDIR /paddock
COPY deno.json deno.lock ./
COPY main.ts mod.ts LICENSE THIRD_PARTY_NOTICES.md ./
COPY src src
COPY plugins_runtime plugins_runtime
# Everything the server imports, as the lock has it; later starts need no network.
RUN deno cache --frozen main.ts plugins_runtime/host.ts plugins_runtime/plain_worker.ts plugins_runtime/networked_worker.ts

FROM denoland/deno:2.9.6
WORKDIR /paddock
COPY --from=dependencies /deno-dir /deno-dir
COPY --from=dependencies /paddock /paddock
# The image's own unprivileged user; BASE_DIR is where it may write.
RUN mkdir -p /var/lib/paddock && chown -R deno:deno /var/lib/paddock /deno-dir
USER deno
ENV BASE_DIR=/var/lib/paddock HTTP_HOST=0.0.0.0
VOLUME /var/lib/paddock
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s \
  CMD ["deno", "run", "--quiet", "--frozen", "-P=server", "main.ts", "--healthcheck"]
# The image's tini reaps the processes that plugins ran in, and hands signals on.
ENTRYPOINT ["/tini", "--", "deno", "run", "--quiet", "--frozen", "-P=server", "--v8-flags=--max-semi-space-size=32", "main.ts"]
