"$ASCRIBE" devices
"$ASCRIBE" devices --json | python3 -c "
import json, sys
devices = json.load(sys.stdin)[\"devices\"]
assert all(set(device) >= {\"backend\", \"usable\", \"cores\"} for device in devices)
print(len(devices) > 0)"
