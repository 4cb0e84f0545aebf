# Pillow for PyPy from Debian's source package, in /built/PIL, for build.sh
# where PyPI cannot be reached: Debian's own package is for CPython only.
FROM debian:forky-slim
RUN sed 's/^deb /deb-src /' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list \
	&& apt-get update \
	&& apt-get install -y --no-install-recommends pypy3 pypy3-dev gcc g++ libc6-dev libjpeg-dev \
		zlib1g-dev python3-setuptools python3-pybind11 pybind11-dev dpkg-dev \
	&& apt-get source -q --download-only pillow \
	&& tar -xf pillow_*.orig.tar.* && mv *illow-* /pillow
RUN cd /pillow && PYTHONPATH=/usr/lib/python3/dist-packages pypy3 setup.py -q build_clib build_ext \
		--disable-tiff --disable-webp --disable-lcms --disable-jpeg2000 --disable-imagequant \
		--disable-xcb --disable-freetype --disable-avif build --build-lib /built
