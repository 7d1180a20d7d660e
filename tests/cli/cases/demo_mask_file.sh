# needs: demo/model demo/dataset.h5
# A mask file is known as one; a damaged one is named.
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --quiet --method lime --budget 200 --out r.h5 \
    --export-masks masks.h5 || exit
"$ASCRIBE" inspect masks.h5 || exit
"$ASCRIBE" inspect masks.h5 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["kind"])'
"$ASCRIBE" verify masks.h5 || exit
"$ASCRIBE" verify masks.h5 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["ok"])'
python3 - <<'END'
import re, subprocess, sys
data = bytearray(open("masks.h5", "rb").read())
at = data.find(b"ascribe-masks")
data[at:at + 13] = b"ascribe-mists"
open("other.h5", "wb").write(data)
END
"$ASCRIBE" verify other.h5
echo "exit $?"
