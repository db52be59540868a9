# One image per room: `make images`, or `podman build --build-arg MODULE=cells -t clonewatch-cells .`
# BASE is any Debian 12 with Python 3.11 among its packages. Layers that several rooms share are built and stored once.
ARG BASE=docker.io/library/debian:bookworm-slim
ARG MODULE

FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash procps python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
    && python3 -m venv /opt/clonewatch
ENV PATH=/opt/clonewatch/bin:$PATH
COPY conf/images/install.py requirements.lock /opt/clonewatch/
WORKDIR /opt/clonewatch

FROM python AS tables
RUN ./install.py clones tumour report signals cells

FROM tables AS matrices
RUN ./install.py tumour report signals cells

FROM matrices AS analysis
RUN ./install.py signals cells

# What each room's own packages are laid on.
FROM python AS below-inputs
FROM tables AS below-clones
FROM matrices AS below-tumour
FROM matrices AS below-report
FROM analysis AS below-signals
FROM analysis AS below-cells

FROM below-${MODULE}
ARG MODULE
RUN ./install.py ${MODULE}
# What numba compiles is compiled here, once, and not in every task (bin/_compiled.py).
COPY conf/images/warm.py bin/_compiled.py bin/_cell_space.py bin/_errors.py /opt/clonewatch/
RUN ./warm.py

# The image may be read-only and the user may have no home: what libraries cache goes where everyone can write.
ENV HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    CELLTYPIST_FOLDER=/tmp/celltypist \
    LANG=C.UTF-8 \
    OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1
ARG VERSION
LABEL org.opencontainers.image.title="clonewatch-${MODULE}" \
      org.opencontainers.image.description="Packages of clonewatch's room '${MODULE}'" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
USER 1000:1000
WORKDIR /tmp
CMD ["bash"]
