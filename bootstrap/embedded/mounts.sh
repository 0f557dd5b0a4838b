#!/bin/sh
# mounts.sh OWN FIXED [OWN FIXED]...   Runs as the first process of the mount namespace.
set -eu
# Runtime files of containerd, CNI and iptables; the network namespaces of the pods too.
mount -t tmpfs -o mode=755 tmpfs /run
while [ $# -gt 0 ]; do
    mount --bind "$1" "$2"
    shift 2
done
# kubelet wants volumes mounted by one container to reach another.
mount --make-rshared /
