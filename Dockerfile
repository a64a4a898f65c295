# Untested: the machine that this was written on has no Docker engine.
# docker build -t winnow .
# docker run -v winnow:/data winnow keys create first      # beyond loopback a key is demanded
# docker run -p 8000:8000 -v winnow:/data winnow
FROM python:3.12-slim AS build
WORKDIR /src
COPY locks/run.txt locks/run.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r locks/run.txt
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --create-home winnow && mkdir /data && chown winnow /data
COPY --from=build /venv /venv
COPY --from=build --chown=winnow /src/winnow.yaml /data/winnow.yaml
USER winnow
WORKDIR /data
ENV PATH=/venv/bin:$PATH WINNOW_CACHE=/data/cache
EXPOSE 8000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"
ENTRYPOINT ["winnow"]
CMD ["serve", "--host", "0.0.0.0"]
