#!/bin/sh
# Creates the buckets that are missing and keeps versions of what VERSIONED ones hold. Repeating it changes nothing.
set -eu

request() { # method, path, body: prints the HTTP status; the answer is in /tmp/answer
    digest=$(printf %s "$3" | sha256sum | cut -d' ' -f1)
    # The credentials arrive on standard input: arguments are visible to whoever lists processes.
    printf 'user = "%s:%s"\n' "$ACCESS_KEY_ID" "$SECRET_ACCESS_KEY" |
        curl --config - --silent --show-error --retry 10 --retry-connrefused --retry-delay 2 --max-time 60 \
            --aws-sigv4 "aws:amz:$REGION:s3" --header "x-amz-content-sha256: $digest" \
            --request "$1" --data-binary "$3" --output /tmp/answer --write-out '%{http_code}' "$ENDPOINT/$2"
}

expect() { # wanted status, got, what was done
    if [ "$1" != "$2" ]; then
        echo "$3: the store answered $2: $(cat /tmp/answer)" >&2
        exit 1
    fi
}

for bucket in $VERSIONED $UNVERSIONED; do
    status=$(request GET "$bucket?location=" "")
    if [ "$status" = 404 ]; then
        status=$(request PUT "$bucket" "")
        expect 200 "$status" "create bucket $bucket"
        echo "created $bucket"
    else
        expect 200 "$status" "look up bucket $bucket"
    fi
done

for bucket in $VERSIONED; do
    enabled='<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
    status=$(request PUT "$bucket?versioning=" "$enabled")
    expect 200 "$status" "turn on versioning of $bucket"
done
