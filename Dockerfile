# The HTTP service on a CPU. README_DEPLOYMENT.md says how to run it; tests/deployment/test_dockerfile.py runs these
# steps in a plain folder.
#
#   docker build -t crescendai .
#   docker run --rm -p 127.0.0.1:8000:8000 crescendai

FROM python:3.11-slim AS build
WORKDIR /build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY pyproject.toml constraints.txt ./
# Dependencies first: a layer that stays when only the package changes.
RUN python -m venv /opt/crescendai \
 && python -m venv /opt/uv \
 && /opt/uv/bin/pip install --quiet --disable-pip-version-check uv -c constraints.txt \
 && /opt/uv/bin/uv pip install --quiet --no-cache --python /opt/crescendai/bin/python \
      -r pyproject.toml --extra serve -c constraints.txt
COPY README.md LICENSE ./
COPY crescendai crescendai
RUN /opt/uv/bin/uv pip install --quiet --no-cache --python /opt/crescendai/bin/python \
      --no-deps --build-constraints constraints.txt .

FROM python:3.11-slim
# Compiled programs are kept in the cache; a volume there makes the second start take seconds.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin crescendai \
 && install --directory --owner crescendai --group crescendai /var/cache/crescendai
COPY --from=build /opt/crescendai /opt/crescendai
ENV PATH=/opt/crescendai/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/var/cache \
    NUMBA_CACHE_DIR=/var/cache/crescendai/numba
USER 10001
WORKDIR /
EXPOSE 8000
# /readyz is 503 until the model is loaded and compiled.
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["crescendai"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
