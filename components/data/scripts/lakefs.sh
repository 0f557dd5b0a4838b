#!/bin/sh
# Makes the first administrator and the first repository of lakeFS; what is there already stays as it is.
set -eu

answer=$(mktemp)

# Calls METHOD PATH with the body on standard input, keeps the answer and prints the status. The credentials go by a
# file, since arguments are visible in the list of processes.
call() {
    curl --silent --show-error --request "$1" --config "$credentials" --json @- \
        --retry 30 --retry-delay 2 --retry-connrefused --max-time 60 \
        --output "$answer" --write-out '%{http_code}' "$LAKEFS_ENDPOINT/api/v1$2"
}

fail() {
    echo "$1 (lakeFS answered $status: $(jq --raw-output '.message? // .' "$answer"))" >&2
    exit 1
}

credentials=$(mktemp)
status=$(jq --null-input '{
    username: env.LAKEFS_ADMIN,
    key: {access_key_id: env.LAKEFS_ACCESS_KEY_ID, secret_access_key: env.LAKEFS_SECRET_ACCESS_KEY}
}' | call POST /setup_lakefs)
case $status in
200) echo "made the administrator $LAKEFS_ADMIN" ;;
409) echo "the administrator exists" ;;
*) fail "cannot make the administrator" ;;
esac
# The answer repeats the key.
: > "$answer"

printf 'user = "%s:%s"\n' "$LAKEFS_ACCESS_KEY_ID" "$LAKEFS_SECRET_ACCESS_KEY" > "$credentials"
status=$(call GET "/repositories/$LAKEFS_REPOSITORY" < /dev/null)
case $status in
200)
    echo "the repository $LAKEFS_REPOSITORY exists"
    exit 0
    ;;
404) ;;
401) fail "lakeFS was set up with another key: restore the stack's key, or empty the database of lakeFS" ;;
*) fail "cannot look for the repository $LAKEFS_REPOSITORY" ;;
esac

# Every attempt has a prefix of its own: lakeFS refuses one that an interrupted attempt has written to already.
prefix="$LAKEFS_STORAGE/$LAKEFS_REPOSITORY-$(cut -c1-8 /proc/sys/kernel/random/uuid)"
status=$(jq --null-input --arg prefix "$prefix" '{
    name: env.LAKEFS_REPOSITORY,
    storage_namespace: $prefix,
    default_branch: env.LAKEFS_DEFAULT_BRANCH
}' | call POST /repositories)
case $status in
201) echo "made the repository $LAKEFS_REPOSITORY at $prefix" ;;
409) echo "the repository $LAKEFS_REPOSITORY exists" ;;
*) fail "cannot make the repository $LAKEFS_REPOSITORY" ;;
esac
