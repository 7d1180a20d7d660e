# needs: demo/model demo/dataset.h5
# Rows are counted while their part is being worked on; rows that were there are no part of the speed.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 8 --rows-per-part 8 --budget 512 --workers 1 --out r.h5
"$ASCRIBE" explain "$@" --progress bar --keep-parts > first 2> bar || exit
rm r.h5
"$ASCRIBE" explain "$@" --progress plain 2> plain || exit
grep -E "rows/s|coalitions/s" plain
"$ASCRIBE" explain "$@" --force --progress none --json > forced || exit
python3 - <<'END'
import json, re
shown = [int(rows) for rows in re.findall(r"(\d+)/8 rows", open("bar").read())]
assert shown == sorted(shown) and shown[0] == 0 and shown[-1] == 8 and any(0 < rows < 8 for rows in shown), shown
assert json.load(open("forced"))["rows_taken_over"] == 0
END
