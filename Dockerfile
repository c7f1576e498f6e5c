# The gateway as an image: docker build -t postern .
#
# Another base, such as one of your own registry: --build-arg BASE=… It needs Node 24 or later, npm and a shell.
ARG BASE=node:26.10.0-slim

# Compiles, with the development dependencies.
FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-fund --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run build

# What the compiled code needs, and nothing else. No install script runs.
FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-fund --no-audit

# The client of facts.redis and what tracing.endpoint needs are not installed with the package: not every host app wants them.
COPY --from=build /app/node_modules/@redis node_modules/@redis
COPY --from=build /app/node_modules/@opentelemetry node_modules/@opentelemetry

# What is in it, for whoever scans images: CycloneDX.
COPY scripts/sbom.ts scripts/
RUN node scripts/sbom.ts . > sbom.cdx.json

# What every start would compile, compiled once: by the user who runs, for whom alone Node takes it.
FROM ${BASE} AS compiled
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
RUN mkdir compiled && chown 65532:65532 compiled
USER 65532:65532
RUN NODE_COMPILE_CACHE=/app/compiled node --eval "import('/app/dist/cli/serve.js')"

FROM ${BASE}
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compiled
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=dependencies /app/sbom.cdx.json ./
COPY --from=build /app/dist dist
COPY --from=compiled /app/compiled compiled
COPY package.json LICENSE ./
# The pages that messages name.
COPY docs/configuration.md docs/endpoints.md docs/errors.md docs/operations.md docs/pages.md docs/plugin.md docs/
# Owned by root and closed to changes; the folder of the keys belongs to the user who runs.
RUN ln -s /app/dist/cli/main.js /usr/local/bin/postern \
  && mkdir -m 700 keys && chown 65532:65532 keys
# A number, so that a cluster can see that it is not root.
USER 65532:65532
VOLUME /app/keys
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["postern", "healthcheck"]
ENTRYPOINT ["postern"]
CMD ["serve"]
