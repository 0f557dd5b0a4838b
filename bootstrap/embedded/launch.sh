#!/bin/sh
# launch.sh PID_FILE CGROUP_FILE... -- COMMAND...
# Joins the cgroups, records its pid, and becomes the command. All before the command runs, so that no crash
# of the caller can leave a process that is in no cgroup.
set -eu
pid_file=$1
shift
while [ "$1" != -- ]; do
    echo $$ >"$1"
    shift
done
shift
echo $$ >"$pid_file.new"
mv "$pid_file.new" "$pid_file"
exec "$@"
