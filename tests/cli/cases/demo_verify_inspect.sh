# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --out r.h5 --quiet || exit
"$ASCRIBE" verify r.h5 || exit
"$ASCRIBE" verify "$DATA/demo/dataset.h5" || exit
for path in r.h5 "$DATA/demo/dataset.h5" "$DATA/demo/model"; do
    "$ASCRIBE" inspect "$path" > table || exit
    "$ASCRIBE" inspect "$path" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["kind"])' || exit
    "$ASCRIBE" verify "$path" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["ok"])' || exit
done
python3 - <<'END'
data = bytearray(open("r.h5", "rb").read())
open("short.h5", "wb").write(data[:len(data) // 2])
END
"$ASCRIBE" verify short.h5 2> message
echo "exit $?"
