#!/bin/sh
# Enrols a device by its code and sends one heartbeat, with nothing of Caretaker's: openssl makes
# key and hashes, curl carries, jose.py signs and verifies with jwcrypto.  For whoever wants to see
# that the protocol is what the documents say, or to write another agent.
# usage: enrol-by-hand.sh CODE FOLDER      FOLDER gets the key, and all that was sent and answered
# SPDX-License-Identifier: Apache-2.0
set -eu
code=$1 dir=$2
jose="/usr/bin/python3 -B $(dirname "$0")/jose.py"
mkdir -p "$dir"
cd "$dir"
umask 077

$jose code "$code" >code.env # HOST CA POLICY SECRET CODE_ID
. ./code.env

# The CA is believed by the fingerprint in the code, not by anybody's store.
openssl s_client -connect "$HOST" -servername "${HOST%:*}" -showcerts </dev/null 2>/dev/null |
	awk '/BEGIN CERT/ { n++; on = 1 } on { print > ("shown-" n ".pem") } /END CERT/ { on = 0 }'
found=
for file in shown-*.pem; do
	sha256=$(openssl x509 -in "$file" -outform DER 2>/dev/null | openssl dgst -sha256 -r | cut -d' ' -f1)
	[ "$sha256" != "$CA" ] || { cp "$file" ca.pem; found=1; }
done
[ -n "$found" ] || { echo "nobody at $HOST shows the CA that the code names" >&2; exit 1; }

openssl ecparam -name prime256v1 -genkey -noout -out device.pem
KID=$($jose thumbprint device.pem)
PROOF=$(printf 'caretaker-enrol-v1\000%s' "$KID" |
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$SECRET" -binary | openssl base64 -A |
	tr '+/' '-_' | tr -d '=')

post() { # URL-PATH FILE
	curl --silent --show-error --fail-with-body --cacert ca.pem --noproxy '*' \
		-H 'Content-Type: application/jose' --data-binary "@$2" "https://$HOST$1"
}
$jose enrol device.pem "$CODE_ID" "$PROOF" >enrol.jws
post /v1/enrol enrol.jws >enrolled.jws || { cat enrolled.jws >&2; exit 1; }
$jose enrolled enrolled.jws enrol.jws "$POLICY" keys.json # verified from the code's thumbprint on
$jose heartbeat device.pem enrolled.jws enrol.jws >heartbeat.jws
post /v1/heartbeats heartbeat.jws >ack.jws || { cat ack.jws >&2; exit 1; }
$jose ack ack.jws keys.json heartbeat.jws
