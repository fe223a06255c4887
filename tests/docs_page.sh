#!/usr/bin/env bash
# Opens the docs page of the service at $1 in headless Chromium: every operation must be on it, and nothing in the
# console. Leaves a picture of it in $2.
set -euo pipefail
page="$1/docs/"
mkdir -p "$2"
results=$(cd "$2" && pwd)

# Opens $1; $2 says what is wanted of it.
open_page() {
  chromium --headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --user-data-dir="$results/profile" --enable-logging=stderr --v=0 --virtual-time-budget=30000 \
    --window-size=1300,1800 "$2" "$1" 2>"$results/log"
}

nothing_on_the_console() {
  if grep CONSOLE "$results/log"; then exit 1; fi
}

# Chromium writes what is said on the console there.
open_page 'data:text/html,<script>console.error("heard")</script>' --dump-dom >/dev/null
grep -q 'CONSOLE.*heard' "$results/log" || { cat "$results/log"; exit 1; }

open_page "$page" --dump-dom >"$results/page.html"
nothing_on_the_console
python3 - "$results/page.html" <<'END'
import json, re, sys
with open("openapi.json") as document:
    paths = json.load(document)["paths"]
documented = {operation["operationId"] for path in paths.values() for operation in path.values()}
shown = set(re.findall(r'id="operations-[^"]*-(\w+)"', open(sys.argv[1]).read()))
assert documented <= shown, documented - shown
print(f"the page shows {len(documented)} operations")
END

open_page "$page" --screenshot="$results/page.png"
open_page "$page#/Coaching%20sessions/createSession" --dump-dom >"$results/operation.html"
nothing_on_the_console
grep -q 'A UUID of the client' "$results/operation.html"
