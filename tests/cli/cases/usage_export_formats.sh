"$ASCRIBE" export r.h5 --csv --jsonl
