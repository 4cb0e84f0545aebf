#!/bin/sh
# criu-layer.sh DIRECTORY [PROGRAM]: copies an installed CRIU with its loader and
# every library that it needs into DIRECTORY, so that it runs in any image,
# whatever libc that has:
#
#   DIRECTORY/bin/criu    starts lib/criu through lib/loader
#   DIRECTORY/lib/        the program, the loader, the libraries
set -eu
directory=${1:?usage: criu-layer.sh DIRECTORY [PROGRAM]}
program=${2:-/usr/sbin/criu}

fail() { echo "criu-layer.sh: $1" >&2; exit 1; }

[ -x "$program" ] || fail "no $program: apt-get install criu"
loader=$(ldd "$program" | sed -n 's,^[[:space:]]*\(/[^ ]*/ld-[^ ]*\) .*,\1,p')
[ -n "$loader" ] || fail "$program names no loader"

rm -rf "$directory"
mkdir -p "$directory/bin" "$directory/lib"
cp -L "$program" "$directory/lib/criu"
cp -L "$loader" "$directory/lib/loader"
ldd "$program" | sed -n 's,.* => \(/[^ ]*\) .*,\1,p' | while read -r library; do
	cp -L "$library" "$directory/lib/"
done
for licence in /usr/share/doc/criu/copyright /usr/share/doc/libc6/copyright; do
	[ ! -r "$licence" ] || cat "$licence" >>"$directory/COPYRIGHT"
done

cat >"$directory/bin/criu" <<'SH'
#!/bin/sh
# CRIU with its own loader and libraries; nothing of the system's libc is used.
lib=$(dirname "$(readlink -f "$0")")/../lib
exec "$lib/loader" --library-path "$lib" "$lib/criu" "$@"
SH
chmod 755 "$directory/bin/criu" "$directory/lib/loader" "$directory/lib/criu"
"$directory/bin/criu" --version
