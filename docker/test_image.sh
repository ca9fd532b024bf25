#!/bin/sh
# Run inside the image: the server starts as somebody else than root, becomes
# healthy, answers, also under load, and stops when it is told to.
set -eu

[ "$(id -u)" != 0 ] || { echo "the image runs as root"; exit 1; }
[ ! -w /usr/local/bin ] || { echo "the image can change itself"; exit 1; }

ports=$(mktemp -u)
attention-server --demo-model --host 127.0.0.1 --grpc-port 0 --http-port 0 \
  --metrics-port 0 --port-file "$ports" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
tries=0
until [ -s "$ports" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$server"; then
    echo "the server did not start"
    exit 1
  fi
  sleep 0.1
done
ATTENTION_SERVER=127.0.0.1:$(sed -n 's/^grpc_port=//p' "$ports")
export ATTENTION_SERVER

tries=0
until attention-client health; do
  tries=$((tries + 1))
  [ "$tries" -le 300 ] || { echo "the server did not become healthy"; exit 1; }
  sleep 0.1
done
attention-client info
attention-client attend --text "it was too tired" --weights average
# 4: this machine was too busy for the client to be on time.
attention-load run --quiet --rate 20 --duration 1 --slo errors=0 || [ $? = 4 ]

kill -TERM "$server"
wait "$server"
trap - EXIT
