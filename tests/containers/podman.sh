#!/usr/bin/env bash
# Images for tests/containers, by rootless podman. Root (CI) installs what a Debian machine lacks, makes the base image
# and does the rest as a user of its own; everyone else needs a podman that works.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
base=docker.io/library/debian:bookworm-slim
user=clonewatch-ci
export PATH=$PATH:/usr/sbin:/sbin
as_user=()

if [[ $(id -u) == 0 ]]; then
    missing=()
    for pair in podman:podman runc:runc newuidmap:uidmap debootstrap:debootstrap; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    if ((${#missing[@]})); then
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null
    fi
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
    home=$(getent passwd "$user" | cut -d: -f6)
    runtime=/run/user/$(id -u "$user")
    install -d -o "$user" -m 700 "$runtime"
    as_user=(setpriv "--reuid=$user" "--regid=$user" --init-groups env "HOME=$home" "XDG_RUNTIME_DIR=$runtime")

    # What a machine without systemd, bridge networks and high limits needs.
    install -d -o "$user" "$home/.config" "$home/.config/containers"
    printf '%s\n' '[containers]' 'netns = "host"' 'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]' \
        'log_driver = "k8s-file"' '[engine]' 'runtime = "runc"' 'cgroup_manager = "cgroupfs"' 'events_logger = "file"' \
        >"$home/.config/containers/containers.conf"
    printf '%s\n' '[storage]' 'driver = "overlay"' >"$home/.config/containers/storage.conf"

    # The project as this user sees it: what git holds, and Nextflow. Tasks' work folders are elsewhere.
    rm -rf "$home/clonewatch"
    install -d -o "$user" "$home/clonewatch"
    git ls-files --cached --others --exclude-standard | grep -v '^tests/data/' | tar -c --ignore-failed-read -T - | tar -x -C "$home/clonewatch"
    [[ ! -e .runtime ]] || cp -rL .runtime "$home/clonewatch/.runtime"
    chown -R "$user:" "$home/clonewatch"
    cd "$home/clonewatch"
fi

command -v podman >/dev/null || { echo "podman is not here, and only root can install it" >&2; exit 1; }
if ! "${as_user[@]}" podman image exists "$base" && ! timeout 60 "${as_user[@]}" podman pull --quiet "$base" >/dev/null 2>&1; then
    # No registry can be reached: the same system from Debian's packages.
    [[ $(id -u) == 0 ]] || { echo "there is no image $base, no registry to pull it from, and only root can make it" >&2; exit 1; }
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase bookworm "$root/system" ${mirror:+"$mirror"} >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; exit 1; }
    rm -rf "$root"/system/var/{cache/apt,lib/apt/lists}/* "$root"/system/usr/share/{doc,man,locale}/*
    tar -C "$root/system" -c . | "${as_user[@]}" podman import --quiet --change 'CMD ["bash"]' - "$base" >/dev/null
fi

# pip inside of a build reaches the packages as pip does outside; nothing of it stays in an image.
options=--network=host
ca=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
settings=$(mktemp)
{
    printf '[global]\ncert = /run/ca.crt\n'
    for name in index-url extra-index-url trusted-host proxy timeout; do
        value=$(python3 -m pip config get "global.$name" 2>/dev/null || true)
        [[ -z $value ]] || echo "$name = $value"
    done
} >"$settings"
chmod 644 "$settings"
[[ ! -r $ca ]] || options+=" --volume $ca:/run/ca.crt:ro --volume $settings:/etc/pip.conf:ro"
"${as_user[@]}" make --no-print-directory images ENGINE=podman IMAGE_OPTIONS="$options --quiet"
rm -f "$settings"
