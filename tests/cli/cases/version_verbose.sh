"$ASCRIBE" --version --verbose | sed "s/  */ /" | head -1
"$ASCRIBE" version --json | python3 -c "import json, sys; print(len(json.load(sys.stdin)['version'].split('.')))"
